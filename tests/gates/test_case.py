"""What gates are given, and that looks are paid for."""

from __future__ import annotations

import dataclasses
import re
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from interlock.data import parts, seen
from interlock.errors import ConfigurationError, LeakageError
from interlock.evidence import spending
from interlock.gates import runner
from interlock.package import Package
from interlock.package.builder import build
from interlock.registry import Registry
from tests.gates.conftest import MakeCase, Project, save, signals

KNOWN = "of the different rows, here or there, were looked at before"


def test_a_new_question_costs_more_and_the_same_one_nothing(make_case: MakeCase) -> None:
    """The number of a look follows from what is asked, not from how often."""
    case = make_case()
    first = case.spend("floor", {"bound": 0.8}, 0.05)
    second = case.spend("floor", {"bound": 0.7}, 0.05)
    assert (first.number, second.number) == (1, 2)
    assert case.spend("floor", {"bound": 0.8}, 0.05) == first
    assert second.alpha == spending.allowance(0.05, 2)
    assert case.spend("slices", {"bound": 0.8}, 0.05).number == 1


def test_another_challenger_is_another_look(make_case: MakeCase) -> None:
    """And another champion only where the gate compares with it."""
    one, other = make_case("1.0.1"), make_case("1.0.2")
    assert [case.spend("champion", "s", 0.05).number for case in (one, other)] == [1, 2]
    beside = make_case("1.0.1", "1.0.0")
    assert beside.spend("champion", "s", 0.05).number == 1
    assert beside.spend("champion", "s", 0.05, against=True).number == 3


def test_other_resamples_are_another_look(make_case: MakeCase) -> None:
    """Nobody draws again and again for nothing until a verdict on the edge turns."""
    case = make_case()
    again = make_case(more="[gates.champion]\nresamples = 2001\n")
    assert [one.spend("floor", "s", 0.05).number for one in (case, again)] == [1, 2]


def test_a_look_is_on_record_under_the_digest_of_the_rows(
    make_case: MakeCase, registry: Registry
) -> None:
    """What `model status` and the report count is what was seen."""
    case = make_case()
    look = case.spend("floor", "s", 0.05)
    assert look.holdout == case.holdout().digest
    assert [one.gate for one in registry.looks(look.holdout)] == ["floor"]


def test_without_rows_it_says_how_to_give_some(make_case: MakeCase, waves: Project) -> None:
    """The message names the key and the option."""
    bare = waves._replace(text='[model]\nname = "waves"\n')
    with pytest.raises(ConfigurationError, match=r"\[data\] source .* --holdout"):
        make_case(project=bare).holdout()


def test_a_file_takes_the_place_of_the_holdout(
    make_case: MakeCase, waves: Project, tmp_path: Path
) -> None:
    """With or without a source of all rows; new rows have another digest."""
    fresh = {name: values[:50] for name, values in signals().items()}
    fresh["beat"] = fresh["beat"] + np.float32(0.25)
    save(tmp_path / "fresh.npz", fresh)
    case = make_case(holdout_file=tmp_path / "fresh.npz")
    assert len(case.holdout()) == 50
    assert case.holdout().digest != make_case().holdout().digest
    drop = '[data]\ndrop = ["site", "age"]\n'
    alone = waves._replace(text=f'[model]\nname = "waves"\n{drop}')
    case = make_case(project=alone, holdout_file=tmp_path / "fresh.npz")
    assert len(case.holdout()) == 50
    assert case.training() is None


def test_a_holdout_file_with_training_rows_is_refused(
    make_case: MakeCase, waves: Project, tmp_path: Path
) -> None:
    """A file that leaks is no holdout."""
    shutil.copy(waves.folder / "waves.npz", tmp_path / "same.npz")
    with pytest.raises(LeakageError):
        make_case(holdout_file=tmp_path / "same.npz").holdout()


OTHER = """
[splits]
train = 0.4
validation = 0.05
test = 0.05
holdout = 0.4
staging = 0.1
seed = 1
"""


@pytest.fixture(scope="module")
def learned(waves: Project, tmp_path_factory: pytest.TempPathFactory) -> Package:
    """A tree that knows its training rows by heart, and says which rows trained and chose it."""
    found = parts.read(waves.policy(), waves.folder)
    used = {name: found[name] for name in ("train", "validation", "test")}
    beats = used["train"].features
    assert isinstance(beats, dict)
    tree = DecisionTreeClassifier(random_state=0).fit(beats["beat"], used["train"].truth)
    return build(
        tree,
        name="waves",
        version="1.2.0",
        sample=beats,
        signature=waves.packages["1.0.0"].signature,
        seen=seen.record(used),
        out=tmp_path_factory.mktemp("packages") / "learned",
    )


