"""`budget`: what a server of this version costs, against the policy and against the champion.

Challenger and champion are measured in one run and in turns (challenger, champion, champion,
challenger, …), so that a machine that gets slower or faster meanwhile does it to both. Each turn
starts a server anew. Whatever else the machine does only ever adds to a figure. So a figure fails
only when it is over its limit in every round, the best one too; it passes when its median is within
and no more than one round in four is over; and rounds that disagree more than that, again after a
second set of them, are inconclusive.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from interlock.evidence.verdict import Verdict, worst
from interlock.gates import connection, load
from interlock.gates.case import Case
from interlock.gates.connection import Connection
from interlock.gates.finding import Bars, Finding, Lines, Series
from interlock.gates.load import Result
from interlock.gates.server import Server, serving
from interlock.package import Package
from interlock.policy import Budget

GATE = "budget"
ORDER = "ABBABAAB"
"""Who is measured when, in a set of rounds: A is the challenger, B the champion."""
SETS = 2
"""Sets of rounds at most."""
FORGIVEN = 0.25
"""Share of the rounds that may be over a limit when the median is not."""
SMALL = {"size": 2**20, "memory": 16 * 2**20}
"""Differences from the champion, in bytes, that nobody would notice."""

_UNITS = {"size": "bytes", "memory": "bytes", "failed": "requests"}
_WORDS = {
    "size": "package size",
    "start": "time from start to first answer",
    "restart": "time from a worker's death to an answer",
    "memory": "memory of a worker",
    "p50": "median latency",
    "p99": "99th percentile of latency",
    "failed": "number of failed requests",
}


class Round(NamedTuple):
    """One turn of one package: figures by name, and the load they come from.

    Sizes are in bytes, times in seconds.
    """

    figures: dict[str, float]
    result: Result


@dataclass(frozen=True)
class Measure:
    """One figure over all rounds, its limit (None where there is none) and where that is from."""

    name: str
    challenger: tuple[float, ...]
    champion: tuple[float, ...]
    limit: float | None
    why: str

    @property
    def over(self) -> int:
        """Rounds over the limit."""
        return sum(self.limit is not None and one > self.limit for one in self.challenger)

    @property
    def verdict(self) -> Verdict:
        rounds = len(self.challenger)
        if self.over == rounds:
            return "failed"
        if self.over > FORGIVEN * rounds:
            return "inconclusive"
        return "passed"

    def sentence(self) -> str:
        """What there is to complain about."""
        median = _shown(self.name, statistics.median(self.challenger))
        best = _shown(self.name, min(self.challenger))
        limit = f"the limit is {_shown(self.name, self.limit or 0)} ({self.why})"
        rounds = len(self.challenger)
        name = _WORDS[self.name].capitalize()
        if self.verdict == "failed":
            return f"{name} is {median}, and {best} in the best of {rounds} rounds; {limit}."
        return (
            f"{name} is over its limit in {self.over} of {rounds} rounds (median {median}, best"
            f" {best}; {limit}): the rounds disagree, try again on a quieter machine."
        )


def check(case: Case) -> Finding:
    """Measure in rounds, and once more where the rounds disagree.

    Raises
    ------
    ServerError
        When a server does not start.
    """
    rules = case.policy.gates.budget
    champion = case.champion
    if champion is not None and champion.digest == case.challenger.digest:
        champion = None
    rounds: dict[str, list[Round]] = {"A": [], "B": []}
    for _ in range(SETS):
        for turn in ORDER if champion else ORDER.replace("B", ""):
            package = champion if turn == "B" and champion else case.challenger
            rounds[turn].append(_round(package, case, rules))
        measures = [*judge(rounds["A"], rounds["B"], rules)]
        if worst(one.verdict for one in measures) != "inconclusive":
            break
    return _finding(measures, rounds, rules)


def judge(
    challenger: Sequence[Round], champion: Sequence[Round], rules: Budget
) -> Iterator[Measure]:
    """Every figure with the tighter one of its limits: the policy's or the champion's."""
    for name in challenger[0].figures:
        theirs = tuple(one.figures[name] for one in champion)
        limit, why = _limit(name, theirs, rules)
        yield Measure(name, tuple(one.figures[name] for one in challenger), theirs, limit, why)


def _limit(name: str, champion: tuple[float, ...], rules: Budget) -> tuple[float | None, str]:
    if name == "failed":
        return 0.0, "none may fail"
    # A worker is a process too: the policy's `start` is for both.
    stated = getattr(rules, "start" if name == "restart" else name)
    absolute = (stated, "the policy's") if stated else (None, "there is none")
    if not champion:
        return absolute
    median = statistics.median(champion)
    slack = SMALL.get(name, rules.slack if name in ("p50", "p99") else 0.0)
    allowed = max(rules.slower * median, median + slack)
    if stated and stated <= allowed:
        return absolute
    return allowed, f"the champion's is {_shown(name, median)}"


def _round(package: Package, case: Case, rules: Budget) -> Round:
    """Start a server of `package`, load it, kill its worker, and note what all that took."""
    requests = [
        connection.plain(f"/predict/{package.name}", msgspec.json.encode(record))
        for record in package.golden().records
    ]
    with serving(package.path, case.scratch) as server:
        start = _first_answer(server, requests[0], server.began)
        with load.steady(server.url, requests, rate=rules.rate, seconds=rules.seconds) as running:
            result = running.finish()
        memory = server.memory().worker
        victim = server.kill_worker()
        restart = _first_answer(server, requests[0], victim.gone)
    figures = {
        "size": _size(package),
        "start": start,
        "restart": restart,
        "memory": memory,
        "p50": result.latency(0.5),
        "p99": result.latency(0.99),
        "failed": len(result.failed),
    }
    return Round(figures, result)


def _first_answer(server: Server, request: connection.Request, since: float) -> float:
    """Seconds from `since` to an answer. Until a worker listens, the kernel keeps the caller."""
    with Connection(server.url) as caller:
        caller.post(request)
    return time.monotonic() - since


def _size(package: Package) -> int:
    return sum(path.stat().st_size for path in package.path.rglob("*") if path.is_file())


def _finding(measures: list[Measure], rounds: dict[str, list[Round]], rules: Budget) -> Finding:
    troubled = [one for one in measures if one.verdict != "passed"]
    return Finding(
        gate=GATE,
        verdict=worst(one.verdict for one in measures),
        sentence=" ".join(one.sentence() for one in troubled) or _praise(measures, rules),
        figures={
            "rate": rules.rate,
            "rounds": len(rounds["A"]),
            "answered a second": statistics.median(one.result.rate for one in rounds["A"]),
            "measures": [_row(one) for one in measures],
        },
        plots=(_latency_plot(rounds), *_bars(measures)),
    )


def _praise(measures: list[Measure], rules: Budget) -> str:
    told = {one.name: _shown(one.name, statistics.median(one.challenger)) for one in measures}
    theirs = next(one.champion for one in measures if one.name == "p99")
    against = f" (champion: {_shown('p99', statistics.median(theirs))})" if theirs else ""
    return (
        f"Within every limit: {told['size']} in size, {told['start']} to the first answer,"
        f" {told['memory']} a worker, and at {rules.rate:g} requests/s a median latency of"
        f" {told['p50']} and a 99th percentile of {told['p99']}{against}."
    )


def _row(measure: Measure) -> dict[str, Any]:
    """One line of the report's table: medians, as all figures in seconds, bytes or numbers."""
    return {
        "measure": _WORDS[measure.name],
        "unit": _UNITS.get(measure.name, "seconds"),
        "challenger": _median(measure.challenger),
        "champion": _median(measure.champion),
        "limit": measure.limit,
        "from": measure.why,
        "rounds over": measure.over,
        "verdict": measure.verdict,
    }


