"""Findings: what the evidence says about one metric, with a sentence."""

from __future__ import annotations

import msgspec

from interlock.errors import FormatError
from interlock.evidence.verdict import Verdict


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict about `metric`, a sentence with the figures, and the figures.

    What is not `needed` cannot hold a step; if it failed, it rolls back all the same.
    """

    metric: str
    verdict: Verdict
    sentence: str
    needed: bool = True
    figures: dict[str, float | None] = {}


class Analysis(msgspec.Struct, frozen=True, kw_only=True):
    """All findings about a version at one step.

    `bound` is how much worse than the champion it may still be, `requests` and `rows` are those of
    this step: its requests, and its labelled units that were compared.
    """

    findings: tuple[Finding, ...] = ()
    bound: float = 1.0
    requests: int = 0
    rows: int = 0

    @property
    def failed(self) -> list[Finding]:
        return [one for one in self.findings if one.verdict == "failed"]

    def to_json(self) -> str:
        return msgspec.json.encode(self).decode()


def read(text: str) -> Analysis:
    """What `Analysis.to_json` wrote; FormatError when another release wrote it."""
    try:
        return msgspec.json.decode(text, type=Analysis)
    except msgspec.DecodeError as error:
        raise FormatError(f"the analysis is not of this release: {error}") from None
