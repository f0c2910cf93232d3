"""What exactly is wrong with a body that a fast decoder refused: code, JSON path, expected, got.

Runs only for requests that fail anyway, so it may take its time: the body is read as plain JSON
(with the NaN and Infinity that some writers emit) and walked beside the signature.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

from interlock.errors import (
    EmptyBatchError,
    MalformedError,
    MissingFieldError,
    NotFiniteError,
    OutOfRangeError,
    RequestError,
    ShapeError,
    TypeMismatchError,
    UnknownCategoryError,
    UnknownFieldError,
)
from interlock.signature.ranges import Numeric, limits, takes_whole
from interlock.signature.schema import (
    Boolean,
    Category,
    Input,
    Signature,
    Tensor,
    Text,
    bounds,
    dtype,
)
from interlock.signature.wording import (
    got,
    listed,
    range_words,
    record_words,
    short,
    step,
    words,
)


def diagnose(signature: Signature, body: bytes) -> RequestError | None:
    """The first thing wrong with `body`, or None when this reading finds nothing."""
    try:
        value = read(body)
    except MalformedError as error:
        error.expected = error.expected or record_words(signature)
        return error
    return next(problems(signature, value), None)


def read(body: bytes) -> Any:
    """The JSON value in `body`, NaN and infinities included; raises MalformedError with the place.

    >>> read(b"[1, NaN]")
    [1, nan]
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise MalformedError(
            f"the body is not UTF-8: {error.reason} at byte {error.start}", path="$"
        ) from None
    if text.startswith("\ufeff"):
        raise MalformedError("the body begins with a byte order mark; leave it out", path="$")
    try:
        return json.loads(text, object_pairs_hook=_Object, parse_int=_whole)
    except json.JSONDecodeError as error:
        raise MalformedError(
            f"the body is not JSON: {error}",
            path="$",
            got=_rest(text[error.pos :]),
        ) from None
    except RecursionError:
        raise MalformedError("the body is nested too deep", path="$") from None


def _rest(text: str) -> str:
    return short(repr(text[:20])) if text else "the end of the body"


