"""The rules by which the present champion went live: the next version is held to them, too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from interlock.registry import succession
from interlock.registry.entry import Entry
from interlock.registry.evidence import Evidence


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What the champion `version` was held to: the digest of a policy, and its gates by target."""

    version: str
    policy: str
    needs: dict[str, list[str]]


def of_champion(entries: Sequence[Entry], findings: Iterable[Evidence]) -> Rules | None:
    """The rules of the champion's last finding before it became that.

    None when nothing is champion, or when no gate had been run on it. Findings from afterwards do
    not count: else a lax run on the champion would relax what its successors are held to.
    """
    there = succession.right(entries)
    if there is None:
        return None
    before = [one for one in findings if one.digest == there.digest and one.moment <= there.since]
    if not before:
        return None
    last = before[-1]
    return Rules(version=last.version, policy=last.policy, needs=last.needs)
