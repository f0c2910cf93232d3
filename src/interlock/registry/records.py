"""What gates found and how often they looked: two logs beside the history of aliases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from interlock.evidence import spending
from interlock.registry import looks, moment
from interlock.registry.evidence import Evidence, newest, plain
from interlock.registry.looks import Look

if TYPE_CHECKING:
    from interlock.registry.log import Log


class Records:
    """The `evidence` about versions, and the `looks` at holdouts that it took."""

    def __init__(self, evidence: Log[Evidence], looks: Log[Look]) -> None:
        self._evidence = evidence
        self._looks = looks

    def record(self, given: Sequence[Evidence], actor: str) -> list[Evidence]:
        """Add findings about one model, all or none; returns them as they were written."""
        checked = [plain(one) for one in given]
        while True:
            known = len(self._evidence.entries(checked[0].name))
            now = moment.now()
            numbered = [
                msgspec.structs.replace(one, sequence=sequence, actor=actor, moment=now)
                for sequence, one in enumerate(checked, start=known + 1)
            ]
            written = self._evidence.extend(numbered)
            if written is not None:
                return written

    def evidence(self, name: str) -> list[Evidence]:
        """Every finding about the model, oldest first; RegistryError when one was changed."""
        return self._evidence.verified(name)

    def newest(self, name: str, digest: str) -> dict[str, Evidence]:
        """The last finding of each gate about a package; raises as `evidence` does."""
        return newest(self.evidence(name), digest)

    def holdouts(self, name: str) -> list[str]:
        """Digests of the data that versions of the model were judged by, sorted."""
        return sorted({one.holdout for one in self._evidence.verified(name) if one.holdout})

    def spend(self, holdout: str, gate: str, key: str, alpha: float, actor: str) -> int:
        """Put a look on record, unless it is there already; returns its number.

        EvidenceError when `alpha` is no probability: it could never be taken off the record.
        """
        spending.allowance(alpha, 1)
        while True:
            known = self._looks.verified(holdout)
            number = looks.number(known, gate, key)
            if any((look.gate, look.key) == (gate, key) for look in known):
                return number
            look = Look(
                sequence=len(known) + 1,
                holdout=holdout,
                gate=gate,
                key=key,
                number=number,
                alpha=float(alpha),
                actor=actor,
                moment=moment.now(),
            )
            if self._looks.append(look) is not None:
                return number

    def looks(self, holdout: str) -> list[Look]:
        """Every look at the data with this digest, oldest first."""
        return self._looks.verified(holdout)
