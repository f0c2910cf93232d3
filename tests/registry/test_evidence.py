"""Evidence: what is written down is what can be read again, and the last finding counts."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from interlock.errors import EvidenceError
from interlock.registry.evidence import Evidence, newest, plain


def evidence(gate: str = "champion", **values: Any) -> Evidence:
    """A finding about ecg 1.1.0, with other `values`."""
    usual: dict[str, Any] = {
        "name": "ecg",
        "version": "1.1.0",
        "digest": "sha256:1",
        "verdict": "passed",
        "sentence": "It is better.",
        "policy": "sha256:p",
        "needs": {"staging": ["champion"], "champion": ["champion"]},
        "run": "run-1",
    }
    return Evidence(gate=gate, **{**usual, **values})


def test_the_last_finding_of_each_gate_counts() -> None:
    """Whatever a gate found before, and whatever was found about other packages."""
    entries = [
        evidence("parity", sequence=1, verdict="failed"),
        evidence("champion", sequence=2),
        evidence("parity", sequence=3),
        evidence("parity", sequence=4, verdict="error", digest="sha256:2"),
    ]
    found = newest(entries, "sha256:1")
    assert {gate: one.sequence for gate, one in found.items()} == {"champion": 2, "parity": 3}
    assert newest(entries, "sha256:3") == {}


def test_figures_are_as_json_has_them() -> None:
    """NumPy's numbers become plain ones, and what is no number becomes null."""
    figures = {
        "low": np.float64(0.1),
        "rows": np.int64(7),
        "by": np.array([1.5, 2.0]),
        "none": float("nan"),
        "pair": (1, 2),
    }
    found = plain(evidence(figures=figures, alpha=np.float64(0.03)))
    assert found.figures == {
        "low": 0.1,
        "rows": 7,
        "by": [1.5, 2.0],
        "none": None,
        "pair": [1, 2],
    }
    assert (type(found.alpha), found.alpha) == (float, 0.03)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Evidence) == found


def test_what_json_does_not_have_is_refused() -> None:
    """With the gate that found it; so is a verdict that is none."""
    with pytest.raises(EvidenceError, match=r"finding of champion cannot be recorded: .* object"):
        plain(evidence(figures={"it": object()}))
    with pytest.raises(EvidenceError, match=r"finding of champion .*verdict"):
        plain(evidence(verdict="splendid"))
