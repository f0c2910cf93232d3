"""`slices`: no declared part of the rows does worse than it did, by more than the margin.

Every value of a declared column is a slice; a column of many numbers is cut at its quartiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
import numpy as np

from interlock.data.rows import Array, Rows
from interlock.errors import ConfigurationError, EvidenceError
from interlock.evidence.catalogue import Metric
from interlock.evidence.compare import Comparison
from interlock.evidence.verdict import Verdict, worst
from interlock.gates.case import Case
from interlock.gates.champion import against
from interlock.gates.contest import Contest, allowed, interval
from interlock.gates.finding import Finding, Intervals

GATE = "slices"
_MOST_VALUES = 10
"""A column of numbers with more different values than this is cut at its quartiles."""


class Slice(NamedTuple):
    """One part of the rows, by its name."""

    name: str
    where: Array


class Judged(NamedTuple):
    """A slice with its comparison, or with the reason why there is none."""

    slice: Slice
    found: Comparison | None
    reason: str = ""


def check(case: Case) -> Finding:
    """Compare challenger and champion within each slice.

    A slice with fewer different rows than ``least`` is listed, not judged, and has no say.

    Raises
    ------
    ConfigurationError
        When the rows have no column that the policy declares.
    """
    rules = case.policy.gates.slices
    if not rules.columns:
        sentence = "The policy declares no slices ([gates.slices] columns)."
        return Finding(gate=GATE, verdict="passed", sentence=sentence)
    metric = case.metric(rules.metric or _default(case))
    settings = msgspec.structs.replace(rules, metric=metric.name)
    look = case.spend(GATE, settings, rules.alpha, against=True)
    contest = Contest.of(case, look)
    parts = [one for name in rules.columns for one in of_column(contest.rows, name)]
    judged = _judge(case, contest, metric, parts)
    opponent = "the champion" if case.champion else "the trivial baseline"
    return Finding(
        gate=GATE,
        verdict=_verdict(judged),
        sentence=_sentence(judged, metric, opponent, rules.least),
        figures={
            "metric": metric.name,
            "margin": rules.margin,
            "against": opponent,
            "slices": [_row(one) for one in judged],
        },
        plots=_plots(judged, metric, opponent),
        look=look.number,
        alpha=look.alpha,
        holdout=look.holdout,
    )


def of_column(rows: Rows, name: str) -> Iterator[Slice]:
    """The slices that a column makes; missing values are one of their own.

    Raises
    ------
    ConfigurationError
        When there is no such column.
    """
    if name not in rows.columns:
        known = ", ".join(rows.columns) or "none"
        raise ConfigurationError(
            f"gates.slices.columns names {name!r}, which the rows do not have; they have {known}"
        )
    column = np.asarray(rows.columns[name])
    absent = _missing(column)
    values = np.unique(column[~absent].astype(str)) if column.dtype == object else None
    if values is None:
        values = np.unique(column[~absent])
    if column.dtype.kind in "iufM" and len(values) > _MOST_VALUES:
        yield from _quartiles(name, column, absent)
    else:
        compared = column.astype(str) if column.dtype == object else column
        yield from (Slice(f"{name}: {value}", ~absent & (compared == value)) for value in values)
    if absent.any():
        yield Slice(f"{name}: missing", absent)


def _default(case: Case) -> str:
    # Within a class, macro-F1 would be about the other classes: there is nothing of them to find.
    return "accuracy" if case.task == "classification" else ""


def _missing(column: Array) -> Array:
    if column.dtype.kind in "fmM":
        return np.isnan(column) if column.dtype.kind == "f" else np.isnat(column)
    if column.dtype == object:
        return np.array([value is None or value == "" or value != value for value in column])  # noqa: PLR0124
    return np.zeros(len(column), bool)


def _quartiles(name: str, column: Array, absent: Array) -> Iterator[Slice]:
    edges = np.unique(np.quantile(column[~absent], (0, 0.25, 0.5, 0.75, 1), method="lower"))
    for number, (low, high) in enumerate(pairwise(edges)):
        above = column >= low if number == 0 else column > low
        sign = "from" if number == 0 else "over"
        yield Slice(f"{name}: {sign} {_short(low)} to {_short(high)}", above & (column <= high))


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, np.floating) else str(value)


def _judge(case: Case, contest: Contest, metric: Metric, parts: list[Slice]) -> list[Judged]:
    rules = case.policy.gates.slices
    challenger = case.score(case.challenger, contest.rows)
    _opponent, champion = against(case, challenger)
    sizes = [contest.different(part.where) for part in parts]
    large = sum(size >= rules.least for size in sizes)
    margin = allowed(metric, rules.margin, metric.of(champion))

    def compare(where: Array) -> Comparison:
        return contest.compare(
            metric, challenger, champion, margin=margin, among=large, where=where
        )

    few = f"fewer than {rules.least} different rows"
    return [
        _one(part, compare) if size >= rules.least else Judged(part, None, few)
        for part, size in zip(parts, sizes, strict=True)
    ]


def _one(part: Slice, compare: Callable[[Array], Comparison]) -> Judged:
    try:
        found = compare(part.where)
    except EvidenceError as error:  # such as a metric that needs a class which the slice has not
        return Judged(part, None, str(error))
    return Judged(part, found) if found.low is not None else Judged(part, None, found.sentence)


def _verdict(judged: list[Judged]) -> Verdict:
    return worst(one.found.verdict for one in judged if one.found is not None)


def _sentence(judged: list[Judged], metric: Metric, opponent: str, least: int) -> str:
    found = [(one.slice.name, one.found) for one in judged if one.found is not None]
    small = len(judged) - len(found)
    rest = f" ({small} not judged)" if small else ""
    if not found:
        wanted = f"it takes {least} different rows each"
        return f"None of the {len(judged)} slices could be judged: {wanted}."
    verdict = _verdict(judged)
    if verdict == "passed":
        return (
            f"In none of {len(found)} slices is {metric.name} worse than {opponent}'s by more than"
            f" the margin{rest}."
        )
    hit = [(name, one) for name, one in found if one.verdict == verdict]
    name, worst_one = min(hit, key=lambda item: item[1].low or 0.0)
    what = "surely worse than" if verdict == "failed" else "not surely as good as"
    return (
        f"In {len(hit)} of {len(found)} slices {metric.name} is {what} {opponent}'s by the margin,"
        f" most in {name}: {worst_one.difference:+.4f}, {worst_one.low:+.4f} to"
        f" {worst_one.high:+.4f}{rest}."
    )


def _row(one: Judged) -> dict[str, Any]:
    size = int(one.slice.where.sum())
    if one.found is None:
        return {"slice": one.slice.name, "rows": size, "verdict": f"not judged: {one.reason}"}
    keys = ("challenger", "champion", "difference", "low", "high")
    figures = {key: getattr(one.found, key) for key in keys}
    return {"slice": one.slice.name, "rows": size, "verdict": one.found.verdict, **figures}


def _plots(judged: list[Judged], metric: Metric, opponent: str) -> tuple[Intervals, ...]:
    lines = [interval(one.slice.name, one.found) for one in judged if one.found is not None]
    if not lines:
        return ()
    shown = next(one.found.margin for one in judged if one.found is not None)
    return (
        Intervals(
            title=f"{metric.name} by slice, against {opponent}",
            axis=f"difference in {metric.name}, right is better",
            intervals=tuple(lines),
            lines={"equal": 0.0, "margin": -shown},
            note="A slice passes when its whole line is to the right of the margin.",
        ),
    )
