"""Sealing and opening, and what an erasure does to both."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import KeyStoreError
from interlock.journal import keys, seal
from interlock.journal.generation import LIFE
from interlock.journal.seal import Clear, Opener, Resealer, Sealer, interim
from interlock.settings import Settings

from .privacy import holding, master_key, sealing

ANN, BOB = b"a" * 16, b"b" * 16


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with a master key."""
    return sealing(tmp_path)


@pytest.fixture
def sealer(settings: Settings) -> Iterator[Sealer]:
    """A sealer that encrypts."""
    made = seal.of(settings)
    yield made
    made.close()


@pytest.fixture
def opener(settings: Settings) -> Iterator[Opener]:
    """What opens again."""
    made = seal.opener(settings)
    yield made
    made.close()


def erase(settings: Settings, subject: bytes) -> int:
    """Erase a subject's key, as another process would."""
    store = keys.opened(settings)
    try:
        return store.erase([subject], [], time.time_ns() // 1000)
    finally:
        store.close()


def drop(settings: Settings, table: str) -> None:
    """Break the store as a clumsy hand would."""
    with closing(sqlite3.connect(settings.home / "keys" / "keys.db")) as connection:
        connection.execute(f"DROP TABLE {table}")


def test_what_was_sealed_is_opened_again(sealer: Sealer, opener: Opener) -> None:
    """Each under its own key, the same payload never twice as the same bytes."""
    first, key = sealer.seal(ANN, "1", b"secret")
    second, same = sealer.seal(ANN, "2", b"secret")
    third, other = sealer.seal(BOB, "3", b"secret")
    assert key == same != other
    assert len({first[12:], second[12:], third[12:]}) == 3
    assert b"secret" not in first
    assert opener.open(key, "1", first) == b"secret"
    assert opener.open(same, "2", second) == b"secret"
    assert opener.open(other, "3", third) == b"secret"


def test_another_process_has_the_same_keys(settings: Settings, sealer: Sealer) -> None:
    """A worker that is started later, or an export, opens what this one sealed."""
    stored, key = sealer.seal(ANN, "1", b"secret")
    assert seal.opener(settings).open(key, "1", stored) == b"secret"
    assert seal.of(settings).seal(ANN, "2", b"")[1] == key


def test_a_payload_cannot_take_the_place_of_another(sealer: Sealer, opener: Opener) -> None:
    """It is sealed for its record's id."""
    stored, key = sealer.seal(ANN, "1", b"secret")
    with pytest.raises(KeyStoreError, match="payload of 2 is not what was sealed for it"):
        opener.open(key, "2", stored)


@given(position=st.integers(0, 33), change=st.integers(1, 255))
def test_a_changed_byte_is_refused(position: int, change: int) -> None:
    """Nonce, text and tag alike; without the key nothing can be made to open."""
    stored, key = _sealed_once()
    broken = bytearray(stored)
    broken[position] ^= change
    with pytest.raises(KeyStoreError, match="it was changed"):
        _OPENERS[0].open(key, "1", bytes(broken))


_OPENERS: list[Opener] = []
_STORED: list[tuple[bytes, bytes | None]] = []


def _sealed_once() -> tuple[bytes, bytes | None]:
    return _STORED[0]


@pytest.fixture(autouse=True, scope="module")
def _prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    settings = sealing(tmp_path_factory.mktemp("changed"))
    _STORED.append(seal.of(settings).seal(ANN, "1", b"secret"))
    _OPENERS.append(seal.opener(settings))
    yield
    _OPENERS.pop().close()


@pytest.mark.parametrize("stored", [b"", b"short", b"n" * 12, b"n" * 27])
def test_what_is_too_short_is_refused(sealer: Sealer, opener: Opener, stored: bytes) -> None:
    """Damage is our error, whatever its length."""
    _, key = sealer.seal(ANN, "1", b"")
    with pytest.raises(KeyStoreError, match="it was changed"):
        opener.open(key, "1", stored)


def test_an_erased_subject_cannot_be_opened_by_anyone(
    settings: Settings, sealer: Sealer, opener: Opener
) -> None:
    """A process that had the key lets go of it within its stated time; others never get it."""
    stored, key = sealer.seal(ANN, "1", b"secret")
    other, kept = sealer.seal(BOB, "2", b"other")
    assert opener.open(key, "1", stored) == b"secret"
    assert erase(settings, ANN) == 1
    assert seal.opener(settings).open(key, "1", stored) is None
    time.sleep(LIFE)
    assert opener.open(key, "1", stored) is None
    assert opener.open(kept, "2", other) == b"other"


def test_an_erased_subject_that_comes_back_gets_a_new_key(
    settings: Settings, sealer: Sealer, opener: Opener
) -> None:
    """What was before stays unreadable."""
    stored, before = sealer.seal(ANN, "1", b"old")
    erase(settings, ANN)
    time.sleep(LIFE)
    fresh, after = sealer.seal(ANN, "2", b"new")
    assert after != before
    assert opener.open(after, "2", fresh) == b"new"
    assert opener.open(before, "1", stored) is None


def test_a_known_key_is_not_asked_for_again(settings: Settings, sealer: Sealer) -> None:
    """It costs nothing: the store may even have lost it."""
    sealer.seal(ANN, "1", b"")
    drop(settings, "interlock_keys")
    assert sealer.seal(ANN, "2", b"")[1] is not None


def test_without_its_keys_nothing_is_sealed_after_their_life(
    settings: Settings, sealer: Sealer
) -> None:
    """A store that cannot be read could have forgotten anyone: no key is used then."""
    sealer.seal(ANN, "1", b"")
    drop(settings, "interlock_key_state")
    time.sleep(LIFE)
    with pytest.raises(KeyStoreError, match=r"keys\.db cannot be used"):
        sealer.seal(ANN, "2", b"")


def test_what_has_no_subject_is_sealed_with_the_key_of_the_day(
    sealer: Sealer, opener: Opener
) -> None:
    """One key takes no more messages than AES-GCM allows one key."""
    first, key = sealer.seal(None, "1", b"secret")
    second, same = sealer.seal(None, "2", b"secret")
    assert key == same
    assert opener.open(key, "1", first) == opener.open(same, "2", second) == b"secret"


def test_many_subjects_are_prepared_at_once(settings: Settings, sealer: Sealer) -> None:
    """A batch of labels asks the store once; the keys are then at hand."""
    subjects = [f"label {number}".encode() for number in range(1200)]
    sealer.prepare(subjects)
    drop(settings, "interlock_keys")
    assert len({sealer.seal(subject, "1", b"")[1] for subject in subjects}) == 1200


def test_more_subjects_than_are_remembered_keep_their_keys(settings: Settings) -> None:
    """What was forgotten to save memory is looked up again."""
    sealer = seal.of(settings)
    subjects = [number.to_bytes(16, "big") for number in range(4200)]
    sealer.prepare(subjects)
    first = sealer.seal(subjects[0], "1", b"")[1]
    sealer.close()
    assert seal.of(settings).seal(subjects[0], "2", b"")[1] == first


def test_without_a_master_key_payloads_stay_as_they_are(tmp_path: Path) -> None:
    """Nothing is made in the home directory either."""
    settings = Settings(home=tmp_path)
    assert seal.of(settings).seal(ANN, "1", b"text") == (b"text", None)
    assert seal.opener(settings).open(None, "1", b"text") == b"text"
    assert list(tmp_path.iterdir()) == []


def test_a_sealed_payload_without_a_master_key_is_shown_as_sealed(
    settings: Settings, sealer: Sealer
) -> None:
    """Reading the record without the key is no error."""
    stored, key = sealer.seal(ANN, "1", b"secret")
    assert seal.opener(Settings(home=settings.home)).open(key, "1", stored) is None


def test_a_master_key_that_got_lost_does_not_mean_clear_text(
    settings: Settings, sealer: Sealer
) -> None:
    """The server does not start, rather than write from now on what everybody can read."""
    sealer.seal(ANN, "1", b"secret")
    with pytest.raises(KeyStoreError, match="payloads are encrypted here, by master key"):
        seal.of(Settings(home=settings.home))


def test_the_wrong_master_key_is_refused_at_the_start(settings: Settings, sealer: Sealer) -> None:
    """Both keys are named, by their ids."""
    sealer.seal(ANN, "1", b"secret")
    (holding,) = keys.opened(settings).holdings()
    wrong = Settings(home=settings.home, master_key=master_key())
    with pytest.raises(KeyStoreError, match=f"wrong master key: 1 data keys.*{holding.master}"):
        seal.of(wrong)


def test_a_label_moves_to_the_key_of_its_subject(
    settings: Settings, sealer: Sealer, opener: Opener
) -> None:
    """Once its prediction is known, erasing the subject erases the label, too."""
    stored, first = sealer.seal(interim("label-1"), "label-1", b"normal")
    resealer = Resealer(settings)
    moved, second = resealer.reseal("label-1", stored, first, ANN)
    assert resealer.drop(["label-1", "label-2"]) == 1
    resealer.close()
    assert second == sealer.seal(ANN, "x", b"")[1]
    fresh = seal.opener(settings)
    assert fresh.open(second, "label-1", moved) == b"normal"
    assert fresh.open(first, "label-1", stored) is None


def test_a_label_that_cannot_be_opened_stays_as_it_is(settings: Settings, sealer: Sealer) -> None:
    """Neither one that was erased nor one that never was sealed is touched."""
    stored, key = sealer.seal(interim("label-1"), "label-1", b"normal")
    resealer = Resealer(settings)
    resealer.drop(["label-1"])
    assert resealer.reseal("label-1", stored, key, ANN) == (stored, key)
    assert resealer.reseal("label-2", b"text", None, ANN) == (b"text", None)
    resealer.close()
    clear = Resealer(Settings(home=settings.home / "other"))
    assert clear.reseal("label-2", b"text", None, ANN) == (b"text", None)
    assert clear.drop(["label-2"]) == 0
    clear.close()


def test_no_key_lies_about_in_clear(settings: Settings, sealer: Sealer) -> None:
    """Neither the data key nor the master key stands in any file."""
    key = sealer.seal(ANN, "1", b"secret")[1]
    sealer.close()
    assert settings.master_key is not None
    assert key is not None
    store = keys.opened(settings)
    kept = store.find(key)
    store.close()
    from interlock.journal.master import ring

    masters = ring(settings)
    assert kept
    assert masters
    data_key = masters.unwrap(kept.wrapped, kept.master)
    assert list(holding(settings.home, data_key, settings.master_key.encode(), b"secret")) == []


def test_clear_has_nothing_to_prepare_or_close() -> None:
    """It can stand wherever a sealer that encrypts can."""
    clear: Sealer = Clear()
    clear.prepare([ANN])
    clear.close()
    assert clear.seal(None, "1", b"x") == (b"x", None)
