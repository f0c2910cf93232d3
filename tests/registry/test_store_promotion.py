"""Promotion and rollback, against everything that MLflow can keep a registry in."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
import sqlalchemy as sa

from interlock.errors import (
    ConfigurationError,
    ConflictError,
    PromotionError,
    RegistryError,
    UnknownError,
)
from interlock.registry import Evidence, Registry, Version
from interlock.settings import Settings

MakePackage = Callable[..., Path]
Judge = Callable[..., list[Evidence]]
Versions = list[Version]


@pytest.fixture
def versions(any_registry: Registry, make_package: MakePackage, name: str) -> Versions:
    """Three versions, the first of which is champion."""
    made = [
        any_registry.register(make_package(name, f"1.{number}.0", weights=str(number)))
        for number in range(3)
    ]
    any_registry.promote(name, "1.0.0", "champion", "first release", force=True)
    return made


def live(registry: Registry, name: str) -> str:
    """The version that is champion."""
    return registry.resolve(name).version


def test_a_version_whose_gates_passed_is_promoted(
    any_registry: Registry, versions: Versions, judge: Judge, name: str
) -> None:
    """The history says who did it, why, and that nobody forced it."""
    judge(versions[1], versions[0].digest, parity="passed", champion="passed")
    promoted = any_registry.promote(name, "1.1.0", "champion")
    assert promoted.aliases == ("champion",)
    assert live(any_registry, name) == "1.1.0"
    last = any_registry.history(name)[-1]
    assert (last.actor, last.reason) == ("ann", "passed parity, champion")
    assert (last.move, last.forced) == ("promotion", False)


def test_a_version_without_evidence_stays_where_it_is(
    any_registry: Registry, versions: Versions, judge: Judge, name: str
) -> None:
    """Gates of another package with the same name do not count, whatever they found."""
    judge(versions[2], versions[0].digest, parity="passed", champion="passed")
    with pytest.raises(PromotionError, match="no gate was run on"):
        any_registry.promote(name, "1.1.0", "champion")
    judge(versions[1], versions[0].digest, parity="passed")
    any_registry.promote(name, "1.1.0", "staging", "to be looked at")
    with pytest.raises(PromotionError, match="champion: missing"):
        any_registry.promote(name, "1.1.0", "champion")
    judge(versions[1], versions[0].digest, champion="inconclusive")
    with pytest.raises(PromotionError, match="champion: inconclusive; champion says so"):
        any_registry.promote(name, "1.1.0", "champion")
    assert live(any_registry, name) == "1.0.0"
    assert any_registry.resolve(f"{name}@staging").version == "1.1.0"


def test_a_person_may_force_it_for_ever_on_record(
    any_registry: Registry, versions: Versions, name: str
) -> None:
    """With a reason; what was forced is marked in the list as long as it is there."""
    with pytest.raises(ConfigurationError, match="say why with --reason"):
        any_registry.promote(name, "1.1.0", "champion", force=True)
    any_registry.promote(name, "1.1.0", "champion", "the old one harms", force=True)
    last = any_registry.history(name)[-1]
    assert (last.version, last.reason, last.forced) == ("1.1.0", "the old one harms", True)
    assert [one.forced for one in any_registry.versions(name)] == [(), ("champion",), ()]


def test_an_alias_that_was_set_by_hand_counts_as_forced(
    any_registry: Registry, versions: Versions, name: str
) -> None:
    """Nobody passes by the gates unseen; aliases that need no evidence are nobody's business."""
    with pytest.raises(PromotionError, match="no gate was run on"):
        any_registry.set_alias(name, "champion", "1.1.0", "I know better")
    any_registry.set_alias(name, "champion", "1.1.0", "I know better", force=True)
    any_registry.set_alias(name, "experiment", "1.2.0", "just a name")
    forced = {one.alias: one.forced for one in any_registry.history(name) if one.end is None}
    assert forced == {"champion": True, "experiment": False}


