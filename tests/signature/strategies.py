"""Hypothesis strategies: signatures, records that fit them, and everything that does not."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from hypothesis import strategies as st

from interlock.errors import (
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
from interlock.signature.ranges import Numeric, takes_whole
from interlock.signature.schema import (
    Boolean,
    Category,
    Classes,
    Input,
    Integer,
    Number,
    OutOfRange,
    Output,
    Signature,
    Tensor,
    Text,
    Value,
    Vector,
    bounds,
    capacity,
    dtype,
)
from interlock.signature.wording import step

Record: TypeAlias = dict[str, Any]
Draw: TypeAlias = Callable[[st.SearchStrategy[Any]], Any]

MARK = "\u2602 to be replaced"  # no strategy below draws an umbrella
POLICIES: list[OutOfRange] = ["reject", "clip", "flag"]

letters = st.characters(codec="utf-8", exclude_characters="\u2602")
words = st.text(letters, max_size=8)
names = st.text(
    st.characters(codec="utf-8", min_codepoint=32, exclude_characters='"\\\u2602'),
    min_size=1,
    max_size=8,
)


class Broken(NamedTuple):
    """A body that no decoder may take: the error it deserves, and where.

    `rows` are its records with `MARK` in the place of the bad `fragment` of JSON for `field`.
    """

    body: bytes
    error: type[RequestError]
    path: str
    rows: list[Record]
    field: Input | None = None
    fragment: str = ""


# --- Signatures ---------------------------------------------------------------------------------


def reals(kind: str, low: float | None = None, high: float | None = None) -> Any:
    """Finite numbers that a dtype holds exactly."""
    width: Any = 32 if kind == "float32" else 64
    return st.floats(low, high, width=width, allow_nan=False, allow_infinity=False)


def integers(field: Numeric) -> st.SearchStrategy[int]:
    """Whole numbers that the graph tells apart."""
    if dtype(field) == "float32":
        return st.integers(-(2**24), 2**24)
    low, high = capacity(field)
    return st.integers(int(low), int(high))


@st.composite
def _ranged(draw: Draw, field: Numeric) -> Numeric:
    values = integers(field) if takes_whole(field) else reals(dtype(field))
    # + 0 makes zeros of -0.0, which hypothesis takes for less than 0.0.
    ends = sorted(end + 0 for end in draw(st.lists(values, min_size=2, max_size=2)))
    low, high = (end if draw(st.booleans()) else None for end in ends)
    kind: Any = type(field)
    options: dict[str, Any] = {}
    if isinstance(field, Tensor):
        options["shape"] = field.shape
    else:
        options["nullable"] = field.nullable
    if not isinstance(field, Integer):
        options["dtype"] = field.dtype
    return kind(name=field.name, minimum=low, maximum=high, **options)  # type: ignore[no-any-return]


@st.composite
def tensors(draw: Draw, name: str) -> Input:
    kind = draw(st.sampled_from(["float32", "float64", "int64", "int32", "bool"]))
    shape = tuple(draw(st.lists(st.integers(1, 3), max_size=3)))
    field = Tensor(name=name, shape=shape, dtype=kind)
    ranged: Input = field if kind == "bool" else draw(_ranged(field))
    return ranged


@st.composite
def columns(draw: Draw, name: str) -> Input:
    nullable = draw(st.booleans())
    plain: list[Input] = [
        Number(name=name, nullable=nullable, dtype=draw(st.sampled_from(["float32", "float64"]))),
        Integer(name=name, nullable=nullable),
        Boolean(name=name, nullable=nullable),
        Text(name=name, nullable=nullable, max_length=draw(st.none() | st.integers(1, 8))),
        Category(
            name=name,
            nullable=nullable,
            values=tuple(draw(st.lists(words.filter(bool), min_size=1, max_size=4, unique=True))),
        ),
    ]
    field = draw(st.sampled_from(plain))
    if isinstance(field, Number | Integer) and draw(st.booleans()):
        field = draw(_ranged(field))
    column: Input = field
    return column


outputs: st.SearchStrategy[Output] = st.one_of(
    st.lists(words, min_size=2, max_size=4, unique=True).map(
        lambda labels: Classes(labels=tuple(labels))
    ),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=2, max_size=4, unique=True).map(
        lambda labels: Classes(labels=tuple(labels))
    ),
    st.builds(Value, unit=words),
    st.lists(words, min_size=1, max_size=4, unique=True).map(
        lambda steps: Vector(steps=tuple(steps))
    ),
)


@st.composite
def signatures(draw: Draw) -> Signature:
    """Signatures of either shape, every field type, nullable or not, under every policy."""
    kind = draw(st.sampled_from([tensors, columns]))
    chosen = draw(st.lists(names, min_size=1, max_size=4, unique=True))
    return Signature(
        inputs=tuple(draw(kind(name)) for name in chosen),
        output=draw(outputs),
        out_of_range=draw(st.sampled_from(POLICIES)),
    )


# --- Records that fit ---------------------------------------------------------------------------


def _numbers(field: Numeric, signature: Signature) -> Any:
    low, high = (
        (bounds(field) or (-math.inf, math.inf))
        if signature.out_of_range == "reject"
        else (-math.inf, math.inf)
    )
    if takes_whole(field):
        least, most = (-(2**24), 2**24) if dtype(field) == "float32" else capacity(field)
        return st.integers(math.ceil(max(low, least)), math.floor(min(high, most)))
    return reals(dtype(field), *(end if math.isfinite(end) else None for end in (low, high)))


def elements(field: Input, signature: Signature) -> Any:
    """One value of a column, or one element of a tensor, as JSON has it."""
    if isinstance(field, Category):
        values: Any = st.sampled_from(field.values)
    elif isinstance(field, Text):
        values = st.text(letters, max_size=field.max_length or 8)
    elif isinstance(field, Boolean) or dtype(field) == "bool":
        values = st.booleans()
    else:
        values = _numbers(field, signature)
    return st.none() | values if getattr(field, "nullable", False) else values


def nested(values: Any, shape: tuple[int, ...]) -> Any:
    """Lists of `values`, nested to `shape`."""
    for size in reversed(shape):
        values = st.lists(values, min_size=size, max_size=size)
    return values


@st.composite
def records(draw: Draw, signature: Signature) -> Record:
    """A record that the decoder takes; what may be missing is sometimes left out."""
    found: Record = {}
    for field in draw(st.permutations(signature.inputs)):
        shape = field.shape if isinstance(field, Tensor) else ()
        value = draw(nested(elements(field, signature), shape))
        if value is not None or draw(st.booleans()):
            found[field.name] = value
    return found


# --- Everything else ----------------------------------------------------------------------------

_HUGE = ["1" + "0" * 400, "-" + "7" * 5000]
_INFINITE = ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"]


def _bad_numbers(field: Numeric, signature: Signature) -> dict[str, type[RequestError]]:
    found: dict[str, type[RequestError]] = dict.fromkeys(['"5"', "true"], TypeMismatchError)
    found |= dict.fromkeys(_INFINITE, NotFiniteError)
    low, high = capacity(field)
    if takes_whole(field):
        found |= dict.fromkeys(["1.5", "3.0", "-0.0", "1e3"], TypeMismatchError)
        found |= dict.fromkeys([*_HUGE, str(int(high) + 1), str(int(low) - 1)], OutOfRangeError)
    else:
        found |= dict.fromkeys(_HUGE, NotFiniteError)
        if dtype(field) == "float32":
            found |= dict.fromkeys(["3.5e38", "-1e39"], NotFiniteError)
    return found | _out_of_range(field, signature)


def _out_of_range(field: Numeric, signature: Signature) -> dict[str, type[RequestError]]:
    stated = bounds(field)
    if signature.out_of_range != "reject" or not stated:
        return {}
    found = {}
    for end, way in zip(stated, (-math.inf, math.inf), strict=True):
        if takes_whole(field) and math.isfinite(end):
            found[str(int(end) + (1 if way > 0 else -1))] = OutOfRangeError
        elif math.isfinite(end):
            kind = np.dtype(dtype(field)).type
            with np.errstate(all="ignore"):
                beyond = float(np.nextafter(kind(end), kind(way)))
            if math.isfinite(beyond):
                found[repr(beyond)] = OutOfRangeError
    return dict[str, type[RequestError]](found)


def bad_elements(field: Input, signature: Signature) -> dict[str, type[RequestError]]:
    """JSON that must not stand for one value of `field`, and the error each text deserves."""
    nesting = ShapeError if isinstance(field, Tensor) else TypeMismatchError
    found: dict[str, type[RequestError]] = {"[]": nesting, '{"a": [0]}': nesting}
    if not getattr(field, "nullable", False):
        found["null"] = TypeMismatchError
    if isinstance(field, Category):
        texts = [f'"{MARK}"', '""', '"\\ud800"']
        return found | dict.fromkeys(texts, UnknownCategoryError) | {"1": TypeMismatchError}
    if isinstance(field, Text):
        found |= dict.fromkeys(['"\\ud800"', '"a\\udc00"'], MalformedError)
        if field.max_length:
            found[json.dumps("x" * (field.max_length + 1))] = OutOfRangeError
        return found | {"1": TypeMismatchError}
    if isinstance(field, Boolean) or dtype(field) == "bool":
        return found | dict.fromkeys(["1", "0", '"true"', "NaN"], TypeMismatchError)
    return found | _bad_numbers(field, signature)


def _bad_tensors(field: Tensor) -> dict[str, type[RequestError]]:
    if not field.shape:
        return {}
    long = json.dumps([0] * (field.shape[0] + 1))
    found: dict[str, type[RequestError]] = {"3": TypeMismatchError, "{}": TypeMismatchError}
    return found | dict.fromkeys(["[]", long], ShapeError)


@st.composite
def _replaced(draw: Draw, value: Any, shape: tuple[int, ...]) -> tuple[Any, str]:
    """`value` with one element replaced by the mark, and the path of that element."""
    if not shape:
        return MARK, ""
    index = draw(st.integers(0, shape[0] - 1))
    part, path = draw(_replaced(value[index], shape[1:]))
    return [*value[:index], part, *value[index + 1 :]], f"[{index}]{path}"


@st.composite
def broken_values(draw: Draw, signature: Signature) -> Broken:
    """One record, or a list of three, with one bad value in it."""
    field = draw(st.sampled_from(signature.inputs))
    record = draw(records(signature))
    shape = field.shape if isinstance(field, Tensor) else ()
    bad, path = bad_elements(field, signature), ""
    if isinstance(field, Tensor) and shape and draw(st.booleans()):
        bad, record[field.name] = _bad_tensors(field), MARK
    else:
        record[field.name], path = draw(_replaced(record.get(field.name), shape))
    fragment = draw(st.sampled_from(sorted(bad)))
    path = step("$", field.name) + path
    rows = [record]
    if draw(st.booleans()):
        rows = [draw(records(signature)), record, draw(records(signature))]
        path = "$[1]" + path[1:]
    body = _utf8(rows if len(rows) > 1 else record)
    body = body.replace(_utf8(MARK), fragment.encode(), 1)
    return Broken(body, bad[fragment], path, rows, field, fragment)


@st.composite
def broken_records(draw: Draw, signature: Signature) -> Broken:
    """A field too few, a field too many, or no record at all."""
    record = draw(records(signature))
    required = [field for field in signature.inputs if not getattr(field, "nullable", False)]
    if required and draw(st.booleans()):
        field = draw(st.sampled_from(required))
        del record[field.name]
        return Broken(_utf8(record), MissingFieldError, step("$", field.name), [record])
    if draw(st.booleans()):
        record[MARK] = 1
        return Broken(_utf8(record), UnknownFieldError, step("$", MARK), [record])
    other = draw(st.sampled_from(["3", '"a"', "null", "true"]))
    return Broken(other.encode(), TypeMismatchError, "$", [])


def _utf8(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(letters, max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


@st.composite
def bodies(draw: Draw, signature: Signature) -> bytes:
    """Bytes of any kind, most of them nearly right."""
    near = draw(st.lists(records(signature), min_size=1, max_size=3))
    good = _utf8(near[0] if draw(st.booleans()) else near)
    spot = draw(st.integers(0, len(good)))
    choices = [
        st.binary(max_size=40),
        json_values.map(_utf8),
        st.dictionaries(st.sampled_from([f.name for f in signature.inputs]), json_values).map(
            _utf8
        ),
        st.binary(max_size=3).map(lambda noise: good[:spot] + noise + good[spot + len(noise) :]),
        st.just(good[:spot]),
        st.sampled_from([b"\xef\xbb\xbf" + good, good.decode().encode("utf-16"), good + b"x"]),
        st.sampled_from([b"[" * 100_000, b'{"a":' * 100_000, b"[" * 9000 + b"]" * 9000]),
    ]
    body: bytes = draw(st.one_of(choices))
    return body
