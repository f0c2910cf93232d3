"""Rollouts from start to end, driven by what is in the database and by a clock of our own."""

from __future__ import annotations

import pytest

from interlock.rollout import evidence, transition
from interlock.state import events
from tests.rollout.world import INTERVAL, SECOND, START, World, Wrong


def verdicts(world: World) -> dict[str, str]:
    """The verdict of each metric at the last look."""
    found = transition.told(world.last()).analysis.findings
    return {one.metric: one.verdict for one in found}


def test_an_equal_challenger_is_widened_and_promoted(world: World) -> None:
    """Traffic grows step by step with the evidence; the alias follows, then the route goes."""
    world.serve(300)
    world.start()
    seen = [world.shares()]
    for _ in range(40):
        outcomes = world.run(1, 400)
        if world.shares() != seen[-1]:
            seen.append(world.shares())
        if world.last().ended:
            break
    assert seen == [
        {"1.0.0": 0.9, "1.1.0": 0.1},
        {"1.0.0": 0.5, "1.1.0": 0.5},
        {"1.0.0": 0.0, "1.1.0": 1.0},  # the old one is still at hand
        {"1.1.0": 1.0},
    ]
    assert (outcomes[0].decision.action, outcomes[0].decision.verdict) == ("finish", "passed")
    assert world.registry.resolve("ecg").version == "1.1.0"
    assert [event for event in world.told() if event != "held"] == [
        "started",
        "widened",
        "widened",
        "promoting",
        "promoted",
    ]
    assert world.registry.history("ecg")[-1].reason == f"rollout {world.last().id} (canary): a test"


def test_traffic_is_widened_no_faster_than_the_bound_allows(world: World) -> None:
    """At every step, the share times the worst that the evidence allows is under the margin."""
    world.serve(300)
    world.start(least_rows=0, least_seconds=0)
    shares = []
    for _ in range(60):
        outcomes = world.run(1, 100)
        if outcomes and outcomes[0].decision.action == "widen":
            told = transition.told(outcomes[0].record)
            shares.append(world.shares()["1.1.0"] * told.analysis.bound)
    assert world.last().status == "promoted"
    assert len(shares) == 2
    assert all(0 < share <= 0.05 for share in shares)


def test_a_worse_challenger_is_rolled_back_by_its_quality(world: World) -> None:
    """Three points worse at a tenth of the traffic: withdrawn, and the figures say why."""
    world.versions["1.1.0"] = Wrong(wrong=0.13)
    world.serve(300)
    world.start(least_seconds=1e9)
    world.run(60, 2000)
    assert world.last().status == "rolled back"
    assert verdicts(world)["quality"] == "failed"
    assert [key for key, value in verdicts(world).items() if value == "failed"] == ["quality"]
    assert "over" in world.sentence()
    assert "would fail it" in world.sentence()
    assert world.shares() == {"1.0.0": 1.0}
    assert world.registry.resolve("ecg").version == "1.0.0"


def test_no_traffic_is_inconclusive_and_holds(world: World) -> None:
    """A week of silence is no evidence for anything."""
    world.serve(300)
    world.start()
    world.run(50, 0, seconds=12_000)
    assert world.now - START > 6 * 86_400 * SECOND
    record = world.last()
    assert (record.status, record.step) == ("running", 0)
    found = transition.told(record).decision
    assert (found.action, found.verdict) == ("hold", "inconclusive")
    assert "no traffic" in found.sentence


def test_each_step_needs_traffic_of_its_own(world: World) -> None:
    """What was seen at a smaller share does not carry a version through the next step."""
    world.serve(300)
    world.start(least_rows=0, margin=1.0, steps=[0.3, 0.6, 1.0])
    world.run(2, 300)
    assert world.last().step == 1
    world.run(20, 0)
    assert (world.last().status, world.last().step) == ("running", 1)
    assert "no traffic at this step" in transition.told(world.last()).decision.sentence


def test_unlabelled_traffic_says_what_to_set(world: World) -> None:
    """Without labels in time, quality is unknown, and the sentence names the setting."""
    world.serve(300)
    world.start()
    world.run(6, 300, labelled=0.0)
    assert verdicts(world)["quality"] == "inconclusive"
    assert "labels.maturity = 0 s" in transition.told(world.last()).decision.sentence
    assert world.last().step == 0


