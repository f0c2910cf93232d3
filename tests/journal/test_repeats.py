"""The same label again, by whichever way it comes, changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from interlock.journal import labels
from interlock.journal.record import Label
from interlock.state.tables import LABELS

from .privacy import sealing
from .truths import Kept, micros

ID = "01a1fde6-1134-7512-b0aa-42533d7f090b"


def stored(kept: Kept) -> list[Any]:
    """All labels in the database, in the order of their arrival."""
    return [labels.value(row.value) for row in kept.rows(LABELS)]


def test_a_label_that_holds_is_not_written_again(kept: Kept) -> None:
    """A correction, one that takes it back, and another source are."""
    (id_,) = kept.predict(0)
    for said in ("yes", "yes", "no", "no", "yes"):
        kept.say(said, prediction_id=id_)
    kept.say("yes", prediction_id=id_, source="ann")
    kept.say("yes", prediction_id=id_.upper(), source="ann")
    assert stored(kept) == ["yes", "no", "yes", "yes"]


def test_repeats_within_one_frame_count_once(kept: Kept) -> None:
    """Before its prediction has come, too."""
    said = [
        Label(id=f"{number}", value=labels.packed(value), received=0, prediction=ID)
        for number, value in enumerate(("yes", "yes", "no", "yes"))
    ]
    kept.ship(said)
    assert stored(kept) == ["yes", "no", "yes"]


def test_a_label_by_key_repeats_only_one_by_that_key(kept: Kept) -> None:
    """One by id stays where it is; one by key may move, so neither stands for the other."""
    (id_,) = kept.predict(0, key="bed 7")
    named: dict[str, Any] = {"key": "bed 7", "time": "2026-03-01T00:01:00Z"}
    hashed = {"key": kept.hashed("bed 7"), "at": micros(60)}
    about: dict[str, Any] = {"value": labels.packed("yes"), "received": 0, **hashed}
    kept.ship([Label(id="one", prediction=id_, **about)])
    kept.say("yes", **named)
    assert stored(kept) == ["yes"]
    kept.say("yes", prediction_id=id_)
    assert stored(kept) == ["yes", "yes"]


def test_a_label_by_key_that_waits_repeats_one_that_waits(kept: Kept) -> None:
    """A file that is sent every night must not grow into a heap of orphans."""
    named: dict[str, Any] = {"key": "bed 7", "time": "2026-03-01T00:01:00Z"}
    for said in ("yes", "yes", "no", "no"):
        kept.say(said, **named)
    kept.say("no", **named, deployment="risk")
    assert stored(kept) == ["yes", "no", "no"]


def test_sealed_labels_cannot_be_compared(tmp_path: Path) -> None:
    """The shipper has no key to look with: all of them are kept, as the documentation says."""
    kept = Kept(sealing(tmp_path))
    for _ in range(2):
        kept.say("yes", prediction_id=ID)
    assert len(kept.rows(LABELS)) == 2
    kept.close()
