"""What makes a row that row: a hash of its values, whatever file they were read from.

A value has one canonical form of 8 bytes. Numbers are float64 whatever their dtype was; those that
came as float32 are the shortest decimals that read back the same, so 0.1 is 0.1 in both. Whole
numbers too large for that, and text, are hashed. What is missing, an empty text included, is one
and the same. Packages keep such hashes: what is the same row here stays the same row for good.

What was written with fewer digits has other values, and is the same row to anybody who looks. So
there are `likenesses` beside: of rows as they are after rounding. A row with many fractions is one
of a kind by a few digits of each; one with few needs all that a float32 has. Rounding twice is not
rounding once: of rows that were rounded to 6 decimals, most are recognised, not all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Hashes: TypeAlias = NDArray[np.uint64]

_MISSING = np.float64(np.nan).view(np.uint64)
_EXACT = 2.0**53
"""From here on not every whole number is a float64."""
_POWERS = np.array([float(f"1e{power}") for power in range(23)])
"""The powers of ten that are a float64 exactly."""
DIGITS = {2: 7, 8: 4, 32: 3}
"""Significant digits that suffice, by how many fractions a row has at least: no two rows share all
of them by chance. A float32 has 7. Of one fraction alone all digits count."""
_EVERY = 17
_DIGITS = 10
"""A float32 is told from its neighbours by 9 digits; one more, as logarithms round."""


def hashes(columns: Mapping[str, Any], *, seed: int | None = None) -> Hashes:
    """One number a row, the same for the same values under the same names, in any order.

    With another `seed` all numbers are others.

    >>> one, other = {"a": np.array([1, 2]), "b": ["x", ""]}, {"b": ["x", None], "a": [1.0, 2.0]}
    >>> bool((hashes(one) == hashes(other)).all())
    True
    """
    key = b"" if seed is None else seed.to_bytes(8, "little")
    return _joined(digests(columns, size=8, key=key))


def digests(columns: Mapping[str, Any], *, size: int = 16, key: bytes = b"") -> list[bytes]:
    """One digest of `size` bytes a row; `columns` hold arrays ``[rows, …]``, or a frame's columns.

    A plain list is taken as one value a row.
    """
    return _digested({str(name): _canonical(columns[name]) for name in columns.keys()}, size, key)  # noqa: SIM118


def _digested(named: Mapping[str, Hashes], size: int, key: bytes = b"") -> list[bytes]:
    names = sorted(named)
    head = msgspec.json.encode([[name, named[name].shape[1]] for name in names])
    begun = hashlib.blake2b(head, digest_size=size, key=key)
    table = np.hstack([named[name] for name in names])
    return [_ended(begun, row) for row in np.ascontiguousarray(table, "<u8")]


def likenesses(columns: Mapping[str, Any], *, text: bool = True) -> Hashes:
    """One number a row, the same for rows whose fractions are the same when rounded.

    To 3 significant digits in a row with 32 fractions or more, to 4 in one with 8, to 7 in one with
    2; but whole numbers stay what they are, and no fraction is rounded further than to one. What
    reads as a number is one, also among objects (decimals, say) and as text; but for `text` false,
    which is how it once was.

    >>> one = {"beat": np.linspace(0.123456789, 0.987654321, 8)[None]}
    >>> bool((likenesses(one) == likenesses({"beat": one["beat"].round(6)})).all())
    True
    """
    cells = {str(name): _canonical(columns[name]) for name in columns.keys()}  # noqa: SIM118
    floats = {
        name: found for name in cells if (found := _floats(columns[name], text=text)) is not None
    }
    if floats:
        ends = np.cumsum([values.shape[1] for values in floats.values()])[:-1]
        together = _rounded_by_row(np.hstack(list(floats.values())))
        for name, values in zip(floats, np.split(together, ends, axis=1), strict=True):
            read = ~np.isnan(values)
            cells[name] = cells[name].copy()
            cells[name][read] = _numbers(values[read])
    return _joined(_digested(cells, 8))


def _floats(values: Any, *, text: bool) -> NDArray[np.float64] | None:
    """The numbers of a column, NaN where there is none; None for one that needs no rounding."""
    array = np.asarray(values, object) if isinstance(values, list) else np.asarray(values)
    if array.dtype.kind == "f":
        found = array.astype(np.float64)
    elif text and array.dtype.kind in "OU":
        codes, different = pd.factorize(array.ravel().astype(object))
        found = np.array([np.nan, *map(_number, different)])[codes + 1]
    else:
        return None
    return np.asarray(found).reshape(len(array), -1)


def _number(value: Any) -> float:
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return np.nan
    return found if abs(found) < _EXACT else np.nan  # larger ones would no longer differ


def _rounded_by_row(values: NDArray[np.float64]) -> NDArray[np.float64]:
    count = _fractions(_rounded(values, max(DIGITS.values()))).sum(axis=1, keepdims=True)
    digits = np.full_like(count, _EVERY)
    for least, fewer in DIGITS.items():
        digits[count >= least] = fewer
    return _rounded(values, digits)


def _rounded(values: NDArray[np.float64], digits: Any) -> NDArray[np.float64]:
    """Fractions to so many significant digits; the nearest number of as many decimals."""
    found = values.copy()
    where = _fractions(values)
    size = np.floor(np.log10(np.abs(values[where]))).astype(np.int64)
    wanted = np.broadcast_to(digits, values.shape)[where]
    decimals = np.where(wanted < _EVERY, wanted - 1 - size, len(_POWERS))
    scale = _POWERS[np.clip(decimals, 0, len(_POWERS) - 1)]
    near = np.rint(values[where] * scale) / scale
    found[where] = np.where(decimals < len(_POWERS), near, values[where])  # or as they are
    return found


def _fractions(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(values) & (values != np.rint(values)))


def _joined(digests: list[bytes]) -> Hashes:
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


def _ended(begun: hashlib.blake2b, row: Hashes) -> bytes:
    digest = begun.copy()
    digest.update(row.tobytes())
    return digest.digest()


def _canonical(values: Any) -> Hashes:
    """Eight bytes a value: ``[rows, values a row]``."""
    array = np.asarray(values, object) if isinstance(values, list) else np.asarray(values)
    flat = array.ravel()
    if flat.dtype.kind in "mM":
        times = flat.astype(f"{'datetime64' if flat.dtype.kind == 'M' else 'timedelta64'}[us]")
        found = np.where(np.isnat(flat), _MISSING, _numbers(times.astype(np.int64)))
    else:
        found = _numbers(flat) if flat.dtype.kind in "biuf" else _things(flat)
    return found.reshape(len(array), -1)


def _numbers(values: Array) -> Hashes:
    with np.errstate(over="ignore"):
        floats = _shortened(values.astype(np.float64))
    bits = (floats + 0.0).view(np.uint64)  # adding 0 makes one of the two zeros
    found = np.where(np.isnan(floats), _MISSING, bits)
    large = np.isfinite(floats) & (np.abs(floats) >= _EXACT)
    found[large] = [_text(str(int(value))) for value in values[large].tolist()]
    return found


def _shortened(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """0.1 where a float32 was made a float64, which is 0.10000000149; all others as they are."""
    single, found = values.astype(np.float32), values.copy()
    left = np.flatnonzero((single == values) & (values != np.rint(values)))
    first = -np.floor(np.log10(np.abs(values[left]))).astype(np.int64)
    for more in range(_DIGITS):
        scale = _POWERS[np.clip(first + more, 0, len(_POWERS) - 1)]
        short = np.rint(values[left] * scale) / scale
        same = short.astype(np.float32) == single[left]
        found[left[same]] = short[same]
        left, first = left[~same], first[~same]
    return found


def _things(values: Array) -> Hashes:
    """Text, and columns in which numbers stand beside what is missing."""
    codes, different = pd.factorize(values.astype(object))
    found = np.array([_MISSING, *map(_thing, different)], np.uint64)
    return np.asarray(found[codes + 1])


def _thing(value: Any) -> np.uint64:
    if isinstance(value, bool | int | float | np.number | np.bool_):
        return np.uint64(_numbers(np.array([value]))[0])
    return _text(str(value)) if str(value) else _MISSING


def _text(text: str) -> np.uint64:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))