def test_labels_count_once_their_window_has_closed(world: World) -> None:
    """Early labels wait for the late ones of the same interval, and those too late never count."""
    world.maturity = 600.0
    world.serve(300)
    world.start("[labels]\nmaturity = 600.0")
    world.run(9, 300)
    assert transition.told(world.last()).analysis.rows == 0
    world.run(3, 300)
    early = transition.told(world.last()).analysis.rows
    assert early > 0
    world.maturity = 1400.0  # so they come 700 seconds after the prediction
    world.run(20, 300)
    late = transition.told(world.last()).analysis.rows
    world.run(10, 300)
    assert transition.told(world.last()).analysis.rows == late > early


@pytest.mark.parametrize("inconclusive", ["wait", "pause", "proceed"])
def test_what_happens_without_enough_evidence_is_the_policys(
    world: World, inconclusive: str
) -> None:
    """After its patience a rollout waits on, pauses for a person, or goes on."""
    world.serve(300)
    world.start(inconclusive=inconclusive, patience=600.0)
    world.run(11, 200, labelled=0.0)
    assert (world.last().status, world.last().step) == ("running", 0)
    world.run(3, 200, labelled=0.0)
    record = world.last()
    there = {"wait": ("running", 0), "pause": ("paused", 0), "proceed": ("running", 1)}
    assert (record.status, record.step) == there[inconclusive]


def test_no_patience_goes_on_without_traffic(world: World) -> None:
    """To proceed without enough evidence is not to proceed without any traffic."""
    world.serve(300)
    world.start(inconclusive="proceed", patience=0.0)
    world.run(30, 0)
    assert (world.last().status, world.last().step) == ("running", 0)


def test_a_shadow_answers_nobody_and_is_compared_row_by_row(world: World) -> None:
    """Paired differences: no share of the traffic until it has passed, then all of it."""
    world.serve(300)
    world.start(strategy="shadow")
    assert world.shares() == {"1.0.0": 1.0}
    assert [shadow.version for shadow in world.route().shadows] == ["1.1.0"]
    world.run(30, 200)
    assert world.last().status == "promoted"
    assert "widened" not in world.told()


def test_a_worse_shadow_never_answers_anybody(world: World) -> None:
    """It is found out before anybody was hurt."""
    world.versions["1.1.0"] = Wrong(wrong=0.2)
    world.serve(300)
    world.start(strategy="shadow")
    world.run(30, 200)
    assert world.last().status == "rolled back"
    with world.engine.connect() as connection:
        answered = connection.exec_driver_sql(
            "SELECT count(*) FROM interlock_predictions WHERE version = '1.1.0' AND arm != 'shadow'"
        )
        assert answered.scalar_one() == 0


def test_a_shadow_can_come_before_a_canary(world: World) -> None:
    """What the shadow has shown counts: the canary goes on from there."""
    world.serve(300)
    world.start(shadow_first=True)
    world.run(2, 400)
    assert world.last().step == 1
    assert world.shares() == {"1.0.0": 0.9, "1.1.0": 0.1}
    assert world.route().shadows == ()
    world.run(40, 400)
    assert world.last().status == "promoted"


def test_an_ab_test_lasts_until_its_declared_end(world: World) -> None:
    """A fixed split, whatever is seen meanwhile; then the better one by the declared metric."""
    world.versions["1.1.0"] = Wrong(wrong=0.02)
    world.serve(300)
    world.start(strategy="ab", split=0.4, end=1800.0, margin=0.0, metric="brier")
    assert [(arm.name, round(arm.share, 2)) for arm in world.route().arms] == [
        ("a", 0.6),
        ("b", 0.4),
    ]
    world.run(29, 400)
    assert (world.last().status, world.shares()["1.1.0"]) == ("running", 0.4)
    world.run(3, 400)
    assert world.last().status == "promoted"


def test_an_ab_test_without_a_winner_is_not_won(world: World) -> None:
    """A margin of 0 asks for better; equal is inconclusive at the end as well."""
    world.serve(300)
    world.start(strategy="ab", end=600.0, margin=0.0)
    world.run(15, 300)
    assert (world.last().status, world.last().step) == ("running", 0)
    assert verdicts(world)["quality"] == "inconclusive"