def test_a_promotion_is_held_to_what_the_champion_was_held_to(
    any_registry: Registry, versions: Versions, judge: Judge, name: str
) -> None:
    """Gates that are needed no more are asked for once more; other rules are on record."""
    judge(versions[1], versions[0].digest, parity="passed", champion="passed")
    any_registry.promote(name, "1.1.0", "champion")
    # Nobody relaxes the champion's rules by another run on the champion.
    lax = {"staging": [], "champion": ["parity"]}
    judge(versions[1], versions[0].digest, policy="sha256:lax", needs=lax, parity="passed")
    judge(versions[2], versions[1].digest, policy="sha256:lax", needs=lax, parity="passed")
    with pytest.raises(PromotionError, match=r"champion: dropped; 1\.1\.0 became champion under"):
        any_registry.promote(name, "1.2.0", "champion")
    any_registry.promote(name, "1.2.0", "staging", "to be looked at")
    judge(versions[2], versions[1].digest, policy="sha256:lax", needs=lax, champion="passed")
    any_registry.promote(name, "1.2.0", "champion")
    told = [one.reason for one in any_registry.history(name)[-2:]]
    other = "(under another policy than 1.1.0's)"
    assert told == [f"to be looked at {other}", f"passed parity, champion {other}"]


def test_the_champion_goes_to_staging_without_being_compared_with_itself(
    any_registry: Registry, versions: Versions, judge: Judge, name: str
) -> None:
    """Whoever clears staging puts what is live there."""
    judge(versions[1], versions[0].digest, parity="passed", champion="passed")
    any_registry.promote(name, "1.1.0", "champion")
    assert any_registry.promote(name, "1.1.0", "staging").aliases == ("champion", "staging")
    with pytest.raises(PromotionError, match="no gate was run"):
        any_registry.promote(name, "1.0.0", "staging")


def test_evidence_against_a_champion_that_is_gone_does_not_count(
    any_registry: Registry, versions: Versions, judge: Judge, name: str
) -> None:
    """Two were compared with the first champion: the second is told who was first."""
    for version in versions[1:]:
        judge(version, versions[0].digest, parity="passed", champion="passed")
    any_registry.promote(name, "1.1.0", "champion")
    with pytest.raises(ConflictError, match=r"changed since .*: ann put champion .* on 1\.1\.0"):
        any_registry.promote(name, "1.2.0", "champion")
    with pytest.raises(ConflictError, match=r"1\.1\.0 is champion already: ann put"):
        any_registry.promote(name, "1.1.0", "champion")
    judge(versions[2], versions[1].digest, champion="passed")
    assert any_registry.promote(name, "1.2.0", "champion").aliases == ("champion",)


def test_a_champion_that_was_moved_behind_our_back_is_seen(
    any_registry: Registry, versions: Versions, judge: Judge, name: str
) -> None:
    """What MLflow says is live is what evidence has to be against."""
    judge(versions[1], versions[0].digest, parity="passed", champion="passed")
    any_registry._backend.set_alias(name, "champion", versions[2].number)
    with pytest.raises(ConflictError, match=r"somebody without Interlock put .* on 1\.2\.0"):
        any_registry.promote(name, "1.1.0", "champion")


def test_of_those_who_promote_at_once_one_wins_and_all_others_are_told(
    any_registry: Registry, settings: Settings, versions: Versions, judge: Judge, name: str
) -> None:
    """Whether they promote the same version or different ones."""
    for version in versions[1:]:
        judge(version, versions[0].digest, parity="passed", champion="passed")
    start = Barrier(4)

    def promote(number: int) -> str:
        actor = f"promoter {number}"
        registry = Registry(
            Settings(home=settings.home, tracking_uri=settings.tracking_uri, actor=actor)
        )
        registry.resolve(name)
        start.wait()
        try:
            return registry.promote(name, f"1.{1 + number % 2}.0", "champion").version
        except ConflictError as error:
            return str(error)
        finally:
            registry.close()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(promote, range(4)))
    (winner,) = [number for number, said in enumerate(answers) if said.startswith("1.")]
    assert all(f"promoter {winner} put champion" in said for said in answers if said[:2] != "1.")
    assert live(any_registry, name) == answers[winner]
    assert len([one for one in any_registry.history(name) if one.alias == "champion"]) == 2


