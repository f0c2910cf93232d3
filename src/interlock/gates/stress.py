"""A real server under load: memory and errors, a worker that dies, a restart."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence

import numpy as np

from interlock.errors import ServerError
from interlock.gates import caller, load
from interlock.gates.caller import Door
from interlock.gates.connection import Request
from interlock.gates.finding import Lines, Series
from interlock.gates.load import Result, Sent
from interlock.gates.replay import Heard, Subject, hear
from interlock.gates.server import Server, Victim
from interlock.gates.step import Step, judged
from interlock.policy import Infra

_MOST = 200  # different requests of a load; more would only take memory
_SAMPLE = 0.2  # seconds between two looks at the memory
_BEFORE, _AFTER = 0.5, 0.5  # seconds of load on either side of what happens under it
_FOR_EVER = 600.0  # seconds; loads that are ended by hand
_SLICE = 0.25  # seconds of one point of a curve
_DOORS: tuple[Door, ...] = ("plain", "V2 binary")


def requests(subject: Subject) -> list[Request]:
    """Single rows of `subject`, through the plain and the V2 door in turn."""
    package = subject.package
    rows = min(_MOST, len(subject.rows))
    return [
        caller.encode(
            _DOORS[row % len(_DOORS)],
            package.name,
            package.signature,
            {name: values[row : row + 1] for name, values in subject.feed.items()},
        )
        for row in range(rows)
    ]


def steady(server: Server, asked: Sequence[Request], rules: Infra) -> Step:
    """Errors and the growth of memory under the policy's load."""
    memory = []
    with load.steady(server.url, asked, rate=rules.rate, seconds=rules.seconds) as running:
        began = time.monotonic()
        while running.running:
            memory.append((time.monotonic() - began, server.memory().together))
            time.sleep(_SAMPLE)
        result = running.finish()
    growth = growth_of([size for _, size in memory])
    failed = len(result.failed) / len(result.sent)
    troubles = []
    if failed > rules.errors:
        troubles.append(
            f"{len(result.failed)} of {len(result.sent)} requests failed under load"
            f" (allowed: {rules.errors:.2%}): {_first(result)}."
        )
    if growth > rules.growth:
        troubles.append(
            f"Memory grew by {_mib(growth)} in {rules.seconds:g} s of load"
            f" (allowed: {_mib(rules.growth)})."
        )
    return judged(
        "load",
        troubles,
        f"{len(result.sent)} requests in {rules.seconds:g} s: {_share(failed)} failed, memory grew"
        f" by {_mib(max(growth, 0))}, p99 is {1000 * result.latency(0.99):.1f} ms.",
        figures={
            "requests": len(result.sent),
            "failed": len(result.failed),
            "answered a second": result.rate,
            "p50 in seconds": _finite(result.latency(0.5)),
            "p99 in seconds": _finite(result.latency(0.99)),
            "slowest in seconds": _finite(result.latency(1.0)),
            "growth in bytes": growth,
        },
        plots=(_memory_plot(memory), latency_plot({"answers": result}, "Latency under load")),
    )


def lost_worker(server: Server, asked: Sequence[Request], rules: Infra) -> Step:
    """A worker killed under load: it takes along what it had in hand and nothing more."""
    with load.steady(server.url, asked, rate=rules.rate, seconds=_FOR_EVER) as running:
        time.sleep(_BEFORE)
        victim = server.kill_worker()
        back = server.recovered(victim)
        time.sleep(_AFTER)
        result = running.stop()
    return judged(
        "lost worker",
        lost_too_much(result, victim),
        f"A worker was killed under load and took along {len(result.failed)} of"
        f" {len(result.sent)} requests; another was ready after {back:.2f} s.",
        figures={
            "lost": len(result.failed),
            "connections it held": victim.connections,
            "back in seconds": back,
        },
        plots=(latency_plot({"answers": result}, "Latency while a worker was replaced"),),
    )


def lost_too_much(result: Result, victim: Victim) -> list[str]:
    """What failed that the dead worker did not have in hand: sent after it was gone, or too many.

    It can have had no more requests in hand than it had connections.
    """
    after = [one for one in result.failed if one.due > victim.gone]
    if after:
        late = after[0].due - victim.gone
        trouble = (
            f"{len(after)} requests failed that were sent after the killed worker was gone, the"
            f" first {late:.2f} s later: {_first(result)}."
        )
        return [trouble]
    if len(result.failed) > victim.connections:
        trouble = (
            f"{len(result.failed)} requests were lost with a worker that held"
            f" {victim.connections} connections: {_first(result)}."
        )
        return [trouble]
    return []


def restart(server: Server, subject: Subject, before: Heard, rules: Infra) -> Step:
    """The server stopped and started again: it answers in time, and as it did before."""
    server.restart()
    with caller.Caller(server.url, subject.package) as asking:
        asking.ask("plain", {name: values[:1] for name, values in subject.feed.items()})
    took = time.monotonic() - server.began
    again = hear(server.url, subject)
    same = all(
        np.array_equal(again.alone[name], before.alone[name])
        and np.array_equal(again.together[name], before.together[name])
        for name in before.alone
    )
    troubles = [] if same else ["After a restart the server gives other answers to the same rows."]
    if took > rules.restart:
        troubles.append(
            f"The first answer after a restart took {took:.2f} s (allowed: {rules.restart:g} s)."
        )
    return judged(
        "restart",
        troubles,
        f"Restarted, it answered after {took:.2f} s, every row as before.",
        figures={"first answer in seconds": took},
    )


def latency_plot(results: dict[str, Result], title: str) -> Lines:
    """The slowest answer of each moment of the given loads."""
    series = [
        Series(name=name, x=tuple(x for x, _ in points), y=tuple(y for _, y in points))
        for name, points in ((name, [*_course(result)]) for name, result in results.items())
    ]
    return Lines(
        title=title,
        note=f"Slowest answer of each {_SLICE:g} s, counted from when a request was due.",
        x_axis="seconds",
        y_axis="milliseconds",
        series=tuple(series),
    )


def _course(result: Result) -> Iterator[tuple[float, float]]:
    found: dict[int, Sent] = {}
    for one in (sent for sent in result.sent if sent.status == 200):
        place = int((one.due - result.began) / _SLICE)
        found[place] = max(one, found.get(place, one), key=lambda sent: sent.latency)
    for place, slowest in sorted(found.items()):
        yield place * _SLICE, 1000 * slowest.latency


def _memory_plot(memory: Sequence[tuple[float, int]]) -> Lines:
    line = Series(
        name="all processes",
        x=tuple(moment for moment, _ in memory),
        y=tuple(size / 2**20 for _, size in memory),
    )
    return Lines(
        title="Memory under load",
        note="What supervisor and workers take together; shared pages count once.",
        x_axis="seconds",
        y_axis="MiB",
        series=(line,),
    )


def growth_of(sizes: Sequence[int]) -> int:
    """Last minus first, each the median of three looks."""
    if not sizes:
        raise ServerError("the load ended before anybody had looked at the memory")
    return int(statistics.median(sizes[-3:]) - statistics.median(sizes[:3]))


def _first(result: Result) -> str:
    return result.troubles[0] if result.troubles else "no reason was given"


def _finite(seconds: float) -> float | None:
    return seconds if seconds != float("inf") else None


def _mib(size: float) -> str:
    return f"{size / 2**20:.1f} MiB"


def _share(failed: float) -> str:
    return "none" if failed == 0 else f"{failed:.2%}"
