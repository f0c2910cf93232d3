"""Outcomes of rows that are encrypted, or are numbers, or cannot be judged."""

from __future__ import annotations

import base64

import msgspec
import pytest

from interlock.journal import seal
from interlock.rollout import evidence, transition
from interlock.settings import Secret, Settings
from interlock.state.tables import LABELS, PREDICTIONS
from tests.rollout.world import World


@pytest.fixture
def locked(world: World) -> Settings:
    """Settings with a master key."""
    key = base64.b64encode(bytes(range(32))).decode()
    return Settings(home=world.home, master_key=Secret(key))


def encrypt(world: World, settings: Settings) -> None:
    """Seal every payload and label that is in clear."""
    sealer = seal.of(settings)
    with world.engine.begin() as connection:
        for table, column in ((PREDICTIONS, "payload"), (LABELS, "value")):
            for row in connection.execute(table.select().where(table.c.seal.is_(None))).all():
                stored, key = sealer.seal(b"subject", row.id, getattr(row, column))
                clear = {"label": None, "score": None} if table is PREDICTIONS else {}
                connection.execute(
                    table.update()
                    .where(table.c.id == row.id)
                    .values({column: stored, "seal": key, **clear})
                )
    sealer.close()


def test_what_is_encrypted_is_judged_where_the_key_is_at_hand(
    world: World, locked: Settings
) -> None:
    """Quality needs no rows in clear."""
    opener = seal.opener(locked)
    controller = world.controller(opener=opener)
    world.serve(300)
    world.start()
    for _ in range(5):
        world.serve(100)
        encrypt(world, locked)
        controller.tick()
    opener.close()
    assert transition.told(world.last()).analysis.rows > 20


def test_without_the_key_quality_is_an_error_that_says_so(world: World, locked: Settings) -> None:
    """It is not known, so nothing goes on."""
    controller = world.controller()
    world.serve(300)
    world.start(inconclusive="proceed", patience=0.0)
    for _ in range(6):
        world.serve(100)
        encrypt(world, locked)
        controller.tick()
    found = transition.told(world.last())
    assert (found.decision.action, found.decision.verdict) == ("hold", "error")
    assert "encrypted" in found.decision.sentence
    assert world.last().step == 0


def test_numbers_are_judged_by_their_distance(world: World) -> None:
    """A model of numbers that errs by more is found out, as is one whose numbers move."""
    world.numeric = True
    world.versions["1.1.0"].wrong = 0.3
    world.serve(300)
    world.start(scale=10.0, least_seconds=1e9)
    world.run(15, 400)
    found = {one.metric: one for one in transition.told(world.last()).analysis.findings}
    assert world.last().status == "rolled back"
    assert found["quality"].verdict == "failed"
    assert "quarter" in found["answers"].sentence


def test_numbers_without_a_scale_cannot_be_judged(world: World) -> None:
    """The sentence says what to set."""
    world.numeric = True
    world.serve(300)
    world.start()
    world.run(4, 200)
    found = transition.told(world.last()).decision
    assert found.verdict == "error"
    assert "rollout.scale is 0" in found.sentence


def test_a_label_that_is_none_of_the_models_is_left_aside(world: World) -> None:
    """One strange label holds up nobody."""
    world.serve(300)
    world.start()
    world.serve(300)
    with world.engine.begin() as connection:
        some = connection.execute(LABELS.select().order_by(LABELS.c.arrival.desc())).first()
        assert some is not None
        strange = LABELS.update().where(LABELS.c.id == some.id)
        connection.execute(strange.values(value=msgspec.msgpack.encode("strange")))
    world.controller().tick()
    known = evidence.read(world.last().evidence)
    assert known.unread == 1
    assert known.rows > 0
    assert transition.told(world.last()).decision.verdict != "error"