def resplit(waves: Project) -> Project:
    """The project with another seed of its splits."""
    head = waves.text.partition("[splits]")[0]
    return waves._replace(text=head + OTHER)


def test_rows_that_trained_do_not_judge_whatever_the_policy_says_by_now(
    make_case: MakeCase, waves: Project, learned: Package, registry: Registry
) -> None:
    """Another seed puts training rows into the holdout: no gate looks, and no look is paid for."""
    case = make_case(learned, project=resplit(waves))
    outcome = runner.run(case, ["champion", "floor", "infra"])
    champion, floor, infra = outcome.findings
    known = r"[12]\d\d of 400 holdout rows are among those that waves:1\.2\.0 was trained on"
    assert champion.verdict == infra.verdict == "error"
    assert re.match(known, champion.sentence)
    assert re.match(r"\d\d of 100 staging rows are among", infra.sentence)
    assert floor.verdict == "passed"  # the policy sets no bounds, so it does not look
    digest = parts.read(case.policy, waves.folder)["holdout"].digest
    assert not registry.looks(digest)
    assert runner.run(make_case(learned), ["champion"]).findings[0].verdict != "error"


def test_a_champion_that_has_seen_the_holdout_is_no_opponent(
    make_case: MakeCase, waves: Project, learned: Package
) -> None:
    """Its answers would be better than they ought to be, and the challenger could not win."""
    case = dataclasses.replace(make_case("1.0.1", project=resplit(waves)), champion=learned)
    with pytest.raises(LeakageError, match=r"holdout rows are among those that waves:1\.2\.0"):
        case.holdout()


def test_a_file_of_rows_that_trained_is_refused_without_any_source(
    make_case: MakeCase, waves: Project, learned: Package, tmp_path: Path
) -> None:
    """No policy says what the training rows were, but the package does."""
    some = {name: values[:300] for name, values in signals().items()}
    save(tmp_path / "some.npz", some)
    bare = waves._replace(text='[model]\nname = "waves"\n[data]\ndrop = ["site", "age"]\n')
    with pytest.raises(LeakageError, match=r"of 300 holdout rows are among"):
        make_case(learned, project=bare, holdout_file=tmp_path / "some.npz").holdout()
    silent = make_case("1.0.0", project=bare, holdout_file=tmp_path / "some.npz")
    assert silent.origin("holdout")["seen by challenger"].startswith("unknown")


def test_evidence_says_whose_rows_judged_and_who_has_seen_them(
    make_case: MakeCase, waves: Project, learned: Package, tmp_path: Path
) -> None:
    """The split's own, the policy's file, or one named on the command line."""
    fresh = {name: values[:200] for name, values in signals().items()}
    fresh["beat"] = fresh["beat"] + np.float32(0.25)
    save(tmp_path / "fresh.npz", fresh)
    shutil.copy(tmp_path / "fresh.npz", waves.folder / "stated.npz")
    stated = waves.text.replace("[splits]", 'holdout = "stated.npz"\n[splits]')
    cases = {
        "the policy's own split": make_case(learned, "1.0.0"),
        "the policy's file, stated.npz": make_case(
            learned, "1.0.0", project=waves._replace(text=stated)
        ),
        "a file named on the command line, fresh.npz": make_case(
            learned, "1.0.0", holdout_file=tmp_path / "fresh.npz"
        ),
    }
    for source, case in cases.items():
        (finding,) = runner.run(case, ["champion"]).findings
        assert finding.figures["holdout rows"] == {
            "source": source,
            "count": len(case.holdout()),
            "different": len(case.holdout()),
            "seen by challenger": "none",
            "seen by champion": "unknown: its package does not say which rows those were",
        }


def test_a_file_that_is_sorted_otherwise_is_the_same_holdout(
    make_case: MakeCase, tmp_path: Path
) -> None:
    """It is the same look, with the same figures to the last digit."""
    fresh = {name: values[:200] for name, values in signals().items()}
    fresh["beat"] = fresh["beat"] + np.float32(0.25)
    order = np.random.default_rng(0).permutation(200)
    save(tmp_path / "one.npz", fresh)
    save(tmp_path / "other.npz", {name: values[order] for name, values in fresh.items()})
    one, other = (
        runner.run(
            make_case("1.0.1", "1.0.0", holdout_file=tmp_path / f"{name}.npz"), ["champion"]
        ).findings[0]
        for name in ("one", "other")
    )
    assert (one.look, one.holdout) == (other.look, other.holdout)
    for figure in ("low", "high", "challenger", "champion"):
        assert one.figures[figure] == other.figures[figure]


