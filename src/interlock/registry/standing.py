"""How a model stands: who holds its aliases, by what right, and what its holdouts have left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from interlock.evidence.verdict import Verdict
from interlock.registry import succession
from interlock.registry.entry import Entry
from interlock.registry.evidence import Evidence
from interlock.registry.looks import Spent
from interlock.registry.periods import Period, periods
from interlock.registry.reference import CHAMPION

PREVIOUS = "previous champion"
"""The role of the version that a rollback goes back to."""

_ORDER = (CHAMPION, PREVIOUS, "challenger", "staging")


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One version in one role: an alias, or ``previous champion``.

    `period` tells since when, by whom, why, and whether it was forced; `gates` is the last
    verdict of each gate about exactly this package. Where the champion was taken away, the period
    says by whom.
    """

    role: str
    period: Period
    gates: dict[str, Verdict]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds which role in the model `name`, and the looks at the holdouts it was judged by."""

    name: str
    standings: tuple[Standing, ...]
    holdouts: tuple[Spent, ...]


def standings(
    entries: Sequence[Entry], newest: Callable[[str], Mapping[str, Evidence]]
) -> tuple[Standing, ...]:
    """Who holds which role: the champion first, then the one before, then the others.

    `newest` gives the last finding of each gate about a package, by its digest.
    """
    told = periods(entries)
    roles = {one.alias: one for one in told if one.end is None and _tells(one)}
    back = succession.previous(entries)
    if back is not None and CHAMPION in roles and not roles[CHAMPION].gone:
        roles[PREVIOUS] = [one for one in told if _is(one, back)][-1]
    return tuple(
        Standing(role=role, period=period, gates=_verdicts(period, newest))
        for role, period in sorted(roles.items(), key=lambda item: _rank(item[0]))
    )


def _tells(period: Period) -> bool:
    """Other aliases that were taken away are nobody's business any more."""
    return not period.gone or period.alias == CHAMPION


def _is(period: Period, entry: Entry) -> bool:
    return period.alias == CHAMPION and period.digest == entry.digest


def _rank(role: str) -> tuple[int, str]:
    return (_ORDER.index(role), "") if role in _ORDER else (len(_ORDER), role)


def _verdicts(
    period: Period, newest: Callable[[str], Mapping[str, Evidence]]
) -> dict[str, Verdict]:
    if period.digest is None:
        return {}
    return {gate: found.verdict for gate, found in sorted(newest(period.digest).items())}
