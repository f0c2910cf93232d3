"""Worlds in which one model is worse than the other by a known amount.

Each world is a large population of rows with the answers of two models. A study draws some of its
rows (or groups) at random and compares the models on them, with the margin at the true difference:
there, `passed` and `failed` are both wrong. A study of the challenger alone holds it against the
figure that it has in the whole population.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interlock.evidence.adversary import Rows
from interlock.evidence.catalogue import Metric, metric
from interlock.evidence.compare import Comparison, compare
from interlock.evidence.limits import Limits, limits
from interlock.evidence.scored import Scored

Array = NDArray[Any]
POPULATION = 200_000
SHARES = np.array([0.62, 0.28, 0.08, 0.02])
LABELS = ("normal", "r-on-t", "ventricular", "rare")


@dataclass(frozen=True)
class World:
    """A population answered by both models, in groups where `group` is given."""

    challenger: Scored
    champion: Scored
    group: Array | None = None

    def difference(self, name: str) -> float:
        """The truth: above 0 the challenger is better by the metric called `name`."""
        found = metric(name)
        apart = _figure(found, self.challenger) - _figure(found, self.champion)
        return apart if found.better == "higher" else -apart

    def truth(self, setting: Setting) -> float:
        """What the limits of a setting ought to hold: a difference or a figure, oriented so."""
        if not setting.alone:
            return self.difference(setting.metric)
        found = metric(setting.metric)
        figure = _figure(found, self.challenger)
        return figure if found.better == "higher" else -figure

    def study(self, size: int, random: np.random.Generator) -> tuple[Array, Array | None]:
        """Rows of a study, `size` rows or groups, and the group of each."""
        if self.group is None:
            return random.integers(len(self.challenger), size=size), None
        number = int(self.group[-1]) + 1
        edges = np.searchsorted(self.group, np.arange(number + 1))
        drawn = random.integers(number, size=size)
        rows = [np.arange(edges[unit], edges[unit + 1]) for unit in drawn]
        return np.concatenate(rows), np.repeat(np.arange(size), [len(part) for part in rows])


@dataclass(frozen=True)
class Setting:
    """One question asked of a world: a metric, a number of rows or groups, a way to draw."""

    world: Callable[[], World]
    metric: str
    size: int
    by_class: bool = False
    grouped: bool = True
    """Without, groups are overlooked: what not to do."""
    alone: bool = False
    """The challenger by itself, as `bound` holds it against a limit."""
    demanded: bool = True
    """Without, it shows what no interval can do."""

    @property
    def drawn(self) -> str:
        """What is drawn again, in words."""
        if self.world is not patients:
            return "rows by class" if self.by_class else "rows"
        return "groups" if self.grouped else "rows, groups overlooked"


def _figure(found: Metric, everybody: Scored) -> float:
    """The figure of a population, worked out on a copy.

    What answers work out once (ranks, say) goes along with every study of theirs, and that of a
    population is large.
    """
    return found.of(everybody.take(np.arange(len(everybody))))


def judge(
    setting: Setting,
    world: World,
    random: np.random.Generator,
    *,
    alpha: float,
    resamples: int,
    margin: float | None = None,
) -> Comparison:
    """One study; without `margin`, the margin is the true difference."""
    rows, group = world.study(setting.size, random)
    challenger, champion = world.challenger.take(rows), world.champion.take(rows)
    return compare(
        metric(setting.metric),
        challenger,
        champion,
        margin=-world.difference(setting.metric) if margin is None else margin,
        alpha=alpha,
        strata=challenger.codes if setting.by_class else None,
        groups=group if setting.grouped else None,
        resamples=resamples,
        seed=int(random.integers(2**31)),
    )


def examine(
    setting: Setting, world: World, random: np.random.Generator, *, alpha: float, resamples: int
) -> Limits:
    """Limits of one study, and with them those of BCa alone."""
    drawn, group = world.study(setting.size, random)
    challenger = world.challenger.take(drawn)
    champion = None if setting.alone else world.champion.take(drawn)
    strata = challenger.codes if setting.by_class else None
    rows = Rows(challenger, champion, strata, group if setting.grouped else None)
    seed = int(random.integers(2**31))
    return limits(metric(setting.metric), rows, alpha=alpha, resamples=resamples, seed=seed)


def classes() -> World:
    """A classifier with a rare class (2%), and a challenger that finds less of it."""
    random = np.random.default_rng(1)
    truth = random.choice(len(SHARES), POPULATION, p=SHARES)
    luck, confusion = random.random((2, POPULATION))
    # A row that is hard for one is hard for the other: both have the same luck, by and large.
    other = np.where(random.random(POPULATION) < 0.2, random.random(POPULATION), luck)
    found = np.array([0.98, 0.95, 0.85, 0.6]), np.array([0.975, 0.94, 0.8, 0.45])
    second = (truth + 1 + (confusion * 3).astype(int)) % 4
    fallback = np.where(truth == 0, second, 0)
    answers = [
        np.where(part < share[truth], truth, fallback)
        for part, share in zip((luck, other), found, strict=True)
    ]
    champion, challenger = (_classified(truth, answer, random) for answer in answers)
    return World(challenger, champion)


def _classified(truth: Array, answer: Array, random: np.random.Generator) -> Scored:
    """Answers with probabilities that are often too sure."""
    sure = 0.5 + 0.499 * random.random(len(truth)) ** 0.3
    rest = random.dirichlet(np.ones(len(SHARES)), len(truth)) * (1 - sure)[:, None]
    rest[np.arange(len(truth)), answer] += sure
    labels = np.array(LABELS)
    return Scored(truth=labels[truth], labels=LABELS, predicted=labels[answer], probabilities=rest)


def blunders() -> World:
    """Two sure models that are right, but one gives the truth one in a million in 0.3% of rows."""
    random = np.random.default_rng(6)
    truth = random.integers(0, 2, POPULATION)
    said = random.uniform(0.9, 0.99, (2, POPULATION))
    said[1, random.random(POPULATION) < 0.003] = 1e-6
    champion, challenger = (_of_two(truth, one) for one in said)
    return World(challenger, champion)


def calibrated() -> World:
    """A champion whose probabilities are right, and a challenger that is too sure by 0.05."""
    random = np.random.default_rng(10)
    chance = random.uniform(0.5, 1.0, POPULATION)
    truth = (random.random(POPULATION) < chance).astype(int)
    said = np.stack([chance, np.minimum(chance + 0.05, 1.0)])
    champion, challenger = (_of_two(truth, np.where(truth == 1, one, 1 - one)) for one in said)
    return World(challenger, champion)


def _of_two(truth: Array, given: Array) -> Scored:
    """Answers with two classes, by the probability that they give to the truth."""
    rows = np.arange(len(truth))
    chances = np.empty((len(truth), 2))
    chances[rows, truth], chances[rows, 1 - truth] = given, 1 - given
    return Scored(
        truth=truth, labels=(0, 1), predicted=chances.argmax(axis=1), probabilities=chances
    )


def nearly_perfect() -> World:
    """Two classes, hardly an error: most studies see a handful of rows that differ."""
    random = np.random.default_rng(2)
    truth = random.random(POPULATION) < 0.3
    wrong = random.random((2, POPULATION)) < np.array([[0.01], [0.02]])
    champion, challenger = (
        Scored(truth=truth.astype(int), labels=(0, 1), predicted=(truth ^ one).astype(int))
        for one in wrong
    )
    return World(challenger, champion)


def numbers() -> World:
    """A regression with skewed errors, which the challenger's are 10% larger than."""
    random = np.random.default_rng(3)
    truth = random.normal(size=POPULATION)
    shared, *own = random.lognormal(sigma=0.8, size=(3, POPULATION))
    champion, challenger = (
        Scored(truth=truth, predicted=truth + scale * (0.8 * shared + 0.4 * one))
        for scale, one in zip((1.0, 1.1), own, strict=True)
    )
    return World(challenger, champion)


