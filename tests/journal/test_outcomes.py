"""Predictions beside the truth: which count, by when, and as how many."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from interlock.journal import seal
from interlock.journal.outcomes import Outcomes, outcomes
from interlock.settings import Settings

from .privacy import sealing
from .truths import DAYS, Kept, micros, yes


def of(kept: Kept, now: float = 1000, **more: Any) -> Outcomes:
    """What is known at `now`, in seconds."""
    return outcomes(kept.engine, "risk", now=micros(now), **more)


def truths(found: Outcomes) -> list[Any]:
    """The labels in force, in the order of their predictions."""
    return [row.truth for row in found.rows]


def test_a_prediction_stands_beside_its_label(kept: Kept) -> None:
    """Everything that a judge of the model needs is in one row."""
    (id_,) = kept.predict(5, yes(0.75), version="1.2.0", key="bed 7")
    kept.say("no", prediction_id=id_, received=60, source="ann", observed="2026-03-01T00:00:30Z")
    (row,) = of(kept).rows
    assert (row.prediction, row.version, row.arm, row.primary) == (id_, "1.2.0", "live", None)
    assert (row.moment, row.observed, row.received) == (micros(5), micros(30), micros(60))
    assert (row.answer, row.truth, row.source) == (yes(0.75), "no", "ann")
    assert (row.unit, row.weight) == (id_, 1.0)


def test_the_last_correction_holds(kept: Kept) -> None:
    """In the order in which labels were received, not in that of their arrival here."""
    (id_,) = kept.predict(0)
    kept.say("yes", prediction_id=id_, received=30)
    kept.say("no", prediction_id=id_, received=20)
    assert truths(of(kept)) == ["yes"]
    kept.say("no", prediction_id=id_, received=40)
    kept.say("no", prediction_id=id_, received=50)
    assert truths(of(kept)) == ["no"]


def test_what_came_later_is_not_known_yet(kept: Kept) -> None:
    """The same `now` tells the same, whenever it is asked."""
    (id_,) = kept.predict(0)
    kept.say("yes", prediction_id=id_, received=30)
    kept.say("no", prediction_id=id_, received=40)
    kept.predict(50)
    assert truths(of(kept, now=35)) == ["yes"]
    assert of(kept, now=20).unlabelled == 1
    assert of(kept, now=45).unlabelled == 0
    assert of(kept, now=50).unlabelled == 1


def test_early_labels_wait_until_the_window_has_closed(kept: Kept) -> None:
    """Labels that come early are no fair sample: bad news may travel faster."""
    for second in (0, 10):
        (id_,) = kept.predict(second)
        kept.say("no", prediction_id=id_, received=second + 1)
    kept.predict(5)
    for now, rows, immature, unlabelled in ((99.9, 0, 3, 0), (100, 1, 2, 0), (105, 1, 1, 1)):
        found = of(kept, now=now, maturity=100)
        assert (len(found.rows), found.immature, found.unlabelled) == (rows, immature, unlabelled)


def test_decisions_leave_out_what_came_too_late(kept: Kept) -> None:
    """A correction after the window changes what is known, not what was decided."""
    (id_,) = kept.predict(0)
    (late,) = kept.predict(1)
    kept.say("yes", prediction_id=id_, received=99)
    kept.say("no", prediction_id=id_, received=101)
    kept.say("no", prediction_id=late, received=500)
    assert truths(of(kept, maturity=100)) == ["no", "no"]
    decided = of(kept, maturity=100, late=False)
    assert (truths(decided), decided.unlabelled) == (["yes"], 1)


def test_all_rows_of_a_key_count_as_one(kept: Kept) -> None:
    """A patient with a hundred beats is one patient; rows without a key are nobody's."""
    for key in ("bed 7", "bed 7", "bed 8", None):
        for id_ in kept.predict(0, key=key):
            kept.say("no", prediction_id=id_)
    found = of(kept, unit="key")
    assert sorted(row.weight for row in found.rows) == [0.5, 0.5, 1.0]
    assert {row.unit for row in found.rows} == {kept.hashed(k).hex() for k in ("bed 7", "bed 8")}
    assert (found.units, found.keyless) == (2, 1)
    assert (of(kept).units, of(kept).keyless) == (4, 0)


def test_only_the_stretch_and_the_deployment_that_are_asked_for(kept: Kept) -> None:
    """`since` is included, `until` is not."""
    for second in (10, 20, 30):
        (id_,) = kept.predict(second)
        kept.say("yes" if second == 20 else "no", prediction_id=id_)
    (other,) = kept.predict(20, deployment="stay")
    kept.say("no", prediction_id=other)
    assert truths(of(kept, since=micros(20), until=micros(30))) == ["yes"]


def test_a_shadow_is_judged_by_the_label_of_what_it_followed(kept: Kept) -> None:
    """Both answers to one request have one truth, and are told apart."""
    (id_,) = kept.predict(0, yes(0.75))
    kept.predict(0, yes(0.25), version="2.0.0", primary=id_)
    kept.say("no", prediction_id=id_)
    rows = {row.arm: row for row in of(kept).rows}
    assert rows["shadow"].primary == id_
    assert rows["shadow"].answer["label"] == rows["shadow"].truth == rows["live"].truth == "no"


def test_labels_that_cannot_be_right_are_counted_aside(kept: Kept) -> None:
    """They say nothing of the model."""
    (class_,) = kept.predict(0)
    (number,) = kept.predict(1, {"value": 2.0}, signature=DAYS)
    (text,) = kept.predict(2, {"value": 2.0}, signature=DAYS)
    kept.say("maybe", prediction_id=class_)
    kept.say([1.0, 2.0], prediction_id=number)
    kept.say("3.5", prediction_id=text)
    found = of(kept)
    assert (found.misfits, truths(found)) == (2, [3.5])


def test_sealed_rows_need_their_keys(tmp_path: Path) -> None:
    """Without a key at hand they are counted, and with it they are as any other."""
    kept = Kept(sealing(tmp_path))
    (id_,) = kept.predict(0, subject="ann")
    kept.say("no", prediction_id=id_)
    assert (of(kept).rows, of(kept).sealed) == ((), 1)
    opener = seal.opener(kept.settings)
    assert truths(of(kept, opener=opener)) == ["no"]
    opener.close()
    kept.close()


def test_no_traffic_is_nothing(kept: Kept) -> None:
    """Neither good nor bad."""
    assert of(kept) == Outcomes(
        rows=(), units=0, immature=0, unlabelled=0, keyless=0, sealed=0, misfits=0
    )


def test_the_present_is_meant_where_no_moment_is_given(tmp_path: Path) -> None:
    """The plain call looks at all there is."""
    kept = Kept(Settings(home=tmp_path))
    (id_,) = kept.predict(0)
    kept.say("no", prediction_id=id_)
    assert truths(outcomes(kept.engine, "risk")) == ["no"]
    assert outcomes(kept.engine, "risk", maturity=1e9).immature == 1
    kept.close()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_labels_at_one_moment_the_one_that_arrived_last_holds(
    kept: Kept, order: tuple[int, int]
) -> None:
    """A list may hold a label and its correction."""
    (id_,) = kept.predict(0)
    for index in order:
        kept.say(("no", "yes")[index], prediction_id=id_, received=5)
    assert truths(of(kept)) == [("no", "yes")[order[1]]]
