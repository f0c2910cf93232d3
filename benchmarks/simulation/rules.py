"""Rules that decide on a canary, look by look: ours, and those in use."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np

from interlock.evidence.sequential import Bets, contrasts
from interlock.evidence.units import by_key
from simulation.traffic import Arm, Look

ALPHA = 0.05

Decision = Literal["rollback", "promote"] | None


class Rule(NamedTuple):
    """What a rule is called, and the rule: looks in, the first decision and its look out."""

    title: str
    decide: Callable[[Sequence[Look], bool, float], tuple[Decision, int]]


def betting(looks: Sequence[Look], by_patient: bool, margin: float) -> tuple[Decision, int]:
    """Ours: bets on rows whose window has closed; patients count once where there are any.

    Promotion asks for evidence of no more than `margin` worse, rollback for any worse.
    """
    bets = Bets(low=-1.0, high=1.0, floors={}, ceilings={})
    enough = -math.log(ALPHA)
    known: tuple[set[int], set[int]] = (set(), set())
    for number, look in enumerate(looks, start=1):
        champion, canary = (
            _losses(arm, seen, by_patient) for arm, seen in zip(look.mature, known, strict=True)
        )
        bets.add(contrasts(canary, champion, number))
        if bets.log_evidence(0.0, "above") >= enough:
            return "rollback", number
        if margin and bets.log_evidence(margin, "below") >= enough:
            return "promote", number
    return None, len(looks)


def threshold(looks: Sequence[Look], _by_patient: bool, _margin: float) -> tuple[Decision, int]:
    """Accuracy of the last interval under 0.85."""
    for number, (_, canary) in enumerate(_arrived(looks), start=1):
        if len(canary) and 1 - canary.mean() < 0.85:
            return "rollback", number
    return None, len(looks)


def point_worse(looks: Sequence[Look], _by_patient: bool, _margin: float) -> tuple[Decision, int]:
    """Accuracy so far more than one point under the champion's."""
    for number, (champion, canary) in enumerate(_so_far(looks), start=1):
        if len(canary) and canary.mean() - champion.mean() > 0.01:
            return "rollback", number
    return None, len(looks)


def strikes(looks: Sequence[Look], _by_patient: bool, _margin: float) -> tuple[Decision, int]:
    """Three intervals in which the canary was more than two points worse (Argo's failureLimit)."""
    failed = 0
    for number, (champion, canary) in enumerate(_arrived(looks), start=1):
        failed += bool(len(canary) and canary.mean() - champion.mean() > 0.02)
        if failed == 3:
            return "rollback", number
    return None, len(looks)


def z_test(looks: Sequence[Look], _by_patient: bool, _margin: float) -> tuple[Decision, int]:
    """A one-sided z-test at 5% on everything so far, at every look."""
    for number, (champion, canary) in enumerate(_so_far(looks), start=1):
        if not len(canary):
            continue
        pooled = np.concatenate([champion, canary]).mean()
        error = math.sqrt(pooled * (1 - pooled) * (1 / len(champion) + 1 / len(canary)))
        if error and (canary.mean() - champion.mean()) / error > 1.645:
            return "rollback", number
    return None, len(looks)


RULES = (
    Rule("betting", betting),
    Rule("accuracy < 0.85", threshold),
    Rule("1 point worse", point_worse),
    Rule("3 strikes", strikes),
    Rule("repeated z-test", z_test),
)


def _losses(arm: Arm, known: set[int], by_patient: bool) -> np.ndarray:
    if not by_patient:
        return arm.loss
    new = np.array([patient not in known for patient in arm.patient.tolist()], bool)
    known.update(arm.patient.tolist())
    return by_key(arm.patient[new], arm.interval[new], arm.loss[new]).loss


def _arrived(looks: Sequence[Look]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for look in looks:
        champion, canary = look.arrived
        yield champion.loss, canary.loss


def _so_far(looks: Sequence[Look]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    champion = canary = np.empty(0)
    for new_champion, new_canary in _arrived(looks):
        champion = np.concatenate([champion, new_champion])
        canary = np.concatenate([canary, new_canary])
        yield champion, canary
