"""Losses: what an answer costs."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.errors import EvidenceError
from interlock.rollout.losses import Judge

NORMAL = {"label": "normal", "probabilities": {"normal": 0.8, "other": 0.2}}
THREE = {"label": "a", "probabilities": {"a": 0.5, "b": 0.3, "c": 0.2}}
FORECAST = {"values": {"week 1": 10.0, "week 2": 20.0}}


@pytest.mark.parametrize(
    ("metric", "answer", "truth", "loss"),
    [
        ("", NORMAL, "normal", 0.0),
        ("accuracy", NORMAL, "other", 1.0),
        ("accuracy", {"label": 1, "probabilities": {"0": 0.1, "1": 0.9}}, 1, 0.0),
        ("brier", NORMAL, "normal", 0.04),
        ("brier", NORMAL, "other", 0.64),
        ("brier", THREE, "b", (0.25 + 0.49 + 0.04) / 2),
        ("recall:other", NORMAL, "other", 1.0),
        ("recall:other", NORMAL, "normal", None),
        ("precision:normal", NORMAL, "other", 1.0),
        ("precision:other", NORMAL, "other", None),
        ("", {"value": 3.0}, 5.0, 0.2),
        ("mae", {"value": 3.0}, 500.0, 1.0),
        ("mae", FORECAST, [12.0, 20.0], 0.1),
        ("mae", FORECAST, {"week 2": 20.0, "week 1": 12.0}, 0.1),
    ],
)
def test_an_answer_costs_between_nothing_and_one(
    metric: str, answer: dict[str, Any], truth: Any, loss: float | None
) -> None:
    """Right is 0, entirely wrong is 1; rows that a metric is not about do not count."""
    found = Judge(metric, 10.0).loss(answer, truth)
    assert found == (None if loss is None else pytest.approx(loss))


@pytest.mark.parametrize(
    ("metric", "scale", "answer", "truth", "told"),
    [
        ("accuracy", 1.0, {"value": 1.0}, 1.0, "take mae"),
        ("mae", 1.0, NORMAL, "normal", "take accuracy or brier"),
        ("", 0.0, {"value": 1.0}, 1.0, "rollout.scale is 0"),
        ("mae", 1.0, FORECAST, 3, "cannot be judged by mae"),
        ("brier", 0.0, NORMAL, "strange", "none of the classes normal, other"),
    ],
)
def test_what_cannot_be_judged_says_why(
    metric: str, scale: float, answer: dict[str, Any], truth: Any, told: str
) -> None:
    """The message says what to take instead."""
    with pytest.raises(EvidenceError, match=told):
        Judge(metric, scale).loss(answer, truth)
