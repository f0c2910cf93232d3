"""The heartbeats and how they are split. `data/PROVENANCE.md` says where they come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from interlock.evidence.splits import stratified

FILE = Path(__file__).parent / "data" / "ecg5000.parquet"
LABELS = ("normal", "r-on-t", "ventricular", "supraventricular", "unclassified")
SPLITS = {"train": 0.4, "validation": 0.1, "test": 0.2, "holdout": 0.2, "staging": 0.1}
SEED = 2024


def load() -> tuple[NDArray[np.float32], NDArray[Any]]:
    """All beats `[5000, 140]` and their labels: the archive's train part, then its test part."""
    table = pq.read_table(FILE, columns=["beat", "label"])
    samples = table["beat"].combine_chunks().flatten().to_numpy()
    return samples.reshape(len(table), -1), table["label"].to_numpy()


def splits() -> dict[str, tuple[NDArray[np.float32], NDArray[Any]]]:
    """Beats and labels of each split."""
    beats, labels = load()
    return {
        name: (beats[rows], labels[rows]) for name, rows in stratified(labels, SPLITS, SEED).items()
    }
