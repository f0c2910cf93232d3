"""The ledger: an answer that is not on record is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from interlock.demo import ledger
from interlock.demo.asked import Asked, Writer
from interlock.demo.tally import Tally
from interlock.settings import Settings
from interlock.state import database, schema
from interlock.state.tables import LABELS, PREDICTIONS


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    """A journal with two answers of a champion, one of a canary, one in the shadow, one label."""
    made = database.connect(Settings(home=tmp_path))
    schema.ensure(made)
    arms = {"a": ("1.0.0", "live"), "b": ("1.0.0", "live"), "c": ("1.1.0", "canary")}
    same = {"moment": 1, "deployment": "ecg", "door": "plain", "latency": 0.1, "payload": b""}
    rows = [
        {"id": one, "version": version, "arm": arm, **same}
        for one, (version, arm) in {**arms, "d": ("1.1.0", "shadow")}.items()
    ]
    label = {"id": "l", "prediction": "a", "value": b"", "received": 1, "source": "cardiologist"}
    with made.begin() as connection:
        connection.execute(sa.insert(PREDICTIONS), rows)
        connection.execute(sa.insert(LABELS), [label])
    yield made
    made.dispose()


def tally(folder: Path, **versions: str) -> Tally:
    with Writer(folder / "asked") as writer:
        for one, version in versions.items():
            writer.add(Asked(0, 0.0, one, version))
    return Tally(folder / "asked")


def test_every_answer_is_found_by_arm(tmp_path: Path, engine: sa.Engine) -> None:
    """What nobody got is told apart; so are the labels."""
    told = tally(tmp_path, a="1.0.0", b="1.0.0", c="1.1.0")
    found = ledger.read(engine, told)
    assert found.missing == 0
    assert list(found.lines(told)) == [
        "3 requests of the ward answered, none failed",
        "in the journal: each is there, with the version that gave it",
        "  1.0.0  live            2 answers",
        "  1.1.0  canary          1 answers",
        "  1.1.0  shadow          1 answers, which nobody got",
        "1 labels came",
    ]


def test_what_is_not_on_record_is_told(
    tmp_path: Path, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither an answer that is not there nor one that stands there as another version's."""
    monkeypatch.setattr(ledger, "_PATIENCE", 0.0)
    told = tally(tmp_path, a="1.0.0", b="1.1.0", z="1.0.0")
    found = ledger.read(engine, told)
    assert found.missing == 2
    assert "in the journal: 2 of them are not there, with the version that gave it" in [
        *found.lines(told)
    ]