def test_of_processes_that_promote_at_once_one_wins(
    any_registry: Registry, settings: Settings, versions: Versions, judge: Judge, name: str
) -> None:
    """They share nothing but the database."""
    for version in versions[1:]:
        judge(version, versions[0].digest, parity="passed", champion="passed")
    script = f"""
import sys
from pathlib import Path
from interlock.errors import ConflictError
from interlock.registry import Registry
from interlock.settings import Settings
registry = Registry(Settings(home=Path({str(settings.home)!r}),
                             tracking_uri={settings.tracking_uri!r}, actor=sys.argv[1]))
registry.resolve({name!r})
print("ready", flush=True)
sys.stdin.readline()
try:
    print("won", registry.promote({name!r}, sys.argv[1], "champion"))
except ConflictError as error:
    print("lost", error)
"""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, version],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for version in ("1.1.0", "1.2.0")
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    answers = sorted(process.communicate(timeout=60)[0] for process in processes)
    assert [answer.split()[0] for answer in answers] == ["lost", "won"]
    winner = live(any_registry, name)
    assert f"{winner} put champion of {name} on {winner}" in answers[0]
    assert f"{name}:{winner}" in answers[1]


def test_a_decision_on_an_old_view_is_not_carried_out(
    any_registry: Registry, versions: Versions, judge: Judge, name: str
) -> None:
    """The champion moved after the evidence was read and before the alias was moved."""
    ledger = any_registry._ledger
    with pytest.raises(ConflictError, match=r"ann put champion .* on 1\.0\.0 .* nothing was moved"):
        ledger.move(
            name,
            "champion",
            versions[1],
            actor="bob",
            reason="better",
            seen={"champion": versions[2].number},
        )
    assert live(any_registry, name) == "1.0.0"
    assert [one.event for one in any_registry._history.entries(name)] == ["intended", "moved"]


def test_a_rollback_goes_back_and_once_more_further_back(
    any_registry: Registry, versions: Versions, name: str
) -> None:
    """The history says so, and what was forced the first time is marked again."""
    any_registry.promote(name, "1.1.0", "champion", "by hand", force=True)
    any_registry.promote(name, "1.2.0", "champion", "by hand", force=True)
    assert any_registry.rollback(name, "it harms").version == "1.1.0"
    assert any_registry.rollback(name).version == "1.0.0"
    assert live(any_registry, name) == "1.0.0"
    first, second = any_registry.history(name)[-2:]
    assert (first.move, first.reason, first.forced) == ("rollback", "it harms", True)
    assert (second.move, second.reason) == ("rollback", "rolled back from 1.1.0")
    with pytest.raises(UnknownError, match=r"there is nothing to roll .* back to"):
        any_registry.rollback(name)
    assert live(any_registry, name) == "1.0.0"


def test_a_rollback_to_a_version_that_passed_is_not_forced(
    any_registry: Registry, versions: Versions, judge: Judge, name: str
) -> None:
    """It is there again by the right by which it was there first."""
    judge(versions[1], versions[0].digest, parity="passed", champion="passed")
    any_registry.promote(name, "1.1.0", "champion")
    any_registry.promote(name, "1.2.0", "champion", "by hand", force=True)
    any_registry.rollback(name)
    assert any_registry.history(name)[-1].forced is False


