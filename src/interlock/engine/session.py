"""One ONNX Runtime session over a packaged graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from interlock.errors import EngineError, PackageError
from interlock.signature import Signature, dtype, output_names

Feed = dict[str, np.ndarray[Any, Any]]
Outputs = Sequence[np.ndarray[Any, Any]]

_ORT_TYPES = {
    "float32": "float",
    "float64": "double",
    "int64": "int64",
    "int32": "int32",
    "bool": "bool",
    "str": "string",
}


class Session:
    """Runs a graph; safe to call from several threads.

    Parameters
    ----------
    graph
        Path of ``model.onnx``.
    signature
        Names the outputs to ask for, in `output_names` order.
    threads
        ONNX Runtime intra-op threads.

    Raises
    ------
    PackageError
        When ONNX Runtime cannot load the graph, or its inputs and outputs are not the signature's.
    """

    def __init__(self, graph: Path, signature: Signature, *, threads: int = 1) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        # An idle pool that spins takes a core from the workers beside it.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # It would write what went wrong to standard error, and quote the caller's numbers.
        options.log_severity_level = 4
        try:
            session = ort.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's exceptions share no base class of their own
            raise PackageError(f"{graph}: ONNX Runtime cannot load this graph: {error}") from error
        _check_inputs(graph, session, signature)
        self._outputs = list(output_names(signature.output))
        _check_outputs(graph, session, self._outputs)
        # The wrapper around this adds a microsecond of checks that are made here, once.
        self._run: Callable[..., Outputs] = getattr(session, "_sess", session).run

    def run(self, feed: Feed) -> Outputs:
        """Graph outputs for `feed`; raises EngineError when the graph fails on it."""
        try:
            return self._run(self._outputs, feed, None)
        except Exception as error:  # ONNX Runtime's exceptions share no base class of their own
            raise EngineError(f"the model failed: {error}") from error


def _check_inputs(graph: Path, session: ort.InferenceSession, signature: Signature) -> None:
    found = {item.name: item.type for item in session.get_inputs()}
    stated = {field.name: f"tensor({_ORT_TYPES[dtype(field)]})" for field in signature.inputs}
    if found != stated:
        raise PackageError(f"{graph}: the graph takes {found}, but its signature says {stated}")


def _check_outputs(graph: Path, session: ort.InferenceSession, wanted: list[str]) -> None:
    found = [item.name for item in session.get_outputs()]
    if not set(wanted) <= set(found):
        raise PackageError(f"{graph}: the graph answers {found}, but its signature says {wanted}")
