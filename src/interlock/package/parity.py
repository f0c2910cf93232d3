"""Proof that the graph answers as the model did: both on the same rows, compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import onnxruntime as ort

from interlock.errors import ConversionError, ParityError
from interlock.package.manifest import Parity

if TYPE_CHECKING:
    import onnx

Arrays: TypeAlias = dict[str, np.ndarray[Any, Any]]
Run: TypeAlias = Callable[[Arrays], Arrays]
Rows: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]

_FLOAT32 = 1e-6  # relative; a few roundings of float32, as sums over trees make them


def answers(graph: onnx.ModelProto, feed: Arrays) -> Arrays:
    """What `graph` answers to `feed`; see `runner`."""
    return runner(graph)(feed)


def runner(graph: onnx.ModelProto, *, threads: int = 0) -> Run:
    """A function from a feed to what ONNX Runtime answers for `graph`, keyed by output name.

    Parameters
    ----------
    threads
        How many the runtime may use; 0 leaves it to the runtime.

    Raises
    ------
    ConversionError
        When ONNX Runtime cannot load the graph. So does the function when it cannot run it.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    with _refusals():
        session = ort.InferenceSession(
            graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    names = [output.name for output in session.get_outputs()]

    def run(feed: Arrays) -> Arrays:
        with _refusals():
            return dict(zip(names, session.run(names, feed), strict=True))

    return run


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    # ONNX Runtime has a class for each of its status codes and no common one that is public.
    except Exception as error:
        raise ConversionError(f"ONNX Runtime cannot run the graph: {error}") from error


def check(
    graph: onnx.ModelProto, feed: Arrays, expected: Arrays, *, tolerance: float = 1e-4
) -> Parity:
    """Compare the graph's answers to `feed` with the model's own.

    Parameters
    ----------
    feed
        Graph inputs by name, as `interlock.signature.infer.feeds` makes them.
    expected
        The model's answers to the same rows, as `interlock.package.convert.reference` gives them.
    tolerance
        Largest difference allowed, as `compare` measures it. No label may change at all, except
        between labels that the model finds equally probable.

    Raises
    ------
    ParityError
        When a difference is beyond tolerance or a label changed; prints both answers of the
        worst row.
    """
    return compare(answers(graph, feed), expected, tolerance=tolerance)


def compare(got: Arrays, expected: Arrays, *, tolerance: float = 1e-4) -> Parity:
    """Compare answers with answers; parameters and errors are those of `check`.

    A difference is absolute for probabilities; for values it is ``|graph - model|`` divided by
    ``1 + |model|``: absolute near zero, relative for large numbers.

    Examples
    --------
    >>> model = {"value": np.array([10.0, 200.0])}
    >>> compare({"value": np.array([10.0, 200.001])}, model).labels_changed
    0
    """
    rows = len(next(iter(expected.values())))
    differs = _differs(got, expected, rows)
    difference = _difference(got, expected)
    ties = _ties(got, expected, differs)
    changed = differs & ~ties
    report = Parity(
        rows=rows,
        largest_difference=float(difference.max(initial=0.0)),
        labels_changed=int(changed.sum()),
        tolerance=tolerance,
        ties=int(ties.sum()),
    )
    if report.labels_changed or report.largest_difference > tolerance:
        # A changed label is worse than any difference in numbers.
        worst = int(np.argmax(np.where(changed, np.inf, difference)))
        raise ParityError(_complaint(report, worst, got, expected))
    return report


def _differs(got: Arrays, expected: Arrays, rows: int) -> Rows:
    if "label" not in expected:
        return np.zeros(rows, bool)
    return np.asarray(got["label"] != expected["label"], dtype=bool)


def _ties(got: Arrays, expected: Arrays, differs: Rows) -> Rows:
    """Which of the rows with different labels the model decides by a hair of rounding.

    There both labels have the highest probability in the model's own answer, as far as float32 can
    tell, and which of them comes out depends on the order in which numbers were added.
    """
    ties = np.zeros_like(differs)
    if not differs.any():
        return ties
    highest = _highest(expected["probabilities"])
    columns = _columns(expected["label"], highest)
    for row in np.flatnonzero(differs):
        both = [columns.get(said["label"][row]) for said in (expected, got)]
        ties[row] = highest[row].all() or all(
            column is not None and highest[row, column] for column in both
        )
    return ties


def _highest(chances: np.ndarray[Any, Any]) -> Rows:
    """For each row and column, whether no other column's probability is higher, in float32."""
    top = chances.max(axis=1, keepdims=True)
    return np.asarray(np.isclose(chances, top, rtol=_FLOAT32, atol=0), dtype=bool)


def _columns(labels: np.ndarray[Any, Any], highest: Rows) -> dict[Any, int]:
    """The column of each label, as rows without a tie show it; without those that they do not."""
    clear = highest.sum(axis=1) == 1
    seen = set(zip(labels[clear].tolist(), highest[clear].argmax(axis=1).tolist(), strict=True))
    known = [label for label, _ in seen]
    return {label: column for label, column in seen if known.count(label) == 1}


def _difference(got: Arrays, expected: Arrays) -> np.ndarray[Any, Any]:
    """Largest difference of each row; infinite where only one of the two is NaN."""
    name = next(name for name in expected if name != "label")
    graph, model = got[name].astype(np.float64), expected[name].astype(np.float64)
    if graph.shape != model.shape:
        raise ParityError(f"{name}: the graph answers {graph.shape}, the model {model.shape}")
    scale = np.ones_like(model) if name == "probabilities" else 1 + np.abs(model)
    equal = (graph == model) | (np.isnan(graph) & np.isnan(model))
    with np.errstate(invalid="ignore"):
        difference = np.where(equal, 0.0, np.abs(graph - model) / scale)
    difference = np.where(np.isnan(difference), np.inf, difference)
    return np.asarray(difference.reshape(len(difference), -1).max(axis=1, initial=0.0))


def _complaint(report: Parity, worst: int, got: Arrays, expected: Arrays) -> str:
    return (
        f"the graph does not answer as the model does: {report.labels_changed} of {report.rows} "
        f"labels changed, largest difference {report.largest_difference:.3g} "
        f"(tolerance {report.tolerance:g}). Worst is row {worst}:\n"
        f"  model: {_row(expected, worst)}\n"
        f"  graph: {_row({name: got[name] for name in expected}, worst)}\n"
        'Where float32 is too coarse, declare the columns dtype="float64"; otherwise the model '
        "has a part that its converter does not reproduce."
    )


def _row(arrays: Arrays, row: int) -> str:
    with np.printoptions(precision=9, threshold=20):
        return ", ".join(f"{name} {array[row]!s}" for name, array in arrays.items())
