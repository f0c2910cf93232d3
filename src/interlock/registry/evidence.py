"""Evidence: what one gate found out about one version, for ever."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from interlock.errors import EvidenceError
from interlock.evidence.verdict import Verdict
from interlock.registry.chain import Link


class Evidence(Link, frozen=True, kw_only=True):
    """One gate's finding about the package `digest`, which is version `version` of model `name`.

    Who records it fills in all but `sequence`, `actor`, `moment`, `previous` and `hash`.

    `champion` is the digest of the version that was champion then, None when there was none.
    `compares` says whether the verdict depends on it; then it holds only while that is champion.
    `look` is how many looks the gate has had at the data with the digest `holdout`, and `alpha`
    the error allowed for this one. `policy` is the digest of the policy and `needs` its gates by
    target: ``{"staging": [...], "champion": [...]}``. `run` is common to what one run found.
    """

    sequence: int = 0
    name: str
    version: str
    digest: str
    champion: str | None = None
    compares: bool = True
    gate: str
    verdict: Verdict
    sentence: str
    figures: dict[str, Any] = {}  # noqa: RUF012 - msgspec copies it
    holdout: str | None = None
    look: int | None = None
    alpha: float | None = None
    policy: str
    needs: dict[str, list[str]]
    run: str
    actor: str | None = None
    moment: str = ""


def newest(entries: Iterable[Evidence], digest: str) -> dict[str, Evidence]:
    """The last finding of each gate about one package, from `entries` in their order."""
    return {entry.gate: entry for entry in entries if entry.digest == digest}


def plain(given: Evidence) -> Evidence:
    """`given` as it comes back from JSON: no NaN, no number of NumPy's, and checked.

    Raises
    ------
    EvidenceError
        When a field is of the wrong kind; names it.
    """
    try:
        return msgspec.json.decode(msgspec.json.encode(given, enc_hook=_number), type=Evidence)
    except (msgspec.ValidationError, TypeError) as error:
        raise EvidenceError(f"the finding of {given.gate} cannot be recorded: {error}") from None


def _number(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a figure is a {type(value).__name__}, which JSON does not have")
