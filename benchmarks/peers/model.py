"""What all peers share: the graph that `BENCH_GRAPH` names, asked for one record at a time."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import onnxruntime as ort


class Model:
    """One onnxruntime session with one thread; answers a record by label and probabilities."""

    def __init__(self) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = ort.InferenceSession(
            os.environ["BENCH_GRAPH"], options, providers=["CPUExecutionProvider"]
        )
        self._labels = os.environ["BENCH_LABELS"].split(",")

    def predict(self, beat: list[float]) -> dict[str, Any]:
        """Label and probabilities, as plain Python values."""
        row = np.array(beat, np.float32).reshape(1, -1)
        label, probabilities = self._session.run(["label", "probabilities"], {"beat": row})
        shares = dict(zip(self._labels, probabilities[0].tolist(), strict=True))
        return {"label": str(label[0]), "probabilities": shares}
