"""Rows that a model has seen: recognised in whatever file they come, and refused by name."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from interlock import package
from interlock.data import identity, seen
from interlock.data.rows import Rows
from interlock.errors import EvidenceError, LeakageError
from interlock.package import Package, Seen

RANDOM = np.random.default_rng(0)
FRAME = pd.DataFrame({"x": RANDOM.normal(size=60), "n": RANDOM.integers(0, 9, 60)})
GROUPS = np.repeat([f"patient {one}" for one in range(12)], 5).astype(object)


def rows(frame: pd.DataFrame, group: Any = None, **columns: Any) -> Rows:
    """Rows with these features."""
    return Rows(
        features=frame.reset_index(drop=True),
        truth=(frame["x"].astype(float) > 0).to_numpy(),
        index=np.arange(len(frame)),
        group=group,
        columns={name: np.asarray(values) for name, values in columns.items()},
    )


def built(folder: Path, **options: Any) -> Package:
    """A package that says what it has seen, or nothing."""
    model = LogisticRegression().fit(FRAME, np.where(FRAME["x"] > 0, "up", "down"))
    return package.build(model, name="m", sample=FRAME, out=folder / "m", **options)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """A package of a model that has seen 40 rows in two parts, of eight patients."""
    parts = {"train": rows(FRAME[:30], GROUPS[:30]), "test": rows(FRAME[30:40], GROUPS[30:40])}
    known = seen.record(parts, group="patient")
    return built(tmp_path_factory.mktemp("packages"), seen=known)


def test_the_manifest_counts_what_was_seen(judged: Package) -> None:
    """Parts, columns and groups are told; the file beside holds 8 bytes for each hash."""
    facts = judged.manifest.seen
    assert facts is not None
    assert facts.parts == {"train": 30, "test": 10}
    assert (facts.rows, facts.columns) == (40, ("n", "x"))
    assert (facts.groups, facts.group) == (8, "patient")
    assert (judged.path / "seen.bin").stat().st_size == 8 * (1 + 40 + 8)
    assert package.verify(judged.path).digest == judged.digest


def test_fresh_rows_of_fresh_groups_may_judge(judged: Package) -> None:
    """And it is said that none of them was seen."""
    fresh = rows(FRAME[40:], patient=GROUPS[40:])
    assert seen.refuse(fresh, judged, "holdout") == "none"


def test_seen_rows_are_refused_with_their_number_and_what_to_do(judged: Package) -> None:
    """Shuffled, as other types, among columns that are not the model's: they are known."""
    some = FRAME[33:48].sample(frac=1, random_state=1).astype({"n": "float32"})
    other = rows(some.assign(more=1.0), patient=GROUPS[40:55])
    with pytest.raises(
        LeakageError, match=r"^7 of 15 holdout rows are among those that m:1\.0\.0 was trained on"
    ) as caught:
        seen.refuse(other, judged, "holdout")
    assert 'splits.assign = "hash"' in str(caught.value)


def test_other_rows_of_a_seen_group_are_refused(judged: Package) -> None:
    """A patient who was trained on is known by every later row."""
    fresh = rows(FRAME[40:] + 1.0, patient=GROUPS[35:55])
    with pytest.raises(LeakageError, match=r"^1 of 4 groups of staging rows are among"):
        seen.refuse(fresh, judged, "staging")


@pytest.mark.parametrize("kind", [repr, lambda value: Decimal(repr(value))])
def test_seen_rows_are_refused_as_text_and_as_decimals(kind: Any, judged: Package) -> None:
    """What somebody has made of the numbers does not make them other rows."""
    some = FRAME[33:48]
    other = rows(some.assign(x=some["x"].map(kind).astype(object)), patient=GROUPS[40:55])
    with pytest.raises(LeakageError, match=r"^7 of 15 holdout rows"):
        seen.refuse(other, judged, "holdout")


def test_seen_groups_are_refused_whatever_their_numbers_are_written_as(tmp_path: Path) -> None:
    """Patient 3 is patient "3"."""
    known = seen.record({"train": rows(FRAME[:30], np.repeat(range(6), 5))}, group="patient")
    other = rows(FRAME[40:], patient=np.repeat(["5", "6", "7", "8"], 5).astype(object))
    with pytest.raises(LeakageError, match=r"^1 of 4 groups"):
        seen.refuse(other, built(tmp_path, seen=known), "holdout")


@pytest.mark.parametrize(
    ("form", "hashed"),
    [(1, identity.hashes), (2, partial(identity.likenesses, text=False)), (3, identity.likenesses)],
)
def test_rows_in_packages_from_before_are_recognised(
    form: int, hashed: Any, tmp_path: Path
) -> None:
    """Each package by the hashes that it has."""
    known = seen.record({"train": rows(FRAME[:30].astype({"n": str}))})
    facts = msgspec.structs.replace(known.facts, form=form)
    old = Seen(facts, np.unique(hashed(FRAME[:30].astype({"n": str}))), known.groups)
    kept = built(tmp_path, seen=old)
    again = kept.seen()
    assert again is not None
    assert again.facts.form == form
    with pytest.raises(LeakageError, match=r"^5 of 10 holdout rows"):
        seen.refuse(rows(FRAME[25:35].astype({"n": str})), kept, "holdout")


@pytest.mark.parametrize("absent", ["n", "patient"])
def test_rows_that_cannot_be_recognised_are_refused(absent: str, judged: Package) -> None:
    """Leaving a column out of the file hides nothing."""
    columns = {"n": FRAME["n"][40:], "patient": GROUPS[40:]}
    kept = {name: values for name, values in columns.items() if name != absent}
    with pytest.raises(EvidenceError, match=f"holdout rows have no column '{absent}', by which"):
        seen.refuse(rows(FRAME[["x"]][40:], **kept), judged, "holdout")


def test_a_column_that_the_policy_drops_by_now_still_serves(judged: Package) -> None:
    """It is no feature any more, but rows are recognised by it."""
    fresh = rows(FRAME[["x"]][:5], n=FRAME["n"][:5], patient=GROUPS[40:45])
    with pytest.raises(LeakageError, match=r"^5 of 5 holdout rows"):
        seen.refuse(fresh, judged, "holdout")


def test_a_package_that_says_nothing_is_not_refused(tmp_path: Path) -> None:
    """Nothing is known of it, and that is what is said."""
    silent = built(tmp_path)
    assert silent.manifest.seen is None
    assert not (silent.path / "seen.bin").exists()
    assert seen.refuse(rows(FRAME), silent, "holdout").startswith("unknown")
