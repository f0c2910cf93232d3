"""The floor: a watch over every champion, whether or not a rollout is under way.

Evidence begins anew with every window, because a long good past would hide a fall. Each window has
its part of the alpha, so that all windows together keep it. What was rolled back comes back only by
a person or as a new version; and what was rolled back to is never left by the watch: it alerts.
"""

from __future__ import annotations

from functools import partial
from typing import Literal, TypeAlias

import msgspec
import sqlalchemy as sa

from interlock.errors import ConflictError, UnknownError
from interlock.evidence import spending
from interlock.evidence.sequential import Bets
from interlock.journal.seal import Clear, Opener
from interlock.registry import Reference, Registry, Version
from interlock.registry.reference import CHAMPION
from interlock.rollout import analysis, clock, outcomes
from interlock.rollout.clock import Clock, micros
from interlock.rollout.counts import Side
from interlock.rollout.evidence import share
from interlock.rollout.finding import Finding
from interlock.rollout.rules import Rules
from interlock.routing.route import STEADY
from interlock.state import watches
from interlock.state.events import Event
from interlock.state.traffic import Row, Stretch
from interlock.state.watches import Kept

State: TypeAlias = Literal["watching", "warned", "alerted", "withdrawing"]


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the champion `version` in its `window` (counted from 1).

    `origin` is when the watch over it began, `since` when this window did, `judged` up to when its
    labelled rows have been counted.
    """

    version: str
    digest: str
    origin: int
    since: int
    judged: int
    window: int = 1
    state: State = "watching"
    floors: dict[str, Bets] = {}
    findings: tuple[Finding, ...] = ()


def name(deployment: str) -> str:
    """Under which name the events of a watch are kept."""
    return f"floor of {deployment}"


class Floor:
    """Watches champions in the journal of `engine` and `registry`."""

    def __init__(
        self,
        engine: sa.Engine,
        registry: Registry,
        *,
        opener: Opener | None = None,
        now: Clock = clock.system,
    ) -> None:
        self._engine = engine
        self._registry = registry
        self._opener = opener or Clear()
        self._now = now

    def tick(self, deployment: str, rules: Rules) -> Watch | None:
        """Look at the champion of `deployment` once; None when there is nothing to look at.

        Raises
        ------
        DatabaseError, RegistryError, KeyStoreError
            When it cannot be looked at, or not be rolled back now: the next tick tries again.
        """
        if not rules.rollout.floor:
            return None
        champion = self._registry.resolve(Reference(name=deployment, alias=CHAMPION))
        kept = watches.read(self._engine, deployment)
        if kept is None or (last := read(kept)).digest != champion.digest:
            return self._begin(deployment, champion, kept)
        if last.state == "withdrawing":
            return self._withdraw(kept, last)
        return self._judge(kept, self._windowed(last, rules), rules)

    def _begin(self, deployment: str, champion: Version, kept: Kept | None) -> Watch | None:
        now = self._now()
        watch = Watch(
            version=champion.version, digest=champion.digest, origin=now, since=now, judged=now
        )
        event = None
        if kept is not None and read(kept).state == "withdrawing":
            sentence = f"{champion} is champion again instead of {read(kept).version}"
            event = self._event(deployment, "rolled back", sentence)
        before = kept or Kept(deployment=deployment, document="")
        return self._write(before, watch, event)

    def _windowed(self, watch: Watch, rules: Rules) -> Watch:
        """`watch` in its present window."""
        now = self._now()
        if now < watch.since + micros(rules.rollout.window):
            return watch
        return msgspec.structs.replace(
            watch, window=watch.window + 1, since=now, state="watching", floors={}
        )

    def _judge(self, kept: Kept, watch: Watch, rules: Rules) -> Watch | None:
        learnt = self._learnt(kept.deployment, watch, rules)
        failed = [one for one in learnt.findings if one.verdict == "failed"]
        if watch.state == "alerted":
            return self._write(kept, learnt)
        if failed:
            return self._trip(kept, learnt, failed, rules)
        if watch.state == "watching" and (doubts := _doubts(learnt, rules)):
            warned = msgspec.structs.replace(learnt, state="warned")
            return self._write(kept, warned, self._event(kept.deployment, "warned", doubts))
        return self._write(kept, learnt)

    def _learnt(self, deployment: str, watch: Watch, rules: Rules) -> Watch:
        """`watch` with what was labelled since, and what that says."""
        stretch = self._stretch(deployment, watch, rules)
        whose = partial(_own, watch.version)
        with self._engine.connect() as connection:
            found = outcomes.read(connection, stretch, whose, rules, self._opener)
        floors = {metric: watch.floors.get(metric) or share() for metric in rules.rollout.floor}
        for interval in found.intervals:
            for metric, losses in interval.floors.items():
                floors[metric].add(losses)
        alpha = spending.allowance(rules.rollout.alpha_rollback, watch.window) / len(floors)
        findings = tuple(
            analysis.floor(metric, bets, rules, alpha) for metric, bets in floors.items()
        )
        return msgspec.structs.replace(
            watch, floors=floors, findings=findings, judged=stretch.until
        )

    def _stretch(self, deployment: str, watch: Watch, rules: Rules) -> Stretch:
        interval, maturity = micros(rules.rollout.interval), micros(rules.labels.maturity)
        ripe = self._now() - micros(rules.rollout.settle) - maturity
        over = max(0, ripe - watch.judged) // interval
        return Stretch(
            deployment=deployment,
            origin=watch.origin,
            interval=interval,
            maturity=maturity,
            since=watch.judged,
            until=watch.judged + over * interval,
            arms=STEADY,
        )

    def _trip(self, kept: Kept, watch: Watch, failed: list[Finding], rules: Rules) -> Watch | None:
        said = f"{watch.version} is under its floor: " + "; ".join(one.sentence for one in failed)
        if rules.rollout.on_floor == "alert":
            return self._alert(kept, watch, said)
        if self._rolled_back_to(kept.deployment):
            why = "it is what was rolled back to, so a person decides"
            return self._alert(kept, watch, f"{said}; {why}")
        meant = msgspec.structs.replace(watch, state="withdrawing")
        event = self._event(kept.deployment, "withdrawing", said)
        if (written := watches.write(self._engine, _with(kept, meant), event)) is None:
            return None
        return self._withdraw(written, meant)

    def _alert(self, kept: Kept, watch: Watch, sentence: str) -> Watch | None:
        alerted = msgspec.structs.replace(watch, state="alerted")
        return self._write(kept, alerted, self._event(kept.deployment, "alerted", sentence))

    def _rolled_back_to(self, deployment: str) -> bool:
        periods = self._registry.history(deployment)
        return any(
            one.alias == CHAMPION and one.end is None and one.move == "rollback" for one in periods
        )

    def _withdraw(self, kept: Kept, watch: Watch) -> Watch | None:
        """Move the alias back, from this very version only: done twice, it is done once."""
        said = "; ".join(one.sentence for one in watch.findings if one.verdict == "failed")
        try:
            self._registry.rollback(kept.deployment, f"floor: {said}", of=watch.digest)
        except ConflictError:
            return None  # somebody else moves it: the next tick sees where to
        except UnknownError as error:
            return self._alert(kept, watch, f"{watch.version} cannot be rolled back: {error}")
        champion = self._registry.resolve(Reference(name=kept.deployment, alias=CHAMPION))
        return self._begin(kept.deployment, champion, kept)

    def _write(self, kept: Kept, watch: Watch, event: Event | None = None) -> Watch | None:
        written = watches.write(self._engine, _with(kept, watch), event)
        return None if written is None else watch

    def _event(self, deployment: str, event: str, sentence: str) -> Event:
        return Event(rollout=name(deployment), moment=self._now(), event=event, sentence=sentence)


def read(kept: Kept) -> Watch:
    """What is kept of a watch."""
    return msgspec.json.decode(kept.document, type=Watch)


def _with(kept: Kept, watch: Watch) -> Kept:
    document = msgspec.json.encode(watch).decode()
    return msgspec.structs.replace(kept, document=document)


def _own(version: str, row: Row) -> Side | None:
    return "version" if row.version == version else None


def _doubts(watch: Watch, rules: Rules) -> str:
    """What was seen under the floor over rows enough, though that may be chance so far.

    The bound alone would not do: early in each window it is under every floor.
    """
    told = [
        analysis.floor(metric, seen, rules, rules.rollout.alpha_rollback).sentence
        for metric, seen in watch.floors.items()
        if len(seen) >= rules.rollout.least_rows and seen.mean > analysis.loss(metric, rules)
    ]
    return f"{watch.version} may be under its floor: {'; '.join(told)}" if told else ""
