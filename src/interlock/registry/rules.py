"""The rules by which champions went live: the next version is held to them, too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from interlock.registry import succession
from interlock.registry.entry import Entry
from interlock.registry.evidence import Evidence


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What the champion `version` was held to: the digest of a policy, and its gates by target.

    `owner` is the version by whose rules a gate is needed, where that is not the champion.
    """

    version: str
    policy: str
    needs: dict[str, list[str]]
    owner: Mapping[str, str] = {}

    def of(self, gate: str) -> str:
        """The version that went live under a policy that needs `gate`."""
        return self.owner.get(gate, self.version)


def of_champion(entries: Sequence[Entry], findings: Iterable[Evidence]) -> Rules | None:
    """The rules that hold for the next champion: those that the last one there was went live by,
    and those of the last that was promoted on evidence.

    Neither need be there any more, or have come in this order: to roll back, or to put a version
    there by force, is to decide about a version and not about the gates.

    None when nothing was ever champion, or when no gate had been run on any of them. Findings from
    afterwards do not count: else a lax run on the champion would relax what its successors are held
    to.
    """
    known = list(findings)
    found: Rules | None = None
    for there in (succession.right(entries), succession.deserved(entries)):
        last = _before(there, known)
        if last is not None:
            found = _joined(
                found, Rules(version=last.version, policy=last.policy, needs=last.needs)
            )
    return found


def _before(there: Entry | None, known: Sequence[Evidence]) -> Evidence | None:
    """The last finding about a version before it became champion."""
    if there is None:
        return None
    before = [one for one in known if one.digest == there.digest and one.moment <= there.since]
    return before[-1] if before else None


def _joined(rules: Rules | None, other: Rules) -> Rules:
    if rules is None:
        return other
    gates = {gate for named in rules.needs.values() for gate in named}
    more = {gate for named in other.needs.values() for gate in named} - gates
    both = rules.needs, other.needs
    needs = {
        target: list(dict.fromkeys(gate for named in both for gate in named.get(target, ())))
        for target in dict.fromkeys((*rules.needs, *other.needs))
    }
    owner = {**rules.owner, **dict.fromkeys(more, other.version)}
    return msgspec.structs.replace(rules, needs=needs, owner=owner)
