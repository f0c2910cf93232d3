"""What an answer costs, row by row: a number between 0 and 1 whose mean is the metric."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from interlock.errors import EvidenceError
from interlock.evidence import losses
from interlock.journal.labels import Truth


class Judge(NamedTuple):
    """Judges answers by `metric`; an error of `scale` or more is entirely wrong for ``mae``."""

    metric: str
    scale: float

    def loss(self, answer: dict[str, Any], truth: Truth) -> float | None:
        """What `answer` (as the plain door gave it) costs; None where the row does not count.

        Raises
        ------
        EvidenceError
            When such an answer cannot be judged by the metric.

        Examples
        --------
        >>> Judge("accuracy", 0.0).loss({"label": "normal"}, "other")
        1.0
        >>> Judge("recall:other", 0.0).loss({"label": "normal"}, "normal") is None
        True
        >>> Judge("mae", 10.0).loss({"value": 7.0}, 5.0)
        0.2
        """
        name, _, label = (self.metric or _usual(answer)).partition(":")
        if name == "mae":
            return self._distance(answer, truth)
        if "label" not in answer:
            raise EvidenceError(f"answers that are numbers cannot be judged by {name}: take mae")
        if name == "brier":
            return _brier(answer, truth)
        said, true = str(answer["label"]), str(truth)
        if {"recall": true, "precision": said}.get(name, label) != label:
            return None
        return float(said != true)

    def _distance(self, answer: dict[str, Any], truth: Truth) -> float:
        if "label" in answer:
            raise EvidenceError("classes cannot be judged by mae: take accuracy or brier")
        if self.scale == 0:
            raise EvidenceError(
                "rollout.scale is 0: say which error of a number counts as entirely wrong"
            )
        values = answer.get("values")
        told = np.array([answer["value"]] if values is None else list(values.values()), float)
        if values is not None and isinstance(truth, dict):
            truth = [truth[step] for step in values]
        if values is not None and not isinstance(truth, list):
            raise EvidenceError("a step in which it ended cannot be judged by mae")
        apart = np.abs(told - np.asarray(truth, float)) / self.scale
        return float(np.minimum(apart, 1).mean())


def _usual(answer: dict[str, Any]) -> str:
    return "accuracy" if "label" in answer else "mae"


def _brier(answer: dict[str, Any], truth: Truth) -> float:
    classes = list(answer["probabilities"])
    if str(truth) not in classes:
        raise EvidenceError(f"{truth!r} is none of the classes {', '.join(classes)}")
    chances = np.array([list(answer["probabilities"].values())], float)
    found = float(losses.brier(np.array([classes.index(str(truth))]), chances)[0])
    # The sum over more than two classes lies between 0 and 2.
    return min(1.0, found if len(classes) == 2 else found / 2)
