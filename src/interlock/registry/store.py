"""The registry: what can be done with versions and their aliases."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from interlock.errors import (
    ConfigurationError,
    ConflictError,
    InterlockError,
    RegistryError,
)
from interlock.evidence.verdict import worst
from interlock.registry import looks, promotion, reconcile, rules, standing, succession
from interlock.registry.entry import Entry
from interlock.registry.evidence import Evidence, newest
from interlock.registry.looks import Look
from interlock.registry.packages import Packages
from interlock.registry.periods import Period
from interlock.registry.reference import (
    CHAMPION,
    Reference,
    check_alias,
    check_name,
    check_version,
)
from interlock.registry.standing import Status
from interlock.registry.version import Version


class Registry(Packages):
    """The registry that `settings` name: MLflow at the tracking URI, history and cache.

    Nothing is connected until something is asked. Every method raises RegistryError when the
    registry cannot be reached; the message has its address without the password.
    """

    def set_alias(self, name: str, alias: str, version: str, reason: str) -> Version:
        """Put `alias` of the model on a semantic version; says why in the history.

        Nothing is recorded when it is there already. No evidence is asked for: for an alias that
        `promote` asks evidence for, the move is on record as forced.
        """
        check_alias(alias)
        target = self.resolve(Reference(name=check_name(name), version=check_version(version)))
        stated = _stated(reason)
        self._ledger.look(name)
        if alias not in target.aliases:
            self._ledger.move(
                name,
                alias,
                target,
                actor=self._actor(),
                reason=stated,
                forced=alias in promotion.TARGETS,
            )
        return self.resolve(Reference(name=name, version=version))

    def remove_alias(
        self, name: str, alias: str, reason: str, *, version: str | None = None
    ) -> None:
        """Take `alias` of the model away; says why in the history.

        Raises
        ------
        UnknownError
            When the model has no such alias.
        ConflictError
            When `version` is given and the alias is on another.
        """
        wanted = Reference(name=check_name(name), alias=check_alias(alias))
        stated = _stated(reason)
        self._ledger.look(name)
        places = self._ledger.places(name)
        if alias not in places:
            raise self._unknown(wanted)
        there = places[alias][1]
        if version is not None and (there is None or there.version != version):
            raise ConflictError(f"{wanted} is on {there or 'another version'}, not on {version}")
        self._ledger.move(name, alias, None, actor=self._actor(), reason=stated)

    def promote(
        self, name: str, version: str, to: str, reason: str = "", *, force: bool = False
    ) -> Version:
        """Put ``staging`` or ``champion`` on a version that its evidence allows there.

        It is held to what its own policy needs and to what the champion's needed. What the decision
        rests on must still hold when the alias moves. With `force` no evidence is asked for; that
        needs a reason and is marked for ever in the history.

        Raises
        ------
        PromotionError
            Lists each gate that is missing, failed, inconclusive, outdated or dropped.
        ConflictError
            When somebody else was first, with this version or another: says who.
        RegistryError
            When the evidence was changed after it was written.
        """
        promotion.check_target(to)
        stated = _stated(reason) if force else reason.strip()
        target = self.resolve(Reference(name=check_name(name), version=check_version(version)))
        entries = self._ledger.entries(name)
        promotion.check_not_there(target, to, entries)
        stated = stated if force else self._entitled(target, to, entries, stated)
        places = reconcile.recorded(entries)
        self._ledger.move(
            name,
            to,
            target,
            actor=self._actor(),
            reason=stated,
            move="promotion",
            forced=force,
            seen={alias: places.get(alias) for alias in {to, CHAMPION}},
        )
        return self.resolve(Reference(name=name, version=version))

    def demand(self, name: str, version: str, to: str) -> Version:
        """The version, when its evidence allows it at the alias `to`; raises as `promote` does."""
        promotion.check_target(to)
        target = self.resolve(Reference(name=check_name(name), version=check_version(version)))
        entries = self._ledger.entries(name)
        promotion.check_not_there(target, to, entries)
        self._entitled(target, to, entries, "")
        return target

    def rollback(self, name: str, reason: str = "", *, of: str | None = None) -> Version:
        """Put the champion back on the version that was champion before; returns that version.

        A second rollback goes further back, unless `of` is given: the digest of the version that is
        to go. It rests on the history alone, not on its chain: a
        broken history must not keep anybody from rolling back.

        Raises
        ------
        UnknownError
            When nothing is champion, or nothing was before.
        RegistryError
            When the package before can be had neither from the cache nor from the registry.
        ConflictError
            When somebody else has moved the champion in the meantime: says who.
        """
        entries = self._ledger.entries(check_name(name))
        if not entries:
            self.versions(name)
        now, back = succession.turn(name, entries)
        if of not in (None, now.digest):
            raise ConflictError(f"{now.told()}, so nothing was rolled back")
        target = self._ready_to_serve(back)
        self._ledger.move(
            name,
            CHAMPION,
            target,
            actor=self._actor(),
            reason=reason.strip() or f"rolled back from {now.version or now.number}",
            move="rollback",
            # It is there again by the right by which it was there first.
            forced=back.forced,
            seen={CHAMPION: now.number},
        )
        return self.resolve(Reference(name=name, version=target.version))

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
        used = [self.looks(holdout) for holdout in self._records.holdouts(name)]
        return Status(
            name=name,
            standings=standing.standings(entries, lambda digest: self.evidence(name, digest)),
            holdouts=tuple(spent for one in used for spent in looks.spent(one)),
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

    def _entitled(self, target: Version, to: str, entries: Sequence[Entry], reason: str) -> str:
        """Why the evidence allows `target` there; raises as `promote` does when it does not."""
        known = self._records.evidence(target.name)
        found = newest(known, target.digest)
        held = rules.of_champion(entries, known)
        promotion.demand(target, to, found, entries, held)
        return promotion.because(found, to, held, reason)

    def _ready_to_serve(self, back: Entry) -> Version:
        """The version that `back` put there, in the cache."""
        try:
            target = self.resolve(Reference(name=back.name, digest=back.digest))
            self.fetch(target)
        except InterlockError as error:
            raise RegistryError(
                f"{back.name}:{back.version} was champion before, but cannot be had: {error}."
                " Nothing was moved; to take another:"
                f" interlock model promote {back.name} VERSION --to champion"
            ) from error
        return target


def _stated(reason: str) -> str:
    if not reason.strip():
        raise ConfigurationError(
            "say why with --reason: the history needs a reason for every move of an alias"
        )
    return reason.strip()