def test_a_holdout_less_a_row_has_no_alpha_of_its_own(
    make_case: MakeCase, registry: Registry, tmp_path: Path
) -> None:
    """More than half of its rows were looked at: the look is the next one at those, and says so.

    One that shares so much with two makes one holdout of them.
    """
    fresh = {name: values[:200] for name, values in signals().items()}
    fresh["beat"] = fresh["beat"] + np.float32(0.25)
    cut = {"whole": slice(0, 100), "less": slice(0, 99), "half": slice(50, 150)}
    for name, rows in {**cut, "more": slice(40, 140)}.items():
        save(tmp_path / f"{name}.npz", {key: values[rows] for key, values in fresh.items()})

    def looked(name: str) -> tuple[str, int, str]:
        case = make_case("1.0.1", "1.0.0", holdout_file=tmp_path / f"{name}.npz")
        (finding,) = runner.run(case, ["champion"]).findings
        assert finding.holdout == case.holdout().digest
        told = finding.figures["holdout rows"].get("counted with", "")
        return finding.holdout or "", finding.look or 0, told

    whole, look, told = looked("whole")
    assert (look, told) == (1, "")
    less, look, told = looked("less")
    assert (look, told) == (2, f"{whole[:19]}: 100.0% {KNOWN}")
    assert looked("less")[:2] == (less, 2)
    assert registry.looks(less) == registry.looks(whole)
    half, look, told = looked("half")
    assert (look, told) == (1, "")
    assert registry.looks(half) != registry.looks(whole)
    more, look, told = looked("more")
    assert (look, told) == (4, f"{half[:19]}: 100.0% {KNOWN}")
    assert registry.looks(more) == registry.looks(half) == registry.looks(whole)
    assert looked("half")[:2] == (half, 1)


def test_a_holdout_that_other_models_were_looked_at_with_has_no_alpha_of_its_own(
    make_case: MakeCase, registry: Registry, tmp_path: Path
) -> None:
    """Whoever looks under another name first has paid there, and pays here for the next look."""
    fresh = {name: values[:200] for name, values in signals().items()}
    fresh["beat"] = fresh["beat"] + np.float32(0.25)
    for name, rows in {
        "one": slice(0, 100),
        "other": slice(1, 101),
        "new": slice(101, 200),
    }.items():
        save(tmp_path / f"{name}.npz", {key: values[rows] for key, values in fresh.items()})

    def paid(name: str, model: str) -> int:
        case = make_case(holdout_file=tmp_path / f"{name}.npz")
        other = msgspec.structs.replace(case.challenger.manifest, name=model)
        case = dataclasses.replace(
            case, challenger=dataclasses.replace(case.challenger, manifest=other)
        )
        return case.spend("floor", model, 0.05).number

    assert [paid("other", "scratch"), paid("one", "waves"), paid("other", "waves")] == [1, 2, 3]
    assert paid("new", "waves") == 1


def test_a_new_row_that_was_copied_makes_no_new_holdout(
    make_case: MakeCase, registry: Registry, tmp_path: Path
) -> None:
    """Different rows count, as shares of the smaller: nor does a file that holds the old whole."""
    fresh = {name: values[:400] for name, values in signals().items()}
    fresh["beat"] = fresh["beat"] + np.float32(0.25)
    taken = {"old": [*range(100)], "copied": [*range(100), *[100] * 172], "padded": [*range(250)]}
    for name, rows in taken.items():
        save(tmp_path / f"{name}.npz", {key: values[rows] for key, values in fresh.items()})
    looks = [
        make_case(holdout_file=tmp_path / f"{name}.npz").spend("floor", "s", 0.05).number
        for name in taken
    ]
    assert looks == [1, 2, 3]


def test_a_holdout_that_was_rounded_has_no_alpha_of_its_own(
    make_case: MakeCase, tmp_path: Path
) -> None:
    """Nor does one with a column more, which no model reads."""
    fresh = {name: values[:100] for name, values in signals().items()}
    fresh["beat"] = fresh["beat"] + np.float32(0.25)
    save(tmp_path / "exact.npz", fresh)
    save(tmp_path / "rounded.npz", fresh | {"beat": fresh["beat"].astype(float).round(6)})
    save(tmp_path / "more.npz", fresh | {"other": np.arange(100.0)[:, None]})
    looks = [
        make_case(holdout_file=tmp_path / f"{name}.npz").spend("floor", "s", 0.05).number
        for name in ("exact", "rounded", "more")
    ]
    assert looks == [1, 2, 3]