def _median(values: tuple[float, ...]) -> float | None:
    """JSON has no infinity, which is the latency of answers that never came."""
    middle = statistics.median(values) if values else None
    return None if middle is None or middle == float("inf") else middle


def _latency_plot(rounds: dict[str, list[Round]]) -> Lines:
    names = {"A": "challenger", "B": "champion"}
    series = []
    for turn, name in names.items():
        x, y = load.percentiles(one.result for one in rounds[turn])
        series += [Series(name=name, x=x, y=y)] if x else []
    return Lines(
        title="Latency under load",
        note="Share of the answers that came within so many milliseconds, all rounds together;"
        " counted from when a request was due, so waiting in line counts too.",
        x_axis="% of the answers",
        y_axis="milliseconds",
        series=tuple(series),
    )


def _bars(measures: list[Measure]) -> Iterator[Bars]:
    """One plot for times to start and one for memory: each has a scale of its own."""
    known = {measure.name: measure for measure in measures}
    for title, axis, names, unit in (
        ("Time to an answer", "seconds", ("start", "restart"), 1.0),
        ("Memory of a worker", "MiB", ("memory",), 2.0**20),
    ):
        chosen = [known[name] for name in names]
        series = {"challenger": tuple(_scaled(one.challenger, unit) for one in chosen)}
        if chosen[0].champion:
            series["champion"] = tuple(_scaled(one.champion, unit) for one in chosen)
        yield Bars(
            title=title,
            note="Medians of the rounds.",
            axis=axis,
            labels=tuple(_WORDS[name] for name in names),
            series=series,
            limits=tuple(None if one.limit is None else one.limit / unit for one in chosen),
        )


def _scaled(values: tuple[float, ...], unit: float) -> float | None:
    middle = _median(values)
    return None if middle is None else middle / unit


def _shown(name: str, value: float) -> str:
    """A figure in words.

    >>> _shown("p99", 0.0123), _shown("size", 2500), _shown("memory", 3 * 2**20)
    ('12.3 ms', '2.4 KiB', '3.0 MiB')
    """
    unit = _UNITS.get(name, "seconds")
    if unit == "bytes":
        return f"{value / 2**20:.1f} MiB" if value >= 2**20 else f"{value / 2**10:.1f} KiB"
    if unit == "requests":
        return f"{value:g}"
    return f"{1000 * value:.1f} ms" if value < 1 else f"{value:.2f} s"
