"""The registry: what can be done with versions and their aliases."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from interlock.errors import ConflictError
from interlock.evidence.verdict import worst
from interlock.registry import looks, standing
from interlock.registry.aliases import Aliases
from interlock.registry.evidence import Evidence
from interlock.registry.holdouts import Account, Hashed
from interlock.registry.looks import Look
from interlock.registry.periods import Period
from interlock.registry.reference import Reference, check_name
from interlock.registry.standing import Status
from interlock.registry.version import Version


class Registry(Aliases):
    """The registry that `settings` name: MLflow at the tracking URI, history and cache.

    Nothing is connected until something is asked. Every method raises RegistryError when the
    registry cannot be reached; the message has its address without the password.
    """

    def record(self, evidence: Sequence[Evidence]) -> list[Evidence]:
        """Add what gates found about one version; returns it as it was written.

        The version's tag ``interlock.gates`` in MLflow is then the worst of the last verdicts.

        Raises
        ------
        EvidenceError
            When a finding holds what JSON cannot say.
        ConflictError
            When a finding is about another package than the version's.
        """
        if not evidence:
            return []
        version = self.resolve(Reference(name=evidence[0].name, version=evidence[0].version))
        for one in evidence:
            if (one.name, one.digest) != (version.name, version.digest):
                raise ConflictError(
                    f"{version} is {version.digest}; the finding of {one.gate} is about"
                    f" {one.name} {one.digest}, so it is no evidence here"
                )
        written = self._records.record(evidence, self._actor())
        verdicts = [one.verdict for one in self.evidence(version.name, version.digest).values()]
        self._backend.judge(version, worst(verdicts))
        return written

    def evidence(self, name: str, digest: str) -> dict[str, Evidence]:
        """The last finding of each gate about the package with this digest.

        Raises
        ------
        RegistryError
            When evidence about the model was changed or taken out: names the first entry.
        """
        return self._records.newest(check_name(name), digest)

    def spend(self, holdout: str, gate: str, key: str, alpha: float) -> int:
        """Count a look of `gate` at the data with the digest `holdout`; returns its number.

        The same `key` again is the same look and has the same number. Each number is given to
        one key only, whoever looks at the same moment.
        """
        return self._records.spend(holdout, gate, key, alpha, self._actor())

    def account(self, model: str, holdout: str, columns: Sequence[str], hashed: Hashed) -> Account:
        """Where looks at the data with the digest `holdout` are counted.

        That is with another holdout, when most of the different rows of the smaller are in both,
        whichever model was looked at. The rows go on record, by their `columns`; `hashed` gives one
        number a row.
        """
        return self._records.account(model, holdout, columns, hashed, self._actor())

    def looks(self, holdout: str) -> list[Look]:
        """Every look at the data with the digest `holdout`, oldest first."""
        return self._records.looks(holdout)

    def attach(self, version: Version, folder: Path, under: str = "gates") -> None:
        """Add the files in `folder` to the artefacts of the version's MLflow run."""
        self._backend.upload(version, folder, under)

    def status(self, name: str) -> Status:
        """Who holds which role by what right, and what is left of the holdouts.

        Raises
        ------
        RegistryError
            When history or evidence was changed or taken out: names the first entry.
        UnknownError
            When there is and was no such model.
        """
        self.history(name)
        entries = self._history.entries(name)
        return Status(
            name=name,
            standings=standing.standings(entries, lambda digest: self.evidence(name, digest)),
            holdouts=tuple(one for used in self._records.used(name) for one in looks.spent(used)),
        )

    def history(self, name: str) -> list[Period]:
        """Which version was live when, by whom and why: every alias, in order of time.

        Raises
        ------
        RegistryError
            When an entry was changed or taken out: names the first.
        UnknownError
            When there is and was no such model.
        """
        found = self._ledger.periods(check_name(name))
        if not found:
            self.versions(name)
        return found

    def look(self, name: str) -> None:
        """Settle moves that a crash left open, and record those made behind our back."""
        self._ledger.look(check_name(name))
