"""Moving aliases: by hand, by evidence, and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from interlock.errors import (
    ConfigurationError,
    ConflictError,
    InterlockError,
    PromotionError,
    RegistryError,
)
from interlock.registry import promotion, reconcile, rules, succession
from interlock.registry.entry import Entry
from interlock.registry.evidence import newest
from interlock.registry.packages import Packages
from interlock.registry.reference import (
    CHAMPION,
    TARGETS,
    Reference,
    check_alias,
    check_name,
    check_version,
)
from interlock.registry.version import Version


def _nothing() -> None:
    """What comes before most moves of an alias."""


class Aliases(Packages):
    """Which alias is on which version, and who may move it."""

    def set_alias(
        self,
        name: str,
        alias: str,
        version: str,
        reason: str,
        *,
        force: bool = False,
        first: Callable[[], object] = _nothing,
    ) -> Version:
        """Put `alias` of the model on a semantic version; says why in the history.

        Nothing is recorded when it is there already. Whoever moves ``champion`` by hand needs the
        evidence that `promote` asks for, or `force`, which is marked for ever. The very first
        champion needs neither, and ``staging`` no evidence: both are on record as forced. `first`
        is called when nothing stands in the way, right before the alias moves.

        Raises
        ------
        PromotionError, ConflictError
            As `promote` does, when the champion is to move without `force`.
        """
        check_alias(alias)
        target = self.resolve(Reference(name=check_name(name), version=check_version(version)))
        stated = _stated(reason)
        entries = self._ledger.entries(name)
        if alias in target.aliases:
            return target
        judged = alias == CHAMPION and not force and succession.last(entries) is not None
        if judged:
            self._entitled(target, alias, entries, stated)
        places = reconcile.recorded(entries)
        first()
        self._ledger.move(
            name,
            alias,
            target,
            actor=self._actor(),
            reason=stated,
            forced=alias in TARGETS and not judged,
            seen={CHAMPION: places.get(CHAMPION)} if judged else None,
        )
        return self.resolve(Reference(name=name, version=version))

    def remove_alias(
        self,
        name: str,
        alias: str,
        reason: str,
        *,
        version: str | None = None,
        force: bool = False,
        first: Callable[[], object] = _nothing,
    ) -> None:
        """Take `alias` of the model away; says why in the history. `first` as in `set_alias`.

        Raises
        ------
        UnknownError
            When the model has no such alias.
        ConflictError
            When `version` is given and the alias is on another.
        PromotionError
            When it is the champion and nobody said `force`: no evidence speaks for having none.
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
        if alias == CHAMPION and not force:
            raise PromotionError(_UNCROWNED.format(name=name, there=there or "another version"))
        first()
        self._ledger.move(
            name, alias, None, actor=self._actor(), reason=stated, forced=alias == CHAMPION
        )

    def promote(
        self,
        name: str,
        version: str,
        to: str,
        reason: str = "",
        *,
        force: bool = False,
        first: Callable[[], object] = _nothing,
    ) -> Version:
        """Put ``staging`` or ``champion`` on a version that its evidence allows there.

        It is held to what its own policy needs and to what the champion's needed. What the decision
        rests on must still hold when the alias moves. With `force` no evidence is asked for; that
        needs a reason and is marked for ever in the history. `first` as in `set_alias`.

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
        first()
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

    def rollback(
        self,
        name: str,
        reason: str = "",
        *,
        of: str | None = None,
        first: Callable[[], object] = _nothing,
    ) -> Version:
        """Put the champion back on the version that was champion before; returns that version.

        A second rollback goes further back, unless `of` is given: the digest of the version that is
        to go. It rests on the history alone, not on its chain: a
        broken history must not keep anybody from rolling back. `first` as in `set_alias`.

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
        first()
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


_UNCROWNED = (
    "{there} is champion of {name}: nobody who asks for {name} would be answered without one."
    " To go back to the version before: interlock model rollback {name}. A person may decide"
    " otherwise, for ever on record: add --force"
)


def _stated(reason: str) -> str:
    if not reason.strip():
        raise ConfigurationError(
            "say why with --reason: the history needs a reason for every move of an alias"
        )
    return reason.strip()
