"""A few lines say what a policy will do."""

from __future__ import annotations

import pytest

from interlock import policy
from interlock.policy.summary import summary


def of(text: str) -> dict[str, str]:
    """The summary of a policy of this text."""
    return summary(policy.parse(f"model.name = 'ecg'\n{text}"))


@pytest.mark.parametrize(
    ("text", "topic", "sentence"),
    [
        ("", "rows", "none: data.source says where they are"),
        (
            "data = {source = 'a.parquet', label = 'class', holdout = 'new.csv'}",
            "rows",
            "a.parquet, answer in class; holdout from new.csv",
        ),
        (
            "splits.by = 'time'\ndata.time = 'day'",
            "splits",
            "by time: train 60%, validation 10%, test 10%, holdout 10%, staging 10%",
        ),
        ("tune.trials = 7", "training", "train:fit; 7 trials of train:space"),
        ("", "judged by", "the metric of its task"),
        ("metrics.primary = 'ece'", "judged by", "ece"),
        (
            "gates.champion.margin = 0.01",
            "challenger",
            "at most 0.01 worse than the champion, with a chance of 5% to pass wrongly",
        ),
        (
            "gates.champion = {margin = -0.02, alpha = 0.001}",
            "challenger",
            "better than the champion by 0.02, with a chance of 0.1% to pass wrongly",
        ),
        (
            "",
            "challenger",
            "better than the champion, with a chance of 5% to pass wrongly",
        ),
        ("gates.needs.staging = ['parity', 'floor']", "for staging", "parity, floor"),
        ("gates.needs.staging = []", "for staging", "no gate"),
        ("gates.needs.champion = []", "for champion", "no gate"),
        ("rollout.steps = [0.125, 1]", "rollout", "canary: 12.5%, 100%"),
        ("rollout = {strategy = 'ab', split = 0.3}", "rollout", "ab: 30% for 604800 s"),
        (
            "rollout = {strategy = 'blue-green', shadow_first = true}",
            "rollout",
            "shadow, then blue-green: all at once, the old version at hand for 3600 s",
        ),
        ("", "labels", "count as they come, each request by itself"),
        (
            "labels = {maturity = 3600, unit = 'key'}",
            "labels",
            "count 3600 s after the prediction, a routing key's rows as one",
        ),
    ],
)
def test_summary_tells_what_the_policy_says(text: str, topic: str, sentence: str) -> None:
    """Each topic follows from its keys."""
    assert of(text)[topic] == sentence


def test_summary_names_model_and_digest() -> None:
    """The digest is the one that evidence is kept with."""
    assert of("")["model"] == "ecg"
    assert of("")["digest"] == policy.parse("model.name = 'ecg'").digest
