"""The words of refusals: what an input takes, what came instead, and where."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from interlock.signature.schema import (
    Boolean,
    Category,
    Input,
    Integer,
    Number,
    Signature,
    Tensor,
    Text,
    bounds,
)

_SHOWN = 60  # characters of an offending value or name that a message repeats


def words(field: Input) -> str:
    """What an input takes, in words.

    >>> words(Number(name="age", minimum=0, maximum=120, unit="years"))
    'a number, 0 to 120 years'
    >>> words(Tensor(name="beat", shape=(140,)))
    'float32[140]'
    """
    match field:
        case Tensor():
            said = f"{field.dtype}[{','.join(str(size) for size in field.shape)}]"
        case Number():
            said = "a number"
        case Integer():
            said = "a whole number"
        case Boolean():
            said = "true or false"
        case Category():
            said = f"one of {listed(field.values)}"
        case Text(max_length=None):
            said = "text"
        case Text():
            said = f"text of at most {field.max_length} characters"
    limits = bounds(field)
    if limits:
        said += f", {range_words(*limits)}"
    if field.unit:
        said += f" {field.unit}"
    return said + (" or null" if getattr(field, "nullable", False) else "")


def record_words(signature: Signature) -> str:
    """What the plain door takes.

    >>> from interlock.signature.schema import Value
    >>> record_words(Signature(inputs=(Number(name="age"),), output=Value()))
    "an object with 'age', or a list of such"
    """
    return f"an object with {listed([field.name for field in signature.inputs])}, or a list of such"


def range_words(low: float, high: float) -> str:
    """A range as people write it.

    >>> range_words(0, 120), range_words(float("-inf"), 5.5), range_words(-1.0, 10_000_000)
    ('0 to 120', 'at most 5.5', '-1 to 10000000')
    """
    if low == -math.inf:
        return f"at most {_number(high)}"
    if high == math.inf:
        return f"at least {_number(low)}"
    return f"{_number(low)} to {_number(high)}"


def got(value: Any) -> str:
    """A value for a message: its JSON when short, its kind when long.

    >>> got("abc"), got({}), got([1, 2])
    ('"abc"', 'an object', 'an array of 2')
    """
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"an array of {len(value)}"
    if isinstance(value, str):
        return short(json.dumps(value[: 2 * _SHOWN], ensure_ascii=False))
    return short(json.dumps(value))


def short(text: str) -> str:
    r"""`text` for a message: not too long, and encodable even with half a surrogate pair in it.

    >>> short("abc"), short("\ud800")
    ('abc', '\\ud800')
    """
    kept = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
    return kept.encode("utf-8", "backslashreplace").decode()


def step(path: str, name: str) -> str:
    """`path` with one more name; quoted where it is not a plain word.

    >>> step("$", "age"), step("$[2]", "blood pressure")
    ('$.age', "$[2]['blood pressure']")
    """
    return f"{path}.{short(name)}" if name.isidentifier() else f"{path}[{short(repr(name))}]"


def listed(names: Sequence[str]) -> str:
    """Names in quotes, at most twelve of them.

    >>> listed(["f", "m"])
    "'f', 'm'"
    """
    shown = ", ".join(repr(name) for name in names[:12])
    return shown + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def _number(value: float) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)
