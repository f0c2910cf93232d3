"""The policy of a model project: `interlock.toml`, typed, refused by name.

It lies beside the training code and goes into version control with it. Its JSON Schema is
`interlock.policy.schema`; `interlock.policy.writing` writes it as TOML with every default.
"""

from interlock.policy.gates import (
    GATES,
    Budget,
    Calibration,
    Champion,
    Floor,
    Gates,
    Infra,
    Integrity,
    Needs,
    Parity,
    Robustness,
    Slices,
)
from interlock.policy.journal import Journal
from interlock.policy.labels import Labels
from interlock.policy.policy import Model, Package, Policy
from interlock.policy.reading import FILE, parse, read
from interlock.policy.rollout import Rollout
from interlock.policy.table import Table
from interlock.policy.training import PARTS, Data, Metrics, Splits, Train, Tune
from interlock.policy.values import METRIC, NAME, NAME_RULE, OutOfRange

__all__ = [
    "FILE",
    "GATES",
    "METRIC",
    "NAME",
    "NAME_RULE",
    "PARTS",
    "Budget",
    "Calibration",
    "Champion",
    "Data",
    "Floor",
    "Gates",
    "Infra",
    "Integrity",
    "Journal",
    "Labels",
    "Metrics",
    "Model",
    "Needs",
    "OutOfRange",
    "Package",
    "Parity",
    "Policy",
    "Robustness",
    "Rollout",
    "Slices",
    "Splits",
    "Table",
    "Train",
    "Tune",
    "parse",
    "read",
]