def test_those_who_roll_back_at_once_go_back_once(
    any_registry: Registry,
    settings: Settings,
    versions: Versions,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two people who see the same harm do not undo two promotions: the second is told."""
    any_registry.promote(name, "1.1.0", "champion", "by hand", force=True)
    any_registry.promote(name, "1.2.0", "champion", "by hand", force=True)
    others = [Registry(settings) for _ in range(2)]
    entries = any_registry._ledger.entries(name)
    for other in others:
        # Both have looked before either moves.
        monkeypatch.setattr(other._ledger, "entries", lambda _name: entries)
    assert others[0].rollback(name).version == "1.1.0"
    with pytest.raises(ConflictError, match=r"ann put champion .* on 1\.1\.0"):
        others[1].rollback(name)
    for other in others:
        other.close()
    assert live(any_registry, name) == "1.1.0"


def test_a_cached_version_is_rolled_back_to_without_its_artefacts(
    registry: Registry, home: Path, make_package: MakePackage
) -> None:
    """An artefact store that is down keeps nobody from rolling back; without a copy it does."""
    for number in range(2):
        registry.register(make_package("ecg", f"1.{number}.0", weights=str(number)))
        registry.promote("ecg", f"1.{number}.0", "champion", "by hand", force=True)
    shutil.move(home / "artifacts", home / "elsewhere")
    with pytest.raises(RegistryError, match=r"ecg:1\.0\.0 .* cannot be had.*Nothing was moved"):
        registry.rollback("ecg")
    assert live(registry, "ecg") == "1.1.0"
    shutil.move(home / "elsewhere", home / "artifacts")
    registry.pull("ecg:1.0.0")
    shutil.move(home / "artifacts", home / "elsewhere")
    assert registry.rollback("ecg").version == "1.0.0"


def test_a_broken_history_keeps_nobody_from_rolling_back(
    registry: Registry, make_package: MakePackage
) -> None:
    """The chain is for those who ask what was; an emergency is now."""
    for number in range(2):
        registry.register(make_package("ecg", f"1.{number}.0", weights=str(number)))
        registry.promote("ecg", f"1.{number}.0", "champion", "by hand", force=True)
    with registry._database.engine.begin() as connection:
        connection.execute(sa.text("DROP TRIGGER interlock_history_update"))
        connection.execute(sa.text("UPDATE interlock_history SET reason = 'another'"))
    with pytest.raises(RegistryError, match="history of ecg is broken"):
        registry.status("ecg")
    assert registry.rollback("ecg").version == "1.0.0"


def test_a_model_that_does_not_exist_is_answered_with_those_that_do(registry: Registry) -> None:
    """Whether it is to be promoted, rolled back or told of."""
    for ask in (
        lambda: registry.promote("egc", "1.0.0", "champion"),
        lambda: registry.rollback("egc"),
        lambda: registry.status("egc"),
    ):
        with pytest.raises(UnknownError, match="no model is called 'egc'"):
            ask()


def test_the_status_says_who_is_live_by_what_right(
    any_registry: Registry, versions: Versions, judge: Judge, name: str
) -> None:
    """Champion, the one before, and others; their verdicts; the looks that their holdout took."""
    judge(versions[1], versions[0].digest, parity="passed", champion="passed")
    any_registry.promote(name, "1.1.0", "champion", "better recall")
    judge(versions[2], versions[1].digest, parity="passed")
    any_registry.promote(name, "1.2.0", "staging")
    any_registry.spend("sha256:h", "champion", name, 0.05)
    status = any_registry.status(name)
    told = [
        (one.role, one.period.version, one.period.forced, one.gates) for one in status.standings
    ]
    passed = {"parity": "passed", "champion": "passed"}
    assert told == [
        ("champion", "1.1.0", False, passed),
        ("previous champion", "1.0.0", True, {}),
        ("staging", "1.2.0", False, {"parity": "passed"}),
    ]
    (spent,) = status.holdouts
    assert (spent.holdout, spent.gate) == ("sha256:h", "champion")
    assert 0 <= spent.left < 0.05


def test_a_rollback_of_a_certain_version_is_done_once(
    any_registry: Registry, versions: Versions, name: str
) -> None:
    """Who comes second does not go further back: that version is champion no more."""
    any_registry.promote(name, "1.1.0", "champion", "second", force=True)
    any_registry.promote(name, "1.2.0", "champion", "third", force=True)
    any_registry.rollback(name, "worse", of=versions[2].digest)
    with pytest.raises(ConflictError, match="so nothing was rolled back"):
        any_registry.rollback(name, "worse", of=versions[2].digest)
    assert live(any_registry, name) == "1.1.0"


def test_evidence_can_be_asked_for_without_moving_anything(
    any_registry: Registry, versions: Versions, judge: Judge, name: str
) -> None:
    """The same refusals as a promotion's, and the alias stays where it is."""
    with pytest.raises(PromotionError, match="no gate was run on"):
        any_registry.demand(name, "1.1.0", "champion")
    judge(versions[1], versions[0].digest, parity="passed", champion="passed")
    assert any_registry.demand(name, "1.1.0", "champion").digest == versions[1].digest
    assert live(any_registry, name) == "1.0.0"