def test_blue_green_switches_at_once_and_keeps_the_old_one_warm(world: World) -> None:
    """All traffic goes to green; blue stays loaded for the stated time, then goes."""
    world.serve(300)
    world.start(strategy="blue-green", warm=600.0)
    assert [(arm.name, arm.share) for arm in world.route().arms] == [("blue", 0.0), ("green", 1.0)]
    world.run(9, 100)
    assert world.last().status == "running"
    world.run(2, 100)
    assert world.last().status == "promoted"


def test_blue_green_without_traffic_is_not_promoted(world: World) -> None:
    """Nobody asked, so nobody knows."""
    world.serve(300)
    world.start(strategy="blue-green", warm=60.0)
    world.run(10, 0)
    assert world.last().status == "running"


@pytest.mark.parametrize(
    ("fault", "metric"),
    [(Wrong(failing=0.2), "errors"), (Wrong(latency=0.05), "latency")],
)
def test_green_is_compared_with_what_blue_did_before(
    world: World, fault: Wrong, metric: str
) -> None:
    """Nothing answers beside it any more, so the champion's past is the measure."""
    world.versions["1.1.0"] = fault
    world.serve(300)
    world.start(strategy="blue-green")
    world.run(10, 100)
    assert world.last().status == "rolled back"
    assert verdicts(world)[metric] == "failed"
    assert world.shares() == {"1.0.0": 1.0}


def test_recreate_goes_live_at_once(world: World) -> None:
    """Without a step there is nothing to wait for."""
    world.start(strategy="recreate")
    world.controller().tick()
    assert world.last().status == "promoted"
    assert world.registry.resolve("ecg").version == "1.1.0"


@pytest.mark.parametrize(
    ("fault", "metric"),
    [
        (Wrong(failing=0.05), "errors"),
        (Wrong(latency=0.02), "latency"),
        (Wrong(wrong=0.6), "answers"),
    ],
)
def test_faults_of_the_service_roll_back_without_labels(
    world: World, fault: Wrong, metric: str
) -> None:
    """Errors, latency and other answers than the champion's need no truth to be seen."""
    world.versions["1.1.0"] = fault
    world.serve(300)
    world.start(least_seconds=1e9)
    world.run(30, 400, labelled=0.0)
    assert world.last().status == "rolled back"
    assert verdicts(world)[metric] == "failed"


@pytest.mark.parametrize("strategy", ["canary", "shadow", "blue-green"])
def test_a_version_that_refuses_what_the_champion_takes_is_rolled_back(
    world: World, strategy: str
) -> None:
    """A refusal is an answer that nobody got; for a shadow, one that the caller did get."""
    world.serve(300)
    world.versions["1.1.0"] = Wrong(refusing=0.3)
    world.start(strategy=strategy, least_seconds=1e9, warm=1e9)
    world.run(30, 200, labelled=0.0)
    assert world.last().status == "rolled back"
    assert [key for key, value in verdicts(world).items() if value == "failed"] == ["errors"]
    assert "failed" in world.sentence()


def test_a_shadow_is_not_excused_by_what_the_champion_refuses(world: World) -> None:
    """It was never given that: what it refuses, it refuses of what the champion took."""
    world.versions = {"1.0.0": Wrong(refusing=0.3), "1.1.0": Wrong(refusing=0.1)}
    world.serve(300)
    world.start(strategy="shadow", least_seconds=1e9)
    world.run(30, 200, labelled=0.0)
    assert world.last().status == "rolled back"


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_nonsense_from_callers_blames_nobody(world: World, strategy: str) -> None:
    """Both refuse it alike: at once beside each other, and as before where nothing is beside."""
    world.versions = {"1.0.0": Wrong(refusing=0.3), "1.1.0": Wrong(refusing=0.3)}
    world.serve(300)
    world.start(strategy=strategy, least_seconds=1e9, warm=1e9, error_share=0.05)
    world.run(30, 200)
    assert (world.last().status, verdicts(world)["errors"]) == ("running", "passed")


def test_nonsense_that_begins_when_the_champion_is_not_asked_blames_nobody(world: World) -> None:
    """Where little is asked, some intervals are a canary's alone: no refusals of the champion."""
    world.serve(300)
    world.versions = {"1.0.0": Wrong(refusing=0.5), "1.1.0": Wrong(refusing=0.5)}
    world.start(least_seconds=1e9, steps=[0.5, 1.0])
    world.run(200, 1)
    assert (world.last().status, verdicts(world)["errors"]) == ("running", "passed")


