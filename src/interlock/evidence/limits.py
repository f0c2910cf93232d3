"""Confidence limits of a metric of one model, or of the difference between two.

Differences are oriented: above 0 the challenger is better, whatever the metric. The same holds for
one model: figures of metrics that are better low carry a minus here. Limits are the wider ones of
BCa and of the bootstrap with a unit more that speaks against the model (`means`, `adversary`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from interlock.errors import EvidenceError
from interlock.evidence import adversary, bootstrap, means
from interlock.evidence.adversary import SAME, Rows
from interlock.evidence.bootstrap import Draws, Floats, Plan, Span, Statistic
from interlock.evidence.catalogue import Metric
from interlock.evidence.means import Unit, Units

LEAST_UNITS = 10
"""Fewer rows, or groups, than this decide nothing: resampling them is no picture of the world."""

TAIL = 5
"""Resamples that should lie beyond a limit; where alpha is small, more are drawn."""

MOST = {"mean": 200_000, "figure": 20_000}
"""Resamples at most, by the way they are drawn."""


@dataclass(frozen=True)
class Limits:
    """Figures of both models and the one-sided limits of what is compared.

    `trouble` says why the limits decide nothing, where that is so; then there may be no `span`.
    """

    challenger: float
    champion: float | None
    estimate: float
    span: Span | None
    units: int
    method: str
    trouble: str | None = None


def limits(metric: Metric, rows: Rows, *, alpha: float, resamples: int, seed: int) -> Limits:
    """Limits of `metric` on `rows`, each with confidence 1 - `alpha`."""
    _check(rows, alpha, resamples)
    drawing = bootstrap.plan(len(rows.challenger), rows.strata, rows.groups)
    challenger = metric.of(rows.challenger)
    champion = None if rows.champion is None else metric.of(rows.champion)
    estimate = _sign(metric) * (challenger - (champion or 0.0)) + 0.0  # never minus 0
    kind = "figure" if metric.rows is None else "mean"
    number = min(max(resamples, math.ceil(TAIL / alpha)), max(MOST[kind], resamples))
    trouble = _trouble(metric, estimate, drawing, rows, alpha=alpha, resamples=number)
    span, redrawn = None, 0
    if not math.isnan(estimate) and drawing.units > 1:
        draws = Draws(drawing, alpha, number, np.random.default_rng(seed))
        span, redrawn = _span(metric, rows, draws)
    if span is None and trouble is None:
        trouble = f"too many resamples of these rows cannot tell the {metric.name}"
    method = _method(rows, drawing, number, redrawn)
    return Limits(challenger, champion, estimate, span, drawing.units, method, trouble)


def _check(rows: Rows, alpha: float, resamples: int) -> None:
    if not 0 < alpha <= 0.5:
        raise EvidenceError(f"alpha {alpha} is not above 0 and at most 0.5")
    if resamples < 100:
        raise EvidenceError(f"{resamples} resamples are too few; 100 are the least")
    if rows.champion is None:
        return
    if len(rows.challenger) != len(rows.champion):
        sizes = f"{len(rows.challenger)} and {len(rows.champion)} rows"
        raise EvidenceError(f"a paired comparison needs the same rows of both models, not {sizes}")
    for name in ("labels", "truth", "event"):
        ours, theirs = getattr(rows.challenger, name), getattr(rows.champion, name)
        if not np.array_equal(ours, theirs):
            raise EvidenceError(f"a paired comparison needs the same rows; their {name} differs")


def _trouble(
    metric: Metric, estimate: float, drawing: Plan, rows: Rows, *, alpha: float, resamples: int
) -> str | None:
    """Why no limits of these rows can decide; None where they can."""
    if math.isnan(estimate):
        return f"these {len(rows.challenger)} rows cannot tell the {metric.name}"
    if drawing.units < LEAST_UNITS:
        kind = "rows" if rows.groups is None else "groups"
        return f"{drawing.units} {kind} are too few to decide; it takes {LEAST_UNITS}"
    if alpha * (resamples + 1) < 1:
        return f"alpha {alpha:.2g} is too small for {resamples:,} resamples; take a fresh holdout"
    return None


def _method(rows: Rows, drawing: Plan, resamples: int, redrawn: int) -> str:
    paired = "" if rows.champion is None else "paired "
    kind = "rows" if rows.groups is None else "groups"
    strata = f" in {len(drawing.strata)} strata" if len(drawing.strata) > 1 else ""
    again = f"; {redrawn:,} without a figure drawn again" if redrawn else ""
    return (
        f"{paired}bootstrap of {drawing.units:,} {kind}{strata}, {resamples:,} resamples, "
        f"BCa widened by a worst case{again}"
    )


def _sign(metric: Metric) -> int:
    return 1 if metric.better == "higher" else -1


def _span(metric: Metric, rows: Rows, draws: Draws) -> tuple[Span | None, int]:
    """Limits where they can be told, and how many resamples had to be drawn again."""
    if metric.rows is None:
        return _of_figure(metric, rows, draws)
    ours = np.asarray(metric.rows(rows.challenger), np.float64)
    if rows.champion is None:
        units = _bound_units(metric, ours, draws.plan)
    else:
        theirs = np.asarray(metric.rows(rows.champion), np.float64)
        units = _paired_units(metric, ours, theirs, draws.plan)
    return means.span(units, draws), 0


def _of_figure(metric: Metric, rows: Rows, draws: Draws) -> tuple[Span | None, int]:
    """By evaluating the metric on each resample."""
    statistic = _statistic(metric, rows)
    found = [bootstrap.resample(statistic, draws)]
    for favour in (False, True):
        more = adversary.add(rows, favour=favour)
        wider = bootstrap.plan(len(more.challenger), more.strata, more.groups)
        found.append(bootstrap.resample(_statistic(metric, more), replace(draws, plan=wider)))
    redrawn = sum(one.redrawn for one in found)
    plain, against, favoured = (one.figures for one in found)
    if not (len(plain) and len(against) and len(favoured)):
        return None, redrawn
    estimate = statistic(np.arange(len(rows.challenger)))
    skew = bootstrap.acceleration(bootstrap.jackknife(statistic, draws.plan))
    drawn = bootstrap.bca(estimate, plain, skew, draws.alpha)
    return bootstrap.widened(estimate, drawn, against, favoured, draws.alpha), redrawn


def _statistic(metric: Metric, rows: Rows) -> Statistic:
    """What is compared, of the rows with the given numbers."""
    sign, challenger, champion = _sign(metric), rows.challenger, rows.champion
    metric.of(challenger)  # what it works out once is taken along by every resample
    if champion is None:
        return lambda numbers: sign * metric.of(challenger.take(numbers))
    metric.of(champion)
    return lambda numbers: (
        sign * (metric.of(challenger.take(numbers)) - metric.of(champion.take(numbers)))
    )


def _paired_units(metric: Metric, ours: Floats, theirs: Floats, drawing: Plan) -> Units:
    """Differences by unit; the worst one is the largest seen, turned against the challenger.

    Few groups count twice. In a stratum without any difference it is the largest possible one, or
    where there is no largest, the largest value of any row.
    """
    difference = _sign(metric) * (ours - theirs)
    reach = metric.range or float(np.abs([ours, theirs]).max())
    sums, sizes = means.totals(difference, drawing)
    moved = np.abs(sums)
    times = adversary.times(drawing)
    worst = []
    for part in drawing.strata:
        unit = part[int(moved[part].argmax())]
        if moved[unit] > SAME * reach * sizes[unit]:
            worst.append(Unit(-float(moved[unit]) * times, float(sizes[unit]) * times))
        else:
            size = float(sizes[part].max()) * times
            worst.append(Unit(-reach * size, size))
    return Units(sums, sizes, tuple(worst), tuple(Unit(-total, size) for total, size in worst))


def _bound_units(metric: Metric, ours: Floats, drawing: Plan) -> Units:
    """Values by unit, with the worst and the best that a unit can be.

    A row can be anything within the metric's range (which for one without is what was seen); a
    group as far from the mean as any group was, in both directions.
    """
    values = _sign(metric) * ours
    sums, sizes = means.totals(values, drawing)
    reach = _sign(metric) * (metric.range or 0.0)
    ends = sorted((0.0, reach)) if reach else [float(values.min()), float(values.max())]
    mean = float(sums.sum() / sizes.sum())
    away = np.abs(sums - mean * sizes)
    if drawing.members is None or away.max() <= SAME * max(map(abs, ends)):
        size = float(sizes.max())
        worst, best = (Unit(end * size, size) for end in ends)
    else:
        unit = int(away.argmax())
        times = adversary.times(drawing)
        size, apart = float(sizes[unit]) * times, float(away[unit]) * times
        worst, best = (Unit(mean * size + side * apart, size) for side in (-1, 1))
    return Units(sums, sizes, (worst,) * len(drawing.strata), (best,) * len(drawing.strata))
