"""A champion and a canary that answer side by side, in worlds where the truth is known.

A world gives, look by look, the losses (1 wrong, 0 right) of what is labelled: per arm, with the
interval each row was answered in and the patient it is about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LABELS = 100
"""Canary rows answered in an interval."""
LOOKS = 40
ACCURACY = 0.9


class Arm(NamedTuple):
    """Rows of one arm that a look finds: losses, intervals they were answered in, patients."""

    loss: NDArray[np.float64]
    interval: NDArray[np.int64]
    patient: NDArray[np.int64]


class Look(NamedTuple):
    """What a look finds that the one before did not: rows whose label came since, and rows whose
    maturity window has closed since. `champion` is the first of each pair.
    """

    arrived: tuple[Arm, Arm]
    mature: tuple[Arm, Arm]


@dataclass(frozen=True)
class Setting:
    """A world, how much better the canary's accuracy is, and champion rows to each of its own."""

    world: Callable[[np.random.Generator, float, int], Iterator[Look]]
    better: float
    times: int

    @property
    def title(self) -> str:
        return self.world.__name__.replace("_", " ")

    def looks(self, random: np.random.Generator) -> Iterator[Look]:
        return self.world(random, self.better, self.times)


def independent(random: np.random.Generator, better: float, times: int) -> Iterator[Look]:
    """Every row a patient of its own, labels at once."""
    for interval in range(LOOKS):
        pair = (
            _rows(random, LABELS * times, ACCURACY, interval),
            _rows(random, LABELS, ACCURACY + better, interval),
        )
        yield Look(pair, pair)


def delayed_by_outcome(random: np.random.Generator, better: float, times: int) -> Iterator[Look]:
    """Wrong answers are found out after one interval on average, right ones after three.

    Labels later than the maturity window of five intervals never count. The champion has been
    answering for long when the canary begins.
    """
    window = 5
    champion = [_rows(random, LABELS * times, ACCURACY, past) for past in range(-window, 0)]
    canary: list[Arm] = []
    delays = [_delays(random, arm) for arm in champion]
    canary_delays: list[NDArray[np.int64]] = []
    for interval in range(LOOKS + window):
        champion.append(_rows(random, LABELS * times, ACCURACY, interval))
        delays.append(_delays(random, champion[-1]))
        canary.append(_rows(random, LABELS, ACCURACY + better, interval))
        canary_delays.append(_delays(random, canary[-1]))
        arrived = (_due(champion, delays, interval), _due(canary, canary_delays, interval))
        closed = interval - window
        if closed >= 0:
            mature = (
                _kept(champion[closed + window], delays[closed + window], window),
                _kept(canary[closed], canary_delays[closed], window),
            )
            yield Look(arrived, mature)
        else:
            none = _rows(random, 0, ACCURACY, interval)
            yield Look(arrived, (none, none))


def patients(random: np.random.Generator, better: float, times: int) -> Iterator[Look]:
    """Patients keep to their arm, come back, and differ much in how hard they are to classify."""
    arms = [
        _Patients(random, LABELS * times, ACCURACY),
        _Patients(random, LABELS, ACCURACY + better),
    ]
    for interval in range(LOOKS):
        pair = (arms[0].rows(interval), arms[1].rows(interval))
        yield Look(pair, pair)


class _Patients:
    """An arm's patients: each has a chance of a wrong answer of its own, and stays for a while."""

    _STAY = 3

    def __init__(self, random: np.random.Generator, rows: int, accuracy: float) -> None:
        self._random = random
        self._rows = rows
        self._accuracy = accuracy
        self._chances = np.empty(0)
        self._present = np.empty(0, np.int64)

    def rows(self, interval: int) -> Arm:
        stay = self._random.random(len(self._present)) > 1 / self._STAY
        wanted = max(1, self._rows // 5)
        new = max(0, wanted - int(stay.sum()))
        # Beta with a mean of 1 - accuracy and a correlation of one half within a patient.
        wrong = 1 - self._accuracy
        chances = self._random.beta(wrong, 1 - wrong, new)
        numbers = np.arange(len(self._chances), len(self._chances) + new)
        self._chances = np.concatenate([self._chances, chances])
        self._present = np.concatenate([self._present[stay], numbers])
        patient = self._random.choice(self._present, self._rows)
        loss = (self._random.random(self._rows) < self._chances[patient]).astype(float)
        return Arm(loss, np.full(self._rows, interval), patient)


def _rows(random: np.random.Generator, rows: int, accuracy: float, interval: int) -> Arm:
    loss = (random.random(rows) > accuracy).astype(float)
    return Arm(loss, np.full(rows, interval), np.full(rows, -1))


def _delays(random: np.random.Generator, arm: Arm) -> NDArray[np.int64]:
    """Intervals until the label comes."""
    mean = np.where(arm.loss == 1, 1.0, 3.0)
    return np.floor(random.exponential(mean)).astype(np.int64)


def _due(arms: list[Arm], delays: list[NDArray[np.int64]], interval: int) -> Arm:
    """Rows whose label comes in this very interval."""
    found = [
        Arm(*(part[late == interval - int(arm.interval[0])] for part in arm))
        for arm, late in zip(arms, delays, strict=True)
    ]
    return Arm(
        np.concatenate([one.loss for one in found]),
        np.concatenate([one.interval for one in found]),
        np.concatenate([one.patient for one in found]),
    )


def _kept(arm: Arm, delays: NDArray[np.int64], window: int) -> Arm:
    """Rows whose label came before their window closed."""
    kept = delays <= window
    return Arm(arm.loss[kept], arm.interval[kept], arm.patient[kept])
