"""The values that a policy may hold: what fits, and the words that say so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

NAME = r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z"
"""What models may be called: it goes into addresses, file names and the registry."""
NAME_RULE = "up to 100 letters, digits, -, _ and ., starting with a letter or digit"

METRIC = (
    r"\A(accuracy|f1_macro|(f1|recall|precision):.+|(roc|pr)_auc(:.+)?|brier|log_loss|ece"
    r"|recall_at_precision:.+:0?\.[0-9]*[1-9][0-9]*|mae|rmse|mase|pinball:0?\.[0-9]*[1-9][0-9]*"
    r"|concordance|hazard_(brier|calibration)(:[1-9][0-9]*)?)\Z"
)
"""How metrics are written. Which ones a model has, its labels and its output decide."""
METRIC_RULE = (
    "accuracy, f1_macro, f1:LABEL, recall:LABEL, precision:LABEL, recall_at_precision:LABEL:0.9,"
    " roc_auc, roc_auc:LABEL, pr_auc, pr_auc:LABEL, brier, log_loss, ece, mae, rmse, mase,"
    " pinball:0.9, concordance, hazard_brier, hazard_brier:STEP, hazard_calibration or"
    " hazard_calibration:STEP"
)
UNLIMITED = ("mae", "rmse", "mase", "pinball", "log_loss", "brier")
"""Metrics that may be over 1; no metric may be below 0."""
FUNCTION = r"\A[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*\Z"

# The title of each type is what a person reads when a value does not fit.
Name: TypeAlias = Annotated[str, Meta(pattern=NAME, title=NAME_RULE)]
Words: TypeAlias = Annotated[str, Meta(title="text in quotes")]
File: TypeAlias = Annotated[str, Meta(title="a path in quotes, relative to the policy file")]
Source: TypeAlias = Annotated[
    str, Meta(title='a path in quotes, relative to the policy file, or "module:function"')
]
Column: TypeAlias = Annotated[str, Meta(min_length=1, title="the name of a column, in quotes")]
MaybeColumn: TypeAlias = Annotated[str, Meta(title="the name of a column, in quotes")]
Function: TypeAlias = Annotated[str, Meta(pattern=FUNCTION, title='"module:function"')]
MaybeFunction: TypeAlias = Annotated[
    str, Meta(pattern=rf"{FUNCTION}|\A\Z", title='"module:function", or ""')
]
Metric: TypeAlias = Annotated[str, Meta(pattern=METRIC, title=METRIC_RULE)]
MaybeMetric: TypeAlias = Annotated[
    str, Meta(pattern=rf"{METRIC}|\A\Z", title=f'"" or {METRIC_RULE}')
]
MaybeCalibration: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"\A(|ece|hazard_calibration(:[1-9][0-9]*)?)\Z",
        title='"", ece, hazard_calibration or hazard_calibration:STEP',
    ),
]

Switch: TypeAlias = Annotated[bool, Meta(title="true or false")]
Number: TypeAlias = Annotated[float, Meta(title="a number")]
Amount: TypeAlias = Annotated[float, Meta(ge=0, title="a number, 0 or more")]
Share: TypeAlias = Annotated[float, Meta(ge=0, le=1, title="a number from 0 to 1")]
Step: TypeAlias = Annotated[float, Meta(gt=0, le=1, title="a number over 0, up to 1")]
Part: TypeAlias = Annotated[float, Meta(gt=0, lt=1, title="a number over 0 and below 1")]
Alpha: TypeAlias = Annotated[float, Meta(gt=0, lt=0.5, title="a number over 0 and below 0.5")]
Factor: TypeAlias = Annotated[float, Meta(ge=1, title="a number, 1 or more")]
Rate: TypeAlias = Annotated[float, Meta(gt=0, le=100_000, title="a number over 0, up to 100000")]
Seconds: TypeAlias = Annotated[float, Meta(ge=0, title="seconds, 0 or more")]
Duration: TypeAlias = Annotated[float, Meta(gt=0, title="seconds, over 0")]
Interval: TypeAlias = Annotated[float, Meta(ge=0.1, title="seconds, 0.1 or more")]
Bytes: TypeAlias = Annotated[int, Meta(ge=0, title="a whole number of bytes, 0 or more")]
Whole: TypeAlias = Annotated[int, Meta(ge=0, title="a whole number, 0 or more")]
Count: TypeAlias = Annotated[int, Meta(ge=1, title="a whole number, 1 or more")]
Resamples: TypeAlias = Annotated[
    int, Meta(ge=200, le=1_000_000, title="a whole number from 200 to 1000000")
]
Seed: TypeAlias = Annotated[
    int, Meta(ge=0, le=2**32 - 1, title="a whole number from 0 to 4294967295")
]

OutOfRange: TypeAlias = Annotated[
    Literal["reject", "clip", "flag"], Meta(title='"reject", "clip" or "flag"')
]
By: TypeAlias = Annotated[Literal["row", "time", "group"], Meta(title='"row", "time" or "group"')]
Assign: TypeAlias = Annotated[Literal["balanced", "hash"], Meta(title='"balanced" or "hash"')]
Unit: TypeAlias = Annotated[Literal["row", "key"], Meta(title='"row" or "key"')]
Strategy: TypeAlias = Annotated[
    Literal["shadow", "canary", "ab", "blue-green", "recreate"],
    Meta(title='"shadow", "canary", "ab", "blue-green" or "recreate"'),
]
RowMetric: TypeAlias = Annotated[
    Literal["", "accuracy", "brier", "mae"], Meta(title='"", "accuracy", "brier" or "mae"')
]
Inconclusive: TypeAlias = Annotated[
    Literal["wait", "pause", "proceed"], Meta(title='"wait", "pause" or "proceed"')
]
OnFloor: TypeAlias = Annotated[Literal["rollback", "alert"], Meta(title='"rollback" or "alert"')]
Gate: TypeAlias = Annotated[
    Literal[
        "integrity",
        "signature",
        "parity",
        "champion",
        "floor",
        "slices",
        "calibration",
        "robustness",
        "budget",
        "infra",
    ],
    Meta(
        title='"integrity", "signature", "parity", "champion", "floor", "slices", "calibration",'
        ' "robustness", "budget" or "infra"'
    ),
]


def impossible(bounds: Mapping[str, float], where: str) -> Iterator[str]:
    """Sentences about the bounds that every model or none would meet.

    >>> list(impossible({"accuracy": 85, "mae": 3.5}, "bounds"))
    ['bounds.accuracy = 85; allowed: a number from 0 to 1']
    """
    for metric, bound in bounds.items():
        limited = metric.partition(":")[0] not in UNLIMITED
        if bound < 0 or (limited and bound > 1):
            rule = "a number from 0 to 1" if limited else "a number, 0 or more"
            yield f"{where}.{metric} = {bound:g}; allowed: {rule}"