def forecasts() -> World:
    """Three steps ahead, with errors that belong together and grow; 10% larger the challenger's."""
    random = np.random.default_rng(8)
    number = POPULATION // 4
    truth = random.normal(size=(number, 3)).cumsum(axis=1)
    shared = random.standard_t(4, size=(number, 1))
    own = random.standard_t(4, size=(2, number, 3))
    champion, challenger = (
        Scored(truth=truth, values=truth + scale * np.arange(1, 4) * (0.5 * shared + 0.4 * one))
        for scale, one in zip((1.0, 1.1), own, strict=True)
    )
    return World(challenger, champion)


def patients() -> World:
    """Rows of 4,000 patients; whom the challenger fails, it fails again and again."""
    random = np.random.default_rng(4)
    group = np.repeat(np.arange(4000), random.integers(10, 60, size=4000))
    hard = random.beta(1, 9, size=4000)[group]
    worse = np.where(random.random(4000) < 0.15, 0.25, 0.0)[group]
    wrong = random.random((2, len(group))) < np.stack([hard, np.minimum(hard + worse, 1)])
    truth = random.integers(0, 2, len(group))
    champion, challenger = (
        Scored(truth=truth, labels=(0, 1), predicted=truth ^ one.astype(int)) for one in wrong
    )
    return World(challenger, champion, group)


def months() -> World:
    """Stays of up to 12 months, some cut short, with hazards that one model blurs."""
    random = np.random.default_rng(5)
    number = POPULATION // 10
    risk = random.lognormal(-2.2, 0.6, number)
    steps = 1 - np.exp(-risk)[:, None] * np.ones(12)
    met = random.random((number, 12)) < steps
    ends = np.where(met.any(axis=1), met.argmax(axis=1) + 1, 13)
    lost = np.minimum(random.geometric(0.05, number), 12)
    event = ends <= lost
    truth = np.minimum(ends, lost)
    blurred = [np.exp(random.normal(0, spread, (number, 1))) for spread in (0.3, 0.6)]
    champion, challenger = (
        Scored(truth=truth, event=event, values=np.clip(steps * noise, 0, 0.99))
        for noise in blurred
    )
    return World(challenger, champion)
