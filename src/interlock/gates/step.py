"""One thing that a gate of several looks at: how it went, in a sentence, with figures and plots."""

from __future__ import annotations

from typing import Any

import msgspec

from interlock.evidence.verdict import Verdict
from interlock.gates.finding import Plot


class Step(msgspec.Struct, frozen=True):
    """The result of one step; `figures` are what a table of the report shows of it."""

    name: str
    verdict: Verdict
    sentence: str
    figures: dict[str, Any] = {}
    plots: tuple[Plot, ...] = ()


def judged(name: str, troubles: list[str], fine: str, **more: Any) -> Step:
    """`failed` with the first of `troubles`, or `passed` with the sentence `fine`.

    >>> judged("restart", [], "It came back.").verdict
    'passed'
    """
    if not troubles:
        return Step(name, "passed", fine, **more)
    others = f" (and {len(troubles) - 1} more)" if len(troubles) > 1 else ""
    return Step(name, "failed", f"{troubles[0]}{others}", **more)
