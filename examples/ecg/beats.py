"""The heartbeats and how they are split. `data/PROVENANCE.md` says where they come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from interlock import policy
from interlock.data import parts

HERE = Path(__file__).resolve().parent
FILE = HERE / "data" / "ecg5000.parquet"
LABELS = ("normal", "r-on-t", "ventricular", "supraventricular", "unclassified")


def load() -> tuple[NDArray[np.float32], NDArray[Any]]:
    """All beats `[5000, 140]` and their labels: the archive's train part, then its test part."""
    table = pq.read_table(FILE, columns=["beat", "label"])
    samples = table["beat"].combine_chunks().flatten().to_numpy()
    return samples.reshape(len(table), -1), table["label"].to_numpy()


def splits() -> dict[str, tuple[NDArray[np.float32], NDArray[Any]]]:
    """Beats and labels of each split, as `interlock.toml` says."""
    found = parts.read(policy.read(HERE / "interlock.toml"), HERE)
    return {name: (np.asarray(rows.features["beat"]), rows.truth) for name, rows in found.items()}
