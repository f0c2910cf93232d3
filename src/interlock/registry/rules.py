"""The rules by which champions went live: the next version is held to them, too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from interlock.registry import succession
from interlock.registry.entry import Entry
from interlock.registry.evidence import Evidence


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What the champion `version` was held to: the digest of a policy, and its gates by target.

    `owner` is the version by whose rules a gate is needed, where that is one before the champion.
    """

    version: str
    policy: str
    needs: dict[str, list[str]]
    owner: Mapping[str, str] = {}

    def of(self, gate: str) -> str:
        """The version that went live under a policy that needs `gate`."""
        return self.owner.get(gate, self.version)


def of_champion(entries: Sequence[Entry], findings: Iterable[Evidence]) -> Rules | None:
    """The rules that hold for the next champion: those that the last one went live by.

    It need not be there any more. Where it was put there by force, it passed no rules, and those of
    the champions before it hold as well, back to one that was promoted on evidence: to decide
    about a version is not to decide about the gates.

    None when nothing was ever champion, or when no gate had been run on any of them. Findings from
    afterwards do not count: else a lax run on the champion would relax what its successors are held
    to.
    """
    known = list(findings)
    found: Rules | None = None
    for there, last in _held(entries, known):
        found = _joined(found, Rules(version=last.version, policy=last.policy, needs=last.needs))
        if there.event == "moved" and not there.forced:
            break
    return found


def _held(entries: Sequence[Entry], known: Sequence[Evidence]) -> Iterator[tuple[Entry, Evidence]]:
    """Champions, the last one first, each with its last finding before it became that."""
    for there in succession.rights(entries):
        before = [one for one in known if one.digest == there.digest and one.moment <= there.since]
        if before:
            yield there, before[-1]


def _joined(rules: Rules | None, older: Rules) -> Rules:
    if rules is None:
        return older
    gates = {gate for named in rules.needs.values() for gate in named}
    more = {gate for named in older.needs.values() for gate in named} - gates
    both = rules.needs, older.needs
    needs = {
        target: list(dict.fromkeys(gate for named in both for gate in named.get(target, ())))
        for target in dict.fromkeys((*rules.needs, *older.needs))
    }
    owner = {**rules.owner, **dict.fromkeys(more, older.version)}
    return msgspec.structs.replace(rules, needs=needs, owner=owner)
