"""What gates found, how often they looked and at what: logs beside the history of aliases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from interlock.evidence import spending
from interlock.registry import holdouts, looks, moment
from interlock.registry.evidence import Evidence, newest, plain
from interlock.registry.holdouts import Account, Hashed, Holdout
from interlock.registry.looks import Look

if TYPE_CHECKING:
    from interlock.registry.log import Log


class Records:
    """The `evidence` about versions, the `looks` at holdouts that it took, and their rows."""

    def __init__(self, evidence: Log[Evidence], looks: Log[Look], holdouts: Log[Holdout]) -> None:
        self._evidence = evidence
        self._looks = looks
        self._holdouts = holdouts

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

    def used(self, name: str) -> list[list[Look]]:
        """The looks at each holdout that the model was judged by, whichever models looked."""
        judged = {one.holdout for one in self._evidence.verified(name) if one.holdout}
        roots = holdouts.roots(self._known())
        return [
            self._looks_at(root, roots)
            for root in sorted({roots.get(holdout, holdout) for holdout in judged})
        ]

    def account(
        self, model: str, holdout: str, columns: Sequence[str], hashed: Hashed, actor: str
    ) -> Account:
        """Where looks at a holdout are counted; its rows go on record, by `columns`.

        Once that was decided it stays so.
        """
        while True:
            if known := self._holdouts.verified(holdout):
                return Account(known[0].account, known[0].shared)
            found = holdouts.account(holdout, columns, hashed, self._known())
            if self._looks.entries(holdout) and found.digest != holdout:
                # From before rows were kept.
                found = Account(holdout, found.shared, (found.digest, *found.also))
            rows = hashed(columns)
            entry = Holdout(
                sequence=1,
                holdout=holdout,
                model=model,
                account=found.digest,
                shared=found.shared,
                also=list(found.also),
                columns=list(columns),
                rows="" if rows is None else holdouts.written(rows),
                actor=actor,
                moment=moment.now(),
            )
            if self._holdouts.append(entry) is not None:
                return found

    def _known(self) -> list[Holdout]:
        return [one for name in self._holdouts.names() for one in self._holdouts.verified(name)]

    def spend(self, holdout: str, gate: str, key: str, alpha: float, actor: str) -> int:
        """Put a look on record, unless it is there already; returns its number.

        EvidenceError when `alpha` is no probability: it could never be taken off the record.
        """
        spending.allowance(alpha, 1)
        roots = holdouts.roots(self._known())
        root = roots.get(holdout, holdout)
        while True:
            known = self._looks_at(root, roots)
            number = looks.number(known, gate, key)
            if any((look.gate, look.key) == (gate, key) for look in known):
                return number
            look = Look(
                sequence=sum(look.holdout == root for look in known) + 1,
                holdout=root,
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
        """Every look that counts for the data with this digest, oldest first."""
        roots = holdouts.roots(self._known())
        return self._looks_at(roots.get(holdout, holdout), roots)

    def _looks_at(self, root: str, roots: Mapping[str, str]) -> list[Look]:
        """Looks at all that is counted together under `root`, oldest first."""
        together = {root, *(one for one, under in roots.items() if under == root)}
        found = [look for one in sorted(together) for look in self._looks.verified(one)]
        return sorted(found, key=lambda look: look.moment)
