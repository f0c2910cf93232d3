"""Learning: facts are added to evidence. Pure: the same facts make the same evidence."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from zlib import crc32

import msgspec
import numpy as np
from numpy.typing import NDArray

from interlock.evidence.sequential import contrasts
from interlock.rollout.counts import Arm, Counts
from interlock.rollout.evidence import Evidence, difference, share
from interlock.rollout.facts import Facts
from interlock.rollout.outcomes import Outcomes

Values = NDArray[np.float64]


def learn(evidence: Evidence, facts: Facts, rollout: str) -> Evidence:
    """`evidence` with what `facts` say. `rollout` is its id, by which draws are repeated."""
    known = deepcopy(evidence)
    known.reference = facts.reference
    for counts in facts.counts:
        _count(known, counts, f"{rollout}:{counts.start}")
    for outcomes in facts.outcomes:
        _judge(known, outcomes, f"{rollout}:{outcomes.start}")
    known.counted, known.judged = facts.counted, facts.judged
    known.unread += facts.unread
    known.why = facts.why or known.why
    return known


def _count(known: Evidence, counts: Counts, seed: str) -> None:
    mine, champion = _whose(counts)
    known.requests += mine.asked
    known.champion_requests += champion.asked
    known.errors.add(
        errors=mine.lost,
        requests=mine.asked,
        champion_errors=champion.lost,
        champion_requests=champion.asked,
    )
    if not champion.requests:
        lost = mine.lost if counts.alone else mine.failed
        known.failing.add(_ones(lost, mine.requests + lost))
    if known.reference is not None and counts.start >= known.reference.until:
        _time(known, counts, seed)
        _shift(known, counts, seed)


def _whose(counts: Counts) -> tuple[Arm, Arm]:
    """The version and the champion; a shadow's failures stand beside what the callers got.

    A shadow is not given what the champion refused: only what the champion took is compared.
    """
    if counts.version.asked:
        return counts.version, counts.champion
    return counts.shadow, msgspec.structs.replace(counts.champion, refused=0)


def _time(known: Evidence, counts: Counts, seed: str) -> None:
    """A shadow runs when the machine has nothing else to do: its latency says nothing."""
    mine, champion = counts.version, counts.champion
    if champion.requests:
        slow = _ones(mine.slow, mine.requests), _ones(champion.slow, champion.requests)
        known.slow.add(contrasts(*slow, seed=_seed(f"{seed}:slow")))
    else:
        known.slow_alone.add(_ones(mine.slow, mine.requests))


def _shift(known: Evidence, counts: Counts, seed: str) -> None:
    paired = {cell for pair in counts.pairs for cell in pair}
    cells = paired | set(counts.version.answers) | set(counts.champion.answers)
    for cell in sorted(cells):
        if cell in known.shift:
            known.shift[cell].add(_apart(counts, cell, f"{seed}:{cell}"))
        else:  # what made us look at it must not count as evidence
            known.shift[cell] = difference()


def _apart(counts: Counts, cell: str, seed: str) -> Values:
    """How much more often `cell` was answered: by a shadow to the same rows, or beside."""
    if counts.pairs:
        each = [float(mine == cell) - float(other == cell) for mine, other in counts.pairs]
        return np.repeat(each, list(counts.pairs.values()))
    mine, champion = (_indicator(arm.answers, cell) for arm in (counts.version, counts.champion))
    return contrasts(mine, champion, seed=_seed(seed))


def _judge(known: Evidence, outcomes: Outcomes, seed: str) -> None:
    beside = contrasts(outcomes.version, outcomes.champion, seed=_seed(seed))
    for found in (outcomes.paired, beside):
        known.quality.add(found)
        known.rows += len(found)
    for metric, losses in outcomes.floors.items():
        known.floors.setdefault(metric, share()).add(losses)


def _indicator(cells: Mapping[str, int], cell: str) -> Values:
    return _ones(cells.get(cell, 0), sum(cells.values()))


def _ones(number: int, of: int) -> Values:
    found = np.zeros(of)
    found[:number] = 1.0
    return found


def _seed(text: str) -> int:
    return crc32(text.encode())
