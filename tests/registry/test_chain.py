"""The chain: no entry can be changed, taken out or put elsewhere unnoticed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import RegistryError
from interlock.registry.chain import START, Link, extend, seal
from interlock.registry.chain import verify as verify_chain
from interlock.registry.entry import Entry

FIELDS = {
    "name": "other",
    "event": "noticed",
    "alias": "staging",
    "number": 7,
    "version": "9.9.9",
    "digest": "sha256:9",
    "actor": "mallory",
    "reason": "",
    "settles": 1,
    "move": "rollback",
    "forced": True,
    "since": "2025-01-01T00:00:00.000000Z",
    "moment": "2025-01-01T00:00:00.000000Z",
    "previous": "f" * 64,
    "hash": "f" * 64,
}


def verify(name: str, links: Sequence[Link]) -> None:
    """Check a chain as the history is."""
    verify_chain(f"history of {name}", "interlock_history", links)


def chain(length: int) -> list[Entry]:
    """A whole chain of moves of one alias."""
    entries: list[Entry] = []
    for sequence in range(1, length + 1):
        entry = Entry(
            name="ecg",
            sequence=sequence,
            event="moved",
            alias="champion",
            number=sequence,
            version=f"1.{sequence}.0",
            digest=f"sha256:{sequence}",
            actor="ann",
            reason="better",
            since=f"2026-01-{sequence:02}T00:00:00.000000Z",
            moment=f"2026-01-{sequence:02}T00:00:00.000000Z",
        )
        entries.append(seal(entry, entries[-1].hash if entries else START))
    return entries


def test_a_whole_chain_holds() -> None:
    """Nothing is reported where nothing was touched; no entries are a whole chain too."""
    verify("ecg", chain(5))
    verify("ecg", [])


@given(st.sampled_from(sorted(FIELDS)), st.integers(0, 4))
def test_a_changed_field_is_found(field: str, position: int) -> None:
    """Whatever was changed in whichever entry, that entry is named."""
    entries = chain(5)
    entries[position] = msgspec.structs.replace(entries[position], **{field: FIELDS[field]})
    with pytest.raises(RegistryError, match=f"broken at entry {position + 1}: it was changed"):
        verify("ecg", entries)


def test_a_changed_entry_that_was_sealed_again_is_found() -> None:
    """Who computes the hash anew breaks the next link."""
    entries = chain(3)
    entries[1] = seal(msgspec.structs.replace(entries[1], actor="mallory"), entries[0].hash)
    with pytest.raises(RegistryError, match="broken at entry 3: it was changed"):
        verify("ecg", entries)


@pytest.mark.parametrize("position", [0, 1, 3])
def test_a_missing_entry_is_found(position: int) -> None:
    """An entry that was taken out is named by its number."""
    entries = chain(5)
    del entries[position]
    with pytest.raises(RegistryError, match=f"broken at entry {position + 1}: it is missing"):
        verify("ecg", entries)


def test_entries_that_changed_places_are_found() -> None:
    """Renumbering does not help: the hash covers the number."""
    entries = chain(3)
    entries[0], entries[1] = (
        msgspec.structs.replace(entries[1], sequence=1),
        msgspec.structs.replace(entries[0], sequence=2),
    )
    with pytest.raises(RegistryError, match="broken at entry 1"):
        verify("ecg", entries)


def test_lines_that_are_sealed_together_are_a_chain() -> None:
    """As if they had come one after the other."""
    entries = chain(4)
    assert entries[:2] + extend(entries[2:], entries[1].hash) == entries


def test_a_later_field_counts_only_when_it_says_something() -> None:
    """Lines from before the field existed keep their hash; a value in it has one of its own."""
    (first,) = chain(1)
    old = {**msgspec.to_builtins(first), "hash": "", "previous": START}
    for field in Entry.LATER:
        del old[field]
    content = START.encode() + msgspec.json.encode(old, order="sorted")
    assert first.hash == hashlib.sha256(content).hexdigest()
    forced = msgspec.structs.replace(first, forced=True)
    assert seal(forced, START).hash != first.hash
