"""Labels, the truth about predictions: how callers say it, what fits, how it goes on record."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import msgspec
from uuid_utils import uuid7

from interlock.errors import (
    EmptyBatchError,
    MalformedError,
    OutOfRangeError,
    RequestError,
    ShapeError,
    TypeMismatchError,
    UnknownCategoryError,
)
from interlock.journal.record import Label
from interlock.journal.seal import interim
from interlock.signature.schema import Classes, Output, Value, Vector
from interlock.signature.wording import got, listed

if TYPE_CHECKING:
    from interlock.journal.hashing import Hasher
    from interlock.journal.seal import Sealer

Truth: TypeAlias = str | int | float | list[float] | dict[str, float]
"""A class, a number, or a number for each step: in order, or by name."""

KEY_LENGTH = 256
"""Bytes of the longest routing key."""
CHUNK = 1000
"""Labels that go into one frame."""

_AHEAD = timedelta(seconds=60)  # clocks that run ahead of ours by no more than this are forgiven
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST = 2**63  # of whole numbers, in files and databases
_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_WHERE = re.compile(r" - at `(\$.*)`$")

Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]


class Given(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One label as it is said: of the prediction `prediction_id`, or by routing `key` and `time`.

    `time` is when the thing was true: the last prediction of that key until then is meant, of that
    `deployment` where one is named. `observed` is when somebody saw it, `source` who or what did.
    """

    label: Truth
    prediction_id: str | None = None
    key: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    time: Moment | None = None
    deployment: Annotated[str, msgspec.Meta(min_length=1, max_length=128)] | None = None
    observed: Moment | None = None
    source: Annotated[str, msgspec.Meta(max_length=256)] = ""

    def __post_init__(self) -> None:
        by_key = self.key is not None and self.time is not None
        half = (self.key is None) != (self.time is None)
        if half or by_key == (self.prediction_id is not None):
            raise ValueError("a label names either prediction_id, or key and time")
        if self.prediction_id is not None and not _ID.fullmatch(self.prediction_id):
            raise ValueError("prediction_id is none that an answer could have had")
        if self.key is not None and len(self.key.encode("utf-8", "surrogatepass")) > KEY_LENGTH:
            raise ValueError(f"key is longer than {KEY_LENGTH} bytes")
        if isinstance(self.label, int) and not -_LARGEST <= self.label < _LARGEST:
            raise ValueError("the label is a whole number of more than 64 bits")


_one = msgspec.json.Decoder(Given).decode
_many = msgspec.json.Decoder(list[Given]).decode
_pack = msgspec.msgpack.Encoder().encode
_said = msgspec.json.Decoder(Truth).decode
_unpack = msgspec.msgpack.Decoder(Truth).decode