class _Object(dict[str, Any]):
    """A JSON object that keeps what came under a repeated name: fast decoders look at all of it."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


def _whole(digits: str) -> int:
    # Python refuses to read longer numbers. Cut short they are still far outside of every range.
    return int(digits[:4000])


def problems(signature: Signature, value: Any) -> Iterator[RequestError]:
    """Everything wrong with one record or a list of them, in reading order."""
    if not isinstance(value, list):
        yield from _record(signature, value, "$")
        return
    if not value:
        yield EmptyBatchError(
            "the list holds no record", path="$", expected="at least one record", got="[]"
        )
    for index, record in enumerate(value):
        yield from _record(signature, record, f"$[{index}]")


def _record(signature: Signature, record: Any, path: str) -> Iterator[RequestError]:
    if not isinstance(record, dict):
        yield TypeMismatchError(
            "a record is a JSON object",
            path=path,
            expected=record_words(signature),
            got=got(record),
        )
        return
    known = {field.name: field for field in signature.inputs}
    pairs: Iterable[tuple[str, Any]] = getattr(record, "pairs", None) or record.items()
    for name, value in pairs:
        if name in known:
            yield from _value(known[name], value, step(path, name), signature)
        else:
            yield _unknown(name, list(known), path)
    for name, field in known.items():
        if name not in record and not getattr(field, "nullable", False):
            yield MissingFieldError(
                f"{name} is missing", path=step(path, name), expected=words(field), got="nothing"
            )


def _unknown(name: str, known: list[str], path: str) -> RequestError:
    shown = short(repr(name))
    return UnknownFieldError(
        f"no input is called {shown}{_hint(name, known)}",
        path=step(path, name),
        expected=f"one of {listed(known)}",
        got=shown,
    )


def _hint(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _value(field: Input, value: Any, path: str, signature: Signature) -> Iterator[RequestError]:
    if isinstance(field, Tensor):
        yield from data(field, value, path, field.shape, signature)
    else:
        yield from element(field, value, path, signature)


def data(
    field: Input, value: Any, path: str, shape: tuple[int, ...], signature: Signature
) -> Iterator[RequestError]:
    """What is wrong with nested lists of `shape` whose elements are values of `field`."""
    if not shape:
        yield from element(field, value, path, signature)
    elif not isinstance(value, list):
        yield TypeMismatchError(
            f"{field.name} is an array", path=path, expected=words(field), got=got(value)
        )
    elif len(value) != shape[0]:
        yield ShapeError(
            f"{field.name} has the wrong length",
            path=path,
            expected=f"{shape[0]} values ({words(field)})",
            got=f"{len(value)} values",
        )
    else:
        for index, part in enumerate(value):
            yield from data(field, part, f"{path}[{index}]", shape[1:], signature)


def element(field: Input, value: Any, path: str, signature: Signature) -> Iterator[RequestError]:
    """What is wrong with one value of a column, or one element of a tensor."""
    if value is None and getattr(field, "nullable", False):
        return
    if isinstance(field, Tensor) and isinstance(value, list | dict):
        yield ShapeError(
            f"{field.name} is nested too deep", path=path, expected=words(field), got=got(value)
        )
    elif isinstance(field, Category | Text):
        yield from _string(field, value, path)
    elif isinstance(field, Boolean) or dtype(field) == "bool":
        if not isinstance(value, bool):
            yield _wrong_type(field, value, path)
    else:
        yield from _number(field, value, path, signature)


def _string(field: Category | Text, value: Any, path: str) -> Iterator[RequestError]:
    if not isinstance(value, str):
        yield _wrong_type(field, value, path)
    elif isinstance(field, Category):
        if value not in field.values:
            yield UnknownCategoryError(
                f"{field.name} does not know this category{_hint(value, field.values)}",
                path=path,
                expected=words(field),
                got=got(value),
            )
    elif half_a_pair(value):
        yield MalformedError(
            f"{field.name} holds half of a surrogate pair, which is no character",
            path=path,
            expected=words(field),
            got=got(value),
        )
    elif field.max_length and len(value) > field.max_length:
        yield OutOfRangeError(
            f"{field.name} is too long",
            path=path,
            expected=words(field),
            got=f"{len(value)} characters",
        )


def half_a_pair(text: str) -> bool:
    """Whether `text` holds half of a surrogate pair, which JSON can escape but UTF-8 cannot hold.

    >>> half_a_pair("abc"), half_a_pair(chr(0xD800))
    (False, True)
    """
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def _number(field: Numeric, value: Any, path: str, signature: Signature) -> Iterator[RequestError]:
    reject = signature.out_of_range == "reject"
    if isinstance(value, bool) or not isinstance(value, int | float):
        yield _wrong_type(field, value, path)
    elif isinstance(value, float) and not math.isfinite(value):
        yield _not_finite(f"{field.name} must be finite", field, value, path)
    elif takes_whole(field):
        if isinstance(value, float):
            yield _wrong_type(field, value, path)
        elif not _inside(value, limits(field, declared=reject)):
            yield _outside(field, value, path, reject=reject)
    elif not _inside(_real(value), limits(field, declared=False)):
        bits = dtype(field).removeprefix("float")
        yield _not_finite(f"{field.name} does not fit a {bits}-bit number", field, value, path)
    elif not _inside(_real(value), limits(field, declared=reject)):
        yield _outside(field, value, path, reject=reject)


def _real(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _inside(value: float, ends: tuple[float, float]) -> bool:
    return ends[0] <= value <= ends[1]


def _not_finite(message: str, field: Numeric, value: float, path: str) -> RequestError:
    return NotFiniteError(message, path=path, expected=words(field), got=got(value))


def _outside(field: Numeric, value: float, path: str, *, reject: bool) -> RequestError:
    stated = bounds(field)
    if not stated or not _inside(value, limits(field, declared=False)):
        stated = limits(field, declared=reject)
    return OutOfRangeError(
        f"{field.name} is outside its range",
        path=path,
        expected=range_words(*stated) + (f" {field.unit}" if field.unit else ""),
        got=got(value),
    )


def _wrong_type(field: Input, value: Any, path: str) -> RequestError:
    return TypeMismatchError(
        f"{field.name} has the wrong type", path=path, expected=words(field), got=got(value)
    )
