"""What is known of a version so far: small, written down after each look, made anew from the
journal when in doubt.
"""

from __future__ import annotations

import msgspec

from interlock.errors import FormatError
from interlock.evidence.incidents import Incidents
from interlock.evidence.sequential import Bets
from interlock.rollout.reference import Reference


class Evidence(msgspec.Struct, kw_only=True):
    """Everything that has been seen. Moments are microseconds.

    Parameters
    ----------
    counted, judged
        Up to when traffic, and labelled traffic, has been counted.
    requests, rows
        Requests of the version (answered or failed), and labelled units that were compared.
    requests_before, rows_before
        The same when the present step began.
    errors, slow, shift, quality
        Of the version beside the champion: errors, requests over the reference, answers by class,
        differences of losses.
    failing, slow_alone
        Of the version alone, where nothing answers beside it.
    floors
        Losses by metric.
    unread
        Labelled rows that could not be judged, and `why` the last of them could not.
    """

    counted: int
    judged: int
    requests: int = 0
    champion_requests: int = 0
    rows: int = 0
    requests_before: int = 0
    rows_before: int = 0
    reference: Reference | None = None
    errors: Incidents
    failing: Bets
    slow: Bets
    slow_alone: Bets
    shift: dict[str, Bets] = {}
    quality: Bets
    floors: dict[str, Bets] = {}
    unread: int = 0
    why: str = ""

    def to_json(self) -> str:
        return msgspec.json.encode(self).decode()


def fresh(moment: int, ratio: float) -> Evidence:
    """Nothing known yet at `moment`; `ratio` is how much more often errors are tolerated."""
    return Evidence(
        counted=moment,
        judged=moment,
        errors=Incidents(ratio=ratio),
        failing=share(),
        slow=difference(),
        slow_alone=share(),
        quality=difference(),
    )


def share() -> Bets:
    """Bets on a quantity between 0 and 1."""
    return Bets(low=0.0, high=1.0)


def difference() -> Bets:
    """Bets on the difference of two such quantities."""
    return Bets(low=-1.0, high=1.0)


def read(text: str) -> Evidence:
    """What `Evidence.to_json` wrote; FormatError when another release wrote it."""
    try:
        return msgspec.json.decode(text, type=Evidence)
    except msgspec.DecodeError as error:
        raise FormatError(f"the evidence is not of this release: {error}") from None