def read(body: bytes) -> list[Given]:
    """The labels in the body of a request: one, or a list of them.

    Raises
    ------
    RequestError
        When they are no labels; says where.

    Examples
    --------
    >>> body = b'{"key": "bed 7", "time": "2026-11-21T14:00:00Z", "label": "normal"}'
    >>> read(body)[0].label
    'normal'
    >>> read(b'[{"key": "bed 7", "label": "normal"}]')
    Traceback (most recent call last):
    interlock.errors.MalformedError: a label names either prediction_id, or key and time
    """
    several = body.lstrip()[:1] == b"["
    try:
        found = _many(body) if several else [_one(body)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(str(error)) from None
    if not found:
        raise EmptyBatchError("there is no label in the list", expected="at least one")
    return found


def check(given: Given, output: Output, path: str = "$") -> Given:
    """`given` with its label as `output` has it.

    Raises
    ------
    RequestError
        When no answer of that kind could be right by this label.

    Examples
    --------
    >>> said = Given(key="bed 7", time=datetime(2026, 1, 1, tzinfo=UTC), label=1.0)
    >>> check(said, Classes(labels=(0, 1))).label
    1
    """
    return msgspec.structs.replace(given, label=fit(given.label, output, f"{path}.label"))


def fit(label: Truth, output: Output, path: str = "$") -> Truth:
    """`label` as `output` has it; RequestError when it cannot be the truth about such an answer."""
    match output:
        case Classes(labels=labels):
            return _class(label, labels, path)
        case Value():
            return _number(label, path)
        case Vector(steps=steps):
            return _steps(label, steps, path)


def loosely(label: Truth, output: Output) -> Truth:
    """As `fit`, and a text that says what fits will do: files and queries often hold but text.

    >>> loosely("2.5", Value()), loosely("1", Classes(labels=(0, 1)))
    (2.5, 1)
    """
    if isinstance(label, str) and not (
        isinstance(output, Classes) and isinstance(output.labels[0], str)
    ):
        with suppress(msgspec.DecodeError):  # then `fit` says what is wrong with it
            label = _said(label)
    return fit(label, output)


def check_time(given: Given, now: datetime, path: str = "$") -> None:
    """Refuse moments that cannot be: before 1970, or still to come.

    Predictions until a `time` to come are still to come as well, and nobody has seen it by then.
    """
    for name, moment in (("time", given.time), ("observed", given.observed)):
        if moment is None or _EPOCH <= moment <= now + _AHEAD:
            continue
        early = moment < _EPOCH
        raise OutOfRangeError(
            f"the {name} of a label cannot lie " + ("before 1970" if early else "ahead"),
            path=f"{path}.{name}",
            expected="1970-01-01T00:00:00Z or later"
            if early
            else f"at most {now.isoformat(timespec='seconds')}",
            got=moment.isoformat(timespec="seconds"),
        )


def records(
    given: Sequence[Given], hasher: Hasher, sealer: Sealer, received: datetime
) -> Iterator[list[Label]]:
    """`given` as it goes on record, at most `CHUNK` a frame; `received` is when we were told.

    Raises
    ------
    KeyStoreError
        When the keys to seal them with cannot be had.
    """
    moment = micros(received)
    for start in range(0, len(given), CHUNK):
        part = given[start : start + CHUNK]
        names = [str(uuid7()) for _ in part]
        known = sealer.generation()
        sealer.prepare([interim(name) for name in names])
        yield [
            msgspec.structs.replace(_record(name, one, hasher, sealer, moment), generation=known)
            for name, one in zip(names, part, strict=True)
        ]


def packed(label: Truth) -> bytes:
    """A label as `Label.value` has it, before it is sealed."""
    return _pack(label)


def value(packed: bytes) -> Truth:
    """The label in `Label.value`, once opened."""
    found: Truth = _unpack(packed)
    return found


def micros(moment: datetime) -> int:
    """`moment` in microseconds since 1970, UTC.

    >>> micros(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _record(name: str, given: Given, hasher: Hasher, sealer: Sealer, received: int) -> Label:
    sealed, key_id = sealer.seal(interim(name), name, _pack(given.label))
    return Label(
        id=name,
        value=sealed,
        received=received,
        prediction=given.prediction_id.lower() if given.prediction_id else None,
        deployment=given.deployment,
        key=None if given.key is None else hasher.hash(given.key, "key"),
        at=None if given.time is None else micros(given.time),
        observed=None if given.observed is None else micros(given.observed),
        source=given.source,
        seal=key_id,
    )


def _class(label: Truth, labels: Sequence[str | int], path: str) -> str | int:
    whole = isinstance(labels[0], int)
    if isinstance(label, int | float) and whole and label in labels:
        return int(label)
    if isinstance(label, str) and label in labels:
        return label
    kind = UnknownCategoryError if isinstance(label, int if whole else str) else TypeMismatchError
    said = ", ".join(map(str, labels[:12])) if whole else listed([str(one) for one in labels])
    raise kind(
        "the label is none of the model's", path=path, expected=f"one of {said}", got=got(label)
    )


def _number(label: Any, path: str) -> float:
    if isinstance(label, bool) or not isinstance(label, int | float) or not math.isfinite(label):
        raise TypeMismatchError(
            "the label of this model is a number", path=path, expected="a number", got=got(label)
        )
    return float(label)


def _steps(label: Truth, steps: Sequence[str], path: str) -> Truth:
    """A number for each step; or one whole number, the step in which what was forecast happened."""
    if isinstance(label, int) and not isinstance(label, bool) and label >= 0:
        return label
    if isinstance(label, dict) and set(label) == set(steps):
        label = [label[step] for step in steps]
    if not isinstance(label, list) or len(label) != len(steps):
        raise ShapeError(
            "the label does not have the model's steps",
            path=path,
            expected=f"{len(steps)} numbers, by step or in order; or after how many steps it ended",
            got=got(label),
        )
    return [_number(number, f"{path}[{index}]") for index, number in enumerate(label)]


def _malformed(said: str) -> RequestError:
    found = _WHERE.search(said)
    return MalformedError(
        _WHERE.sub("", said),
        path=found[1] if found else "$",
        expected="{prediction_id, label}, or {key, time, label}, or a list of such; deployment,"
        " observed and source as you like",
    )
