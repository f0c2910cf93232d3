"""Golden examples: records as a caller would send them, chosen to cover every label."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import msgspec
import numpy as np

from interlock.errors import PackageError, RequestError
from interlock.package.reader import Golden
from interlock.signature import answers as plain
from interlock.signature.records import Decoder
from interlock.signature.schema import (
    Boolean,
    Classes,
    Input,
    Integer,
    Signature,
    dtype,
    output_names,
)

Array: TypeAlias = np.ndarray[Any, Any]
Run: TypeAlias = Callable[[dict[str, Array]], dict[str, Array]]

EACH = 3
"""Examples of each label: one answered with confidence, a middling one and a doubtful one."""
MOST = 60


def choose(
    signature: Signature, feed: dict[str, Array], answers: dict[str, Array], run: Run
) -> Golden:
    """Examples out of a sample, with the answers that `run` (the graph) gives to them.

    Rows that the signature would refuse (out of range, say) are passed over. Each record is
    answered by itself and from its JSON, exactly as a server would do it.

    Raises
    ------
    PackageError
        When the signature accepts no row of the sample at all.
    """
    decoder = Decoder(signature)
    records: list[dict[str, Any]] = []
    for group in _groups(signature, answers):
        records += _accepted(signature, decoder, feed, group)
    if not records:
        raise PackageError(
            "the signature accepts no row of the sample, so there can be no golden examples: "
            + _first_refusal(signature, decoder, feed)
        )
    return Golden(
        records=tuple(records[:MOST]),
        answers=tuple(expected(signature, decoder, row, run) for row in records[:MOST]),
    )


def expected(
    signature: Signature, decoder: Decoder, record: dict[str, Any], run: Run
) -> dict[str, Any]:
    """The answer to one record: decoded, run and read as the plain door does it."""
    outputs = run(decoder.decode(msgspec.json.encode(record)).feed)
    read = plain.reader(signature.output)
    return read([outputs[name] for name in output_names(signature.output)])[0]


def record(signature: Signature, feed: dict[str, Array], row: int) -> dict[str, Any]:
    """One row of a feed as the JSON object that a caller would send."""
    return {field.name: _value(field, feed[field.name][row]) for field in signature.inputs}


def uncovered(signature: Signature, golden: Golden) -> list[str | int]:
    """Labels of which there is no golden example, because the model gave none on the sample."""
    if not isinstance(signature.output, Classes):
        return []
    found = {answer["label"] for answer in golden.answers}
    return [label for label in signature.output.labels if label not in found]


def _groups(signature: Signature, answers: dict[str, Array]) -> Iterator[Sequence[int]]:
    """Row numbers, best first; from each group come up to `EACH` examples."""
    if isinstance(signature.output, Classes):
        confidence = answers["probabilities"].max(axis=1)
        for label in signature.output.labels:
            rows = np.flatnonzero(answers["label"] == label)
            yield _spread(rows, confidence)
        return
    size = next(iter(answers.values()))
    order = size.reshape(len(size), -1).mean(axis=1)
    for rows in np.array_split(np.argsort(order, kind="stable"), min(5, len(size))):
        yield _spread(rows, order)


def _spread(rows: Array, score: Array) -> list[int]:
    """`rows` with the highest, the middle and the lowest by `score` in front."""
    ranked = rows[np.argsort(-score[rows], kind="stable")].tolist()
    if not ranked:
        return []
    front = list(dict.fromkeys([ranked[0], ranked[len(ranked) // 2], ranked[-1]]))
    return front + [row for row in ranked if row not in front]


def _accepted(
    signature: Signature, decoder: Decoder, feed: dict[str, Array], rows: Sequence[int]
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for row in rows:
        candidate = record(signature, feed, row)
        if _refusal(decoder, candidate) is None:
            found.append(candidate)
        if len(found) == EACH:
            break
    return found


def _refusal(decoder: Decoder, candidate: dict[str, Any]) -> RequestError | None:
    try:
        decoder.decode(msgspec.json.encode(candidate))
    except RequestError as error:
        return error
    return None


def _first_refusal(signature: Signature, decoder: Decoder, feed: dict[str, Array]) -> str:
    error = _refusal(decoder, record(signature, feed, 0))
    return f"row 0: {error} (at {error.path}; expected {error.expected})" if error else "no rows"


def _value(field: Input, value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return _short(value).tolist()
    if dtype(field) == "str":
        return None if value == "" and getattr(field, "nullable", False) else str(value)
    if np.isnan(value):
        return None
    if isinstance(field, Integer):
        return int(value)
    return bool(value) if isinstance(field, Boolean) else _short(np.asarray(value)).item()


def _short(values: Array) -> Array:
    """float32 as the shortest decimals that read back the same: 0.1, not 0.10000000149."""
    if values.dtype != np.float32:
        return values
    short = values.astype(str).astype(np.float64)
    return np.where(short.astype(np.float32) == values, short, values.astype(np.float64))
