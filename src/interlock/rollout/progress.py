"""A rollout with everything read that is kept of it as JSON."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from interlock.errors import FormatError
from interlock.rollout import evidence, rules
from interlock.rollout.evidence import Evidence
from interlock.rollout.plan import EVERYTHING, Step, after
from interlock.rollout.rules import Rules
from interlock.state.rollouts import Record


class Progress(NamedTuple):
    """A rollout: the record, its plan and rules, and what is known of the version."""

    record: Record
    plan: tuple[Step, ...]
    rules: Rules
    evidence: Evidence

    @property
    def step(self) -> Step:
        """The present step."""
        place = self.record.step
        return self.plan[place] if place < len(self.plan) else EVERYTHING

    @property
    def next_share(self) -> float:
        """The share of the traffic that comes next."""
        return after(self.plan, self.record.step)


def read(record: Record) -> Progress:
    """What `record` says.

    Raises
    ------
    FormatError
        When another release wrote it.
    """
    try:
        plan = msgspec.json.decode(record.plan, type=tuple[Step, ...])
    except msgspec.DecodeError as error:
        raise FormatError(f"the plan of {record.id} is not of this release: {error}") from None
    return Progress(record, plan, rules.read(record.policy), evidence.read(record.evidence))
