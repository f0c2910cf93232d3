"""Labels and predictions find each other in whichever order they come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from interlock.journal import labels, resolution, seal
from interlock.journal.resolution import Resolver
from interlock.state import labels as table
from interlock.state.tables import LABELS, PREDICTIONS

from .privacy import sealing
from .truths import Kept, micros

LATER = "01a1fde6-1134-7512-b0aa-42533d7f090b"


@pytest.fixture
def resolver(kept: Kept) -> Iterator[Resolver]:
    """Looks at every label each time: what is young today is old for labels of March."""
    found = Resolver(kept.engine, kept.settings)
    yield found
    found.close()


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolution, "SELDOM", 0.0)


def predictions(kept: Kept) -> list[str | None]:
    """What each label is about by now, in the order in which they came."""
    return [row.prediction for row in kept.rows(LABELS)]


def waiting(kept: Kept) -> int:
    """Labels whose prediction has not come."""
    with kept.engine.connect() as connection:
        return table.count_orphans(connection, micros(1e9))


def test_a_label_that_comes_after_its_prediction_is_joined(kept: Kept, resolver: Resolver) -> None:
    """The ordinary case."""
    (id_,) = kept.predict(0)
    kept.say("no", prediction_id=id_, received=60)
    assert waiting(kept) == 1
    assert resolver.resolve() == 1
    assert waiting(kept) == 0
    assert resolver.resolve() == 0


def test_a_label_that_comes_first_waits(kept: Kept, resolver: Resolver) -> None:
    """The journals of several servers are shipped at their own pace."""
    kept.say("no", key="bed 7", time="2026-03-01T00:01:00Z", received=60)
    kept.say("no", prediction_id=LATER, received=61)
    assert resolver.resolve() == 0
    (id_,) = kept.predict(0, key="bed 7")
    assert resolver.resolve() == 1
    assert predictions(kept) == [id_, LATER]
    assert waiting(kept) == 1


def test_key_and_time_mean_the_last_prediction_until_then(kept: Kept, resolver: Resolver) -> None:
    """Neither a later one, nor that of another key."""
    first, second, _third = (kept.predict(at, key="bed 7")[0] for at in (0, 60, 120))
    kept.predict(70, key="bed 8")
    kept.predict(80)
    for at in ("00:00:59", "00:01:00", "00:01:59.999999"):
        kept.say("no", key="bed 7", time=f"2026-03-01T{at}Z")
    kept.say("no", key="bed 7", time="2026-02-28T23:59:59Z")
    assert resolver.resolve() == 3
    assert predictions(kept) == [first, second, second, None]


def test_key_and_time_mean_the_deployment_that_is_named(kept: Kept, resolver: Resolver) -> None:
    """One patient may be known to two models."""
    (risk,) = kept.predict(0, key="bed 7")
    (stay,) = kept.predict(30, key="bed 7", deployment="stay")
    named: dict[str, Any] = {"key": "bed 7", "time": "2026-03-01T00:01:00Z"}
    kept.say("no", **named, deployment="risk")
    kept.say("no", **named)
    resolver.resolve()
    assert predictions(kept) == [risk, stay]


def test_a_shadow_is_never_what_a_key_means(kept: Kept, resolver: Resolver) -> None:
    """Nobody got its answer."""
    (id_,) = kept.predict(0, key="bed 7")
    kept.predict(1, key="bed 7", primary=id_, version="2.0.0")
    kept.say("no", key="bed 7", time="2026-03-01T00:01:00Z")
    resolver.resolve()
    assert predictions(kept) == [id_]


def test_a_prediction_that_arrives_late_takes_its_label_back(
    kept: Kept, resolver: Resolver
) -> None:
    """What came before the label by the clock counts, in whatever order it was shipped."""
    (early,) = kept.predict(0, key="bed 7")
    kept.say("no", key="bed 7", time="2026-03-01T00:01:00Z")
    resolver.resolve()
    assert predictions(kept) == [early]
    (nearer,) = kept.predict(30, key="bed 7")
    assert resolver.resolve() == 1
    assert predictions(kept) == [nearer]
    assert resolver.resolve() == 0


def test_after_an_hour_a_label_stays_where_it_is(
    kept: Kept, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A label that is settled need not be looked at for ever."""
    (early,) = kept.predict(0, key="bed 7")
    kept.say("no", key="bed 7", time="2026-03-01T00:01:00Z")
    resolver.resolve()
    kept.predict(30, key="bed 7")
    monkeypatch.setattr(resolution, "SETTLED", -1.0)
    assert resolver.resolve() == 0
    assert predictions(kept) == [early]


def test_old_labels_are_looked_at_seldom(
    kept: Kept, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A heap of orphans costs a look now and then, not one every second; none is given up."""
    kept.say("no", key="bed 7", time="2026-03-01T00:01:00Z")
    resolver.resolve()
    kept.predict(0, key="bed 7")
    monkeypatch.setattr(resolution, "SELDOM", 3600.0)
    assert resolver.resolve() == 0
    monkeypatch.setattr(resolution, "SELDOM", 0.0)
    assert resolver.resolve() == 1


def test_more_labels_than_one_batch_are_joined_at_once(
    kept: Kept, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches are a matter of memory only."""
    monkeypatch.setattr(resolution, "_BATCH", 3)
    for second in range(8):
        (id_,) = kept.predict(second)
        kept.say("no", prediction_id=id_)
    assert resolver.resolve() == 8


def test_orphans_are_those_that_wait_for_long(kept: Kept) -> None:
    """The oldest come first, and what came lately is not among them."""
    for received in (30, 10, 20):
        kept.say(f"at {received}", prediction_id=LATER, received=received)
    with kept.engine.connect() as connection:
        found = table.orphans(connection, micros(25), 10)
        count = table.count_orphans(connection, micros(25))
    assert [labels.value(row.value) for row in found] == ["at 10", "at 20"]
    assert count == 2


def test_a_sealed_label_is_sealed_anew_for_whom_it_is_about(tmp_path: Path) -> None:
    """Until its prediction is found nobody knows whom; then that subject's key is what it needs."""
    kept = Kept(sealing(tmp_path))
    kept.say("a long truth", key="bed 7", time="2026-03-01T00:01:00Z")
    (before,) = kept.rows(LABELS)
    (prediction,) = kept.predict(0, key="bed 7", subject="ann")
    resolver = Resolver(kept.engine, kept.settings)
    assert resolver.resolve() == 1
    (row,) = kept.rows(LABELS)
    opening = seal.opener(kept.settings)
    opened = opening.open(row.seal, row.id, row.value)
    assert opened is not None
    assert labels.value(opened) == "a long truth"
    assert row.prediction == prediction
    assert row.seal != before.seal
    (answered,) = kept.rows(PREDICTIONS)
    assert row.seal == answered.seal
    fresh = seal.opener(kept.settings)
    assert fresh.open(before.seal, before.id, before.value) is None
    for one in (resolver, opening, fresh, kept):
        one.close()


def test_the_newest_label_is_the_one_received_last(kept: Kept) -> None:
    """Not the one shipped last: two workers may have taken a label and its correction."""
    (id_,) = kept.predict(0)
    kept.say("yes", prediction_id=id_, received=20)
    kept.say("no", prediction_id=id_, received=10)
    with kept.engine.connect() as connection:
        found = table.current(connection, [id_, LATER])
    assert {name: labels.value(row.value) for name, row in found.items()} == {id_: "yes"}
