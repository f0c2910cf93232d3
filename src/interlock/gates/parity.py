"""`parity`: a real server gives the recorded answers to the golden examples, through every door."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from interlock.engine.session import Feed
from interlock.gates import agreement, caller
from interlock.gates.caller import DOORS, Arrays, Caller, Door
from interlock.gates.case import Case
from interlock.gates.finding import Bars, Finding
from interlock.gates.server import serving
from interlock.package import Package
from interlock.signature.records import Decoder

GATE = "parity"


class Heard(NamedTuple):
    """What one door answered, and how far each answer is from the recorded one."""

    door: Door
    outputs: Arrays
    apart: NDArray[np.float64]


def check(case: Case) -> Finding:
    """Serve the package and ask each example through each door.

    Raises
    ------
    ServerError
        When the server does not start, or refuses an example.
    """
    package = case.challenger
    tolerance = case.policy.gates.parity.tolerance
    examples = len(package.golden().records)
    if not examples:
        sentence = "The package has no golden examples, so there is nothing to ask."
        return Finding(gate=GATE, verdict="inconclusive", sentence=sentence)
    expected = caller.arrays(package.signature.output, [*package.golden().answers])
    with serving(package.path, case.scratch) as server:
        heard = [_hear(server.url, package, door, expected) for door in DOORS]
    differing = [one for one in heard if (one.apart > tolerance).any()]
    return Finding(
        gate=GATE,
        verdict="failed" if differing else "passed",
        sentence=_complaint(differing, expected, tolerance)
        if differing
        else _praise(examples, heard, tolerance),
        figures={
            "examples": examples,
            "tolerance": tolerance,
            "doors": [
                {
                    "door": one.door,
                    "differing": int((one.apart > tolerance).sum()),
                    "other labels": int(np.isinf(one.apart).sum()),
                    "largest difference": float(one.apart[np.isfinite(one.apart)].max(initial=0.0)),
                }
                for one in heard
            ],
        },
        plots=(_plot(heard, tolerance),),
    )


def _hear(url: str, package: Package, door: Door, expected: Arrays) -> Heard:
    """Ask every example by itself, as it was recorded."""
    with Caller(url, package) as server:
        answers = [server.ask(door, feed).outputs for feed in _feeds(package)]
    outputs = {name: np.concatenate([one[name] for one in answers]) for name in expected}
    return Heard(door, outputs, agreement.differences(package.signature.output, outputs, expected))


def _feeds(package: Package) -> list[Feed]:
    """The examples as the graph is fed with them, before any clipping: that is the server's."""
    raw = msgspec.structs.replace(package.signature, out_of_range="flag")
    decoder = Decoder(raw)
    return [decoder.decode(msgspec.json.encode(one)).feed for one in package.golden().records]


def _complaint(differing: list[Heard], expected: Arrays, tolerance: float) -> str:
    """The example that differs most through any door; a label that is another counts as more."""
    one = max(differing, key=lambda heard: float(heard.apart.max()))
    example = int(one.apart.argmax())
    count = max(int((other.apart > tolerance).sum()) for other in differing)
    size = one.apart[example]
    told = (
        f"difference {size:.3g}, tolerance {tolerance:g}" if np.isfinite(size) else "another label"
    )
    return (
        f"{count} of {len(one.apart)} golden examples are answered differently than recorded."
        f" Example {example} through the {one.door} door: {agreement.told(one.outputs, example)}"
        f" instead of {agreement.told(expected, example)} ({told})."
    )


def _praise(examples: int, heard: list[Heard], tolerance: float) -> str:
    largest = max(float(one.apart.max()) for one in heard)
    how = "bit for bit" if largest == 0 else f"within {tolerance:g} (at most {largest:.2g} apart)"
    doors = ", ".join(DOORS)
    return f"A real server gives the recorded answers to {examples} golden examples {how}: {doors}."


def _plot(heard: list[Heard], tolerance: float) -> Bars:
    largest = tuple(float(one.apart[np.isfinite(one.apart)].max(initial=0.0)) for one in heard)
    return Bars(
        title="Largest difference from the recorded answers",
        note="Labels are compared apart: they must be the same.",
        axis="difference",
        labels=tuple(one.door for one in heard),
        series={"largest difference": largest},
        limits=tuple(tolerance for _ in heard),
    )
