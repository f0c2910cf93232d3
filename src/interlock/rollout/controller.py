"""The controller of rollouts: looks, decides, acts. All that it knows is in the database.

Every transition is one transaction that only the one who saw the newest state can make. So it may
be killed at any moment, and several may run at once: who comes too late looks again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa
import structlog

from interlock.errors import InterlockError, RegistryError
from interlock.journal.seal import Clear, Opener
from interlock.policy import Policy
from interlock.registry import Registry
from interlock.rollout import clock, facts, progress, promoting, rules
from interlock.rollout.analysis import analyse
from interlock.rollout.clock import Clock
from interlock.rollout.decide import Action, Decision, decide
from interlock.rollout.finding import Analysis
from interlock.rollout.floor import Floor
from interlock.rollout.learning import learn
from interlock.rollout.live import Live, look
from interlock.rollout.progress import Progress
from interlock.rollout.transition import Transition, told, verdict
from interlock.state.rollouts import Record, Rollouts

_log = structlog.get_logger("interlock.rollout")
_LONG = 1.0  # seconds after which a registry that did not answer is one that hangs
_TRIES = 5  # looks at a rollout that others change at the same time; the next tick tries again


class Outcome(NamedTuple):
    """What a tick did about a rollout: the record as it is now, and the decision."""

    record: Record
    decision: Decision


class Controller:
    """Moves the rollouts in the database of `engine`, and in the end the alias in `registry`.

    Floors are those of `policies`, or else of the last rollout. `opener` opens what is encrypted in
    the journal, `now` gives the time.
    """

    def __init__(
        self,
        engine: sa.Engine,
        registry: Registry,
        *,
        policies: Sequence[Policy] = (),
        opener: Opener | None = None,
        now: Clock = clock.system,
    ) -> None:
        self._engine = engine
        self._registry = registry
        self._opener = opener or Clear()
        self._now = now
        self._rollouts = Rollouts(engine)
        self._transition = Transition(self._rollouts, now)
        self._given = {policy.model.name: rules.of(policy) for policy in policies}
        self._away = ""
        self._seen: dict[str, tuple[Progress, Analysis]] = {}
        self._floor = Floor(engine, registry, opener=opener, now=now)

    def tick(self) -> list[Outcome]:
        """Look once at every rollout that has not ended, and at the other champions' floors.

        Returns what became of the rollouts. What cannot be looked at is logged and left as it is.
        Raises DatabaseError when the database cannot be asked at all.
        """
        self._away, self._seen = "", {}
        running = self._rollouts.all_running()
        # What fails goes back before anybody waits for the registry.
        outcomes = [found for one in running if (found := self._withdrawn(one))]
        done = {outcome.record.id for outcome in outcomes}
        rest = (self._tried(one) for one in running if one.id not in done)
        outcomes += [found for found in rest if found is not None]
        busy = {record.deployment for record in running}
        for deployment in dict.fromkeys([*self._given, *self._rollouts.deployments()]):
            if deployment not in busy:
                self._watch(deployment)
        return outcomes

    def _withdrawn(self, record: Record) -> Outcome | None:
        """Roll back what has failed; None when it has not."""
        if record.status == "promoting":
            return None
        try:
            known, analysis = self._analysed(record)
            return self._acted(known, analysis, "") if analysis.failed else None
        except Exception:  # noqa: BLE001 - it is looked at once more below, and there it is told
            return None

    def _watch(self, deployment: str) -> None:
        """Look at the floor of a champion by the policy that was given, or the last rollout's."""
        if self._away:
            _log.error("floor_unknown", deployment=deployment, reason=self._away)
            return
        began = time.monotonic()
        try:
            held = self._given.get(deployment) or rules.read(
                self._rollouts.history(deployment, 1)[0].policy
            )
            self._floor.tick(deployment, held)
        except InterlockError as error:
            if isinstance(error, RegistryError):
                self._waited(began, str(error))
            _log.error("floor_unknown", deployment=deployment, reason=str(error))
        except Exception:  # noqa: BLE001 - whatever it is, it must not keep others from being looked at
            _log.exception("floor_unknown", deployment=deployment)

    def _tried(self, record: Record) -> Outcome | None:
        try:
            return self._advance(record)
        except InterlockError as error:
            _log.error("rollout_unknown", deployment=record.deployment, reason=str(error))
        except Exception:  # noqa: BLE001 - whatever it is, it must not keep others from being looked at
            _log.exception("rollout_unknown", deployment=record.deployment)
        return None

    def _live(self, record: Record) -> Live:
        """Who is champion. A registry that let us wait in vain is not asked again at this look."""
        if self._away:
            return Live(blind=self._away)
        began = time.monotonic()
        live = look(self._registry, record)
        self._waited(began, live.blind)
        return live

    def _waited(self, began: float, blind: str) -> None:
        if blind and time.monotonic() - began > _LONG:
            self._away = blind

    def _advance(self, record: Record) -> Outcome | None:
        for _ in range(_TRIES):
            outcome = self._step(record)
            if outcome is not None:
                return outcome
            found = self._rollouts.find(record.id)
            if found is None or found.ended is not None:
                return None  # somebody else has brought it to its end
            record = found
        return None

    def _step(self, record: Record) -> Outcome | None:
        """One pass; None when somebody else was first."""
        live = self._live(record)
        if live.moved:
            return self._end(record, live)
        if record.status == "promoting":
            return self._promote(record, live.blind)
        return self._acted(*self._analysed(record), live.blind)

    def _end(self, record: Record, live: Live) -> Outcome | None:
        """The alias is no more where it was when the rollout began: by us, or by a person."""
        kept = self._transition.end(record, live.status, live.sentence)
        action: Action = "finish" if live.status == "promoted" else "hold"
        decision = Decision(action, live.sentence, verdict(record))
        return None if kept is None else Outcome(kept, decision)

    def _analysed(self, record: Record) -> tuple[Progress, Analysis]:
        """What is known of it by now, and what that says; read once a look."""
        before = self._seen.get(record.id)
        if before is not None and before[0].record.revision == record.revision:
            return before
        seen = progress.read(record)
        new = facts.look(self._engine, seen, self._now(), self._opener)
        known = seen._replace(evidence=learn(seen.evidence, new, record.id))
        analysis = analyse(known.evidence, seen.rules, seen.step, seen.next_share)
        self._seen[record.id] = known, analysis
        return known, analysis

    def _acted(self, known: Progress, analysis: Analysis, blind: str) -> Outcome | None:
        decision = decide(known, analysis, self._now(), blind)
        kept = self._act(known, analysis, decision)
        if kept is None:
            return None
        if kept.status == "promoting":
            return self._promote(kept)
        return Outcome(kept, decision)

    def _act(self, known: Progress, analysis: Analysis, decision: Decision) -> Record | None:
        match decision.action:
            case "roll back":
                return self._transition.roll_back(known, analysis, decision)
            case "widen":
                return self._transition.widen(known, analysis, decision)
            case "finish":
                return self._transition.finish(known, analysis, decision)
            case "pause":
                return self._transition.pause(known, analysis, decision)
            case "hold":
                return self._transition.hold(known, analysis, decision)

    def _promote(self, record: Record, blind: str = "") -> Outcome | None:
        """Move the alias; the rollout ends when it is there, whoever of several moved it.

        A person may roll back by hand before the alias has moved, and while it moves.
        """
        if self._stopped(record):
            return None
        if blind:
            return self._stuck(record, promoting.refused(record, blind), final=False)
        refusal = promoting.promote(self._registry, record)
        if refusal is None and self._stopped(record):
            promoting.undo(self._registry, record)
            return None
        live = look(self._registry, record)
        if live.moved:
            return self._end(record, live)
        sentence, final = refusal or (f"the registry cannot be asked: {live.blind}", False)
        return self._stuck(record, sentence, final=final)

    def _stuck(self, record: Record, sentence: str, *, final: bool) -> Outcome | None:
        kept = self._transition.stuck(record, sentence, pause=final)
        return None if kept is None else Outcome(kept, told(kept).decision)

    def _stopped(self, record: Record) -> bool:
        found = self._rollouts.find(record.id)
        return found is None or found.status == "aborted"
