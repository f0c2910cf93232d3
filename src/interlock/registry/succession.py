"""Who was champion after whom, and so what a rollback goes back to."""

from __future__ import annotations

from collections.abc import Sequence

from interlock.errors import UnknownError
from interlock.registry.entry import Entry
from interlock.registry.reference import CHAMPION


def current(entries: Sequence[Entry]) -> Entry | None:
    """The entry that put the present champion there, or that took the last one away."""
    return next((entry for entry in reversed(entries) if _crowns(entry)), None)


def last(entries: Sequence[Entry]) -> Entry | None:
    """The entry that put the present champion there; the last one there was, if there is none."""
    return next((one for one in reversed(entries) if _crowns(one) and one.number is not None), None)


def right(entries: Sequence[Entry]) -> Entry | None:
    """The entry that the last champion there was owes its place to.

    A version that was rolled back to is there by the right by which it was there before.
    """
    now = last(entries)
    if now is None:
        return None
    its = [one for one in entries if _crowns(one) and _identity(one) == _identity(now)]
    put = [one for one in its if one.move != "rollback"]
    return put[-1] if put else now


def deserved(entries: Sequence[Entry]) -> Entry | None:
    """The entry of the last champion that got there on evidence, whatever became of it since."""
    moved = (one for one in reversed(entries) if _crowns(one) and one.number is not None)
    return next((one for one in moved if _on_evidence(one)), None)


def turn(name: str, entries: Sequence[Entry]) -> tuple[Entry, Entry]:
    """What a rollback goes from, and what it goes back to.

    Raises
    ------
    UnknownError
        When nothing is champion now, or no other version was before.
    """
    now = current(entries)
    if now is None or now.number is None:
        why = f": {now.told()}" if now else ""
        raise UnknownError(
            f"{name} has no champion to roll back from{why}."
            f" `interlock model promote {name} VERSION --to champion` puts one there."
        )
    back = previous(entries)
    if back is None:
        raise UnknownError(
            f"there is nothing to roll {name} back to: no version was champion before"
            f" {now.version or now.number}, but for those that were rolled back from"
        )
    return now, back


def previous(entries: Sequence[Entry]) -> Entry | None:
    """The entry that first put the version there that a rollback goes back to, if there is one.

    It is the champion before the present one. Versions that were rolled back from are passed
    over, unless somebody has put them there again since; so a second rollback goes further back.
    Versions that Interlock did not register cannot be served, and are passed over too.
    """
    line: list[Entry] = []
    withdrawn: set[str | int | None] = set()
    for entry in entries:
        if not _crowns(entry) or entry.number is None:
            continue
        if entry.move == "rollback" and line:
            withdrawn.add(_identity(line[-1]))
            line = _down_to(entry, line)
        else:
            withdrawn.discard(_identity(entry))
            line.append(entry)
    passed_over = withdrawn | {_identity(one) for one in line[-1:]}
    earlier = (one for one in reversed(line) if one.digest and _identity(one) not in passed_over)
    return next(earlier, None)


def _crowns(entry: Entry) -> bool:
    return entry.settled_state and entry.alias == CHAMPION


def _on_evidence(entry: Entry) -> bool:
    return entry.event == "moved" and entry.move != "rollback" and not entry.forced


def _down_to(entry: Entry, line: list[Entry]) -> list[Entry]:
    """`line` up to the version that was rolled back to: it is there as it was put there first."""
    places = [place for place, one in enumerate(line) if _identity(one) == _identity(entry)]
    return line[: places[-1] + 1] if places else [*line, entry]


def _identity(entry: Entry) -> str | int | None:
    # A package that was registered anew has another number, and is the same.
    return entry.digest or entry.number