def test_a_slow_day_for_everybody_is_no_fault_of_the_challenger(world: World) -> None:
    """Latency is compared in the same interval: what makes all slow blames nobody."""
    world.serve(300)
    world.start(least_seconds=1e9)
    world.versions = {"1.0.0": Wrong(latency=0.05), "1.1.0": Wrong(latency=0.05)}
    world.run(20, 400)
    assert world.last().status == "running"
    assert verdicts(world)["latency"] == "passed"


def test_a_canary_under_its_floor_is_rolled_back_though_the_champion_is_no_better(
    world: World,
) -> None:
    """The floor is absolute."""
    world.versions = {"1.0.0": Wrong(wrong=0.3), "1.1.0": Wrong(wrong=0.3)}
    world.serve(300)
    world.start("[rollout.floor]\naccuracy = 0.85", least_seconds=1e9)
    world.run(30, 1000)
    assert world.last().status == "rolled back"
    assert [key for key, value in verdicts(world).items() if value == "failed"] == [
        "floor accuracy"
    ]
    assert "its floor is 0.85" in world.sentence()


def test_keys_count_once_where_they_are_the_unit(world: World) -> None:
    """Thirty patients who come again and again are thirty units, however many rows they send."""
    world.serve(300, keys=30)
    world.start("[labels]\nunit = 'key'", least_rows=0)
    world.run(10, 300, keys=30)
    told = transition.told(world.last())
    assert 0 < told.analysis.rows <= 15
    assert world.last().step == 0
    said = f"({told.analysis.rows} different keys were compared since it began; only new keys count"
    assert said in told.decision.sentence


@pytest.mark.parametrize("strategy", ["canary", "shadow"])
def test_rows_of_one_request_count_as_one(world: World, strategy: str) -> None:
    """Fifty rows that are right or wrong together say no more than one of them."""
    world.serve(300, rows=50)
    world.start(
        "[rollout.floor]\naccuracy = 0.85", strategy=strategy, least_rows=100, steps=[0.5, 1]
    )
    world.run(4, 40, rows=50)
    told = transition.told(world.last())
    known = evidence.read(world.last().evidence)
    assert 60 <= told.analysis.rows == len(known.quality) <= told.analysis.requests <= 160
    assert len(known.floors["accuracy"]) == known.requests
    found = next(one for one in told.analysis.findings if one.metric == "quality")
    assert f"over {told.analysis.rows} requests its loss" in found.sentence


def test_labelled_requests_are_what_a_step_needs(world: World) -> None:
    """However many rows they have."""
    world.serve(300, rows=50)
    world.start(least_rows=100, margin=1.0, steps=[0.5, 1])
    world.run(3, 40, rows=50)
    assert (
        "of at least 100 labelled requests compared"
        in transition.told(world.last()).decision.sentence
    )
    assert world.last().step == 0


def test_a_champion_changed_by_a_person_ends_the_rollout(world: World) -> None:
    """What it was compared with is live no more."""
    third = world.third()
    world.serve(300)
    world.start()
    world.run(2)
    world.registry.promote("ecg", third, "champion", "I know better", force=True)
    world.run(1)
    assert world.last().status == "aborted"
    assert "became champion meanwhile" in world.sentence()
    assert world.shares() == {third: 1.0}


def test_a_version_promoted_by_a_person_has_arrived(world: World) -> None:
    """Whoever makes it champion meanwhile ends its rollout, too."""
    world.serve(300)
    world.start()
    world.run(1)
    world.registry.promote("ecg", "1.1.0", "champion", "now", force=True)
    world.run(1)
    assert world.last().status == "promoted"
    assert "by a person meanwhile" in world.sentence()


def test_every_transition_says_why(world: World) -> None:
    """Each event has a sentence, and those of the controller the figures as well."""
    world.serve(300)
    record = world.start()
    world.run(40, 400)
    told = events.read(world.engine, record.id)
    assert [event.sequence for event in told] == list(range(1, len(told) + 1))
    assert all(len(event.sentence) > 20 for event in told)
    widened = next(event for event in told if event.event == "widened")
    assert "from 10% to 50%" in widened.sentence
    assert '"metric":"quality"' in widened.document
    assert widened.moment == START + 60 * SECOND + 2 * INTERVAL * SECOND
