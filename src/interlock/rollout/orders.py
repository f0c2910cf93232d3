"""Orders: what a person may ask of a rollout. Each is on record with the name of who asked."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import msgspec
import sqlalchemy as sa
from uuid_utils import uuid7

from interlock.errors import ConflictError, PromotionError, UnknownError
from interlock.policy import Policy
from interlock.registry import Reference, Registry, Version
from interlock.registry.reference import CHAMPION
from interlock.rollout import clock, evidence, plan, rules
from interlock.rollout.clock import Clock
from interlock.rollout.plan import EVERYTHING
from interlock.rollout.transition import Ordered, Transition, kept
from interlock.state.events import Event
from interlock.state.rollouts import Record, Rollouts, Status

_TRIES = 5  # times that a controller may be quicker


class Orders:
    """What `actor` asks of the rollouts in the database of `engine`."""

    def __init__(
        self, engine: sa.Engine, registry: Registry, *, actor: str, now: Clock = clock.system
    ) -> None:
        self._registry = registry
        self._actor = actor
        self._now = now
        self._rollouts = Rollouts(engine)
        self._transition = Transition(self._rollouts, now)

    def start(
        self, version: str, policy: Policy, *, reason: str = "", force: bool = False
    ) -> Record:
        """Begin to roll out `version` of the policy's model by its strategy.

        Raises
        ------
        PromotionError
            When the gates do not allow it to become champion, or it was rolled back before; with
            `force` (and a reason) neither is asked.
        ConflictError
            When it is champion already, or another rollout has not ended.
        UnknownError
            When there is no such version, or no champion to compare it with.
        """
        name = policy.model.name
        champion = self._registry.resolve(Reference(name=name, alias=CHAMPION))
        target = self._registry.resolve(Reference(name=name, version=version))
        if target.digest == champion.digest:
            raise ConflictError(f"{target} is champion already")
        if force and not reason.strip():
            raise PromotionError("say why with a reason: --force leaves it on record for ever")
        if not force:
            self._check_withdrawn(target)
            self._registry.demand(name, version, CHAMPION)
        frozen = rules.of(policy, forced=force)
        return self._begin(target, champion, frozen, reason.strip())

    def pause(self, deployment: str, reason: str = "") -> Record:
        """Stay at the present step. What fails still rolls back."""
        return self._ordered(deployment, "paused", reason, ("running",))

    def resume(self, deployment: str, reason: str = "") -> Record:
        """Go on from a pause; the time at the step begins anew."""
        return self._ordered(deployment, "running", reason, ("paused",))

    def promote(self, deployment: str, reason: str = "") -> Record:
        """Skip the rest of the plan: all of the traffic now, the alias by the controller.

        Raises
        ------
        PromotionError
            When the gates do not allow it to become champion, unless it began by force.
        """
        record = self._rollouts.running(deployment)
        if record is not None and not rules.read(record.policy).forced:
            self._registry.demand(deployment, record.version, CHAMPION)
        return self._ordered(deployment, "promoting", reason, ("running", "paused"))

    def abort(self, deployment: str, reason: str = "") -> Record:
        """Give everything back to the champion.

        Raises
        ------
        ConflictError
            When it is being promoted: the controller may be moving the alias at this moment.
        """
        sentence = _told("aborted", self._actor, reason)

        def end(record: Record) -> Record | None:
            _check_still_open(record)
            return self._transition.end(record, "aborted", sentence, self._actor)

        return self._try(deployment, end)

    def give_way(
        self,
        deployment: str,
        version: str | None = None,
        among: tuple[Status, ...] = ("running", "paused", "promoting"),
    ) -> Record | None:
        """End the rollout of anything but `version`: the actor moves the champion by hand.

        Whoever is promoting it at this moment sees that, and undoes what came too late. Returns
        the rollout as it is kept now; None when there is none, or not `among` these.
        """
        sentence = f"aborted: {self._actor} moves the champion by hand"

        def ours(record: Record) -> bool:
            return record.version != version and record.status in among

        return self._retried(
            deployment,
            lambda record: self._transition.end(record, "aborted", sentence, self._actor),
            ours,
        )

    def arrive(self, deployment: str, version: str) -> Record | None:
        """End the rollout of `version`, which the actor has made champion by hand."""
        sentence = f"{deployment}:{version} is champion: promoted by {self._actor} meanwhile"
        return self._retried(
            deployment,
            lambda record: self._transition.end(record, "promoted", sentence, self._actor),
            lambda record: record.version == version,
        )

    def _check_withdrawn(self, target: Version) -> None:
        """What was rolled back, in a rollout or as champion, is not tried again by itself."""
        tried = self._rollouts.history(target.name)
        lost = any(past.status == "rolled back" and past.digest == target.digest for past in tried)
        if lost or self._was_champion(target):
            raise PromotionError(
                f"{target} was rolled back before: it takes a new version, or a person who forces"
                " it and says why"
            )

    def _was_champion(self, target: Version) -> bool:
        reigns = [one for one in self._registry.history(target.name) if one.alias == CHAMPION]
        return any(
            one.digest == target.digest and after.move == "rollback"
            for one, after in pairwise(reigns)
        )

    def _begin(
        self, target: Version, champion: Version, frozen: rules.Rules, reason: str
    ) -> Record:
        now, steps = self._now(), plan.steps(frozen.rollout)
        record = Record(
            id=str(uuid7()),
            deployment=target.name,
            version=target.version,
            digest=target.digest,
            champion=champion.version,
            champion_digest=champion.digest,
            strategy=frozen.rollout.strategy,
            plan=msgspec.json.encode(steps).decode(),
            policy=frozen.to_json(),
            # Without a step there is nothing to wait for.
            status="running" if steps else "promoting",
            step=0,
            since=now,
            started=now,
            actor=self._actor,
            reason=reason,
            evidence=evidence.fresh(now, frozen.rollout.errors).to_json(),
            watermark=now,
        )
        way = ", ".join(step.name for step in steps) or "at once"
        sentence = f"{target} instead of {champion.version} by {record.strategy}: {way}"
        event = Event(
            rollout=record.id,
            moment=now,
            event="started",
            sentence=_told(sentence, self._actor, reason),
            actor=self._actor,
        )
        first = steps[0] if steps else EVERYTHING
        self._rollouts.begin(record, event, kept(record, first, now))
        return record

    def _ordered(
        self, deployment: str, status: Ordered, reason: str, among: tuple[Status, ...]
    ) -> Record:
        done = {"paused": "paused", "running": "resumed", "promoting": "to be promoted"}[status]
        sentence = _told(done, self._actor, reason)

        def change(record: Record) -> Record | None:
            if status == "paused":
                _check_still_open(record)
            if record.status not in among:
                raise ConflictError(f"the rollout of {deployment} is {record.status}")
            return self._transition.order(record, status, sentence, self._actor)

        return self._try(deployment, change)

    def _try(self, deployment: str, change: Callable[[Record], Record | None]) -> Record:
        changed = self._retried(deployment, change)
        if changed is None:
            raise UnknownError(f"there is no rollout of {deployment} that has not ended")
        return changed

    def _retried(
        self,
        deployment: str,
        change: Callable[[Record], Record | None],
        ours: Callable[[Record], bool] = lambda _: True,
    ) -> Record | None:
        """The rollout after `change`, which gives None when others were first.

        None when there is none, or not one of `ours`.
        """
        for _ in range(_TRIES):
            record = self._rollouts.running(deployment)
            if record is None or not ours(record):
                return None
            if changed := change(record):
                return changed
        raise ConflictError(f"the rollout of {deployment} changes all the time: try again")


def _check_still_open(record: Record) -> None:
    """Refuse to stop a promotion: whoever was told that it has stopped would see it go on."""
    if record.status == "promoting":
        name = record.deployment
        raise ConflictError(
            f"{name}:{record.version} is being promoted; roll back afterwards with"
            f" `interlock model rollback {name}`"
        )


def _told(what: str, actor: str, reason: str) -> str:
    return f"{what}, by {actor}" + (f": {reason}" if reason else "")
