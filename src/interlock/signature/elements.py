"""The elements of one V2 input: which of them the plain door would take as well, and why not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from interlock.errors import RequestError, TypeMismatchError
from interlock.signature import diagnosis
from interlock.signature.ranges import limits
from interlock.signature.schema import (
    Boolean,
    Category,
    Input,
    Integer,
    Number,
    Signature,
    Tensor,
    Text,
    dtype,
)
from interlock.signature.wording import got


class Elements:
    """What the elements of `field` may be, each missing one NaN, null or the empty string."""

    def __init__(self, field: Input, signature: Signature) -> None:
        self._field = field
        self._signature = signature
        self._nullable: bool = getattr(field, "nullable", False)
        self._ends = self._limits()
        if isinstance(field, Category):
            self._allowed = {*field.values, ""} if self._nullable else {*field.values}

    def refused(self, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Positions in a flat array of the graph's dtype whose element cannot be taken."""
        if isinstance(self._field, Category):
            fine = np.array([value in self._allowed for value in array], bool)
        elif isinstance(self._field, Text) and self._field.max_length:
            fine = np.array([len(value) <= self._field.max_length for value in array], bool)
        elif self._ends:
            fine = self._inside(array, *self._ends)
        else:
            return np.empty(0, int)
        return np.flatnonzero(~fine)

    def _inside(self, array: np.ndarray[Any, Any], low: Any, high: Any) -> np.ndarray[Any, Any]:
        fine = (array >= low) & (array <= high)
        if not self._nullable:
            return fine  # type: ignore[no-any-return]
        if not isinstance(self._field, Number):
            fine &= array == np.floor(array)
        return fine | np.isnan(array)  # type: ignore[no-any-return]

    def _limits(self) -> tuple[Any, Any] | None:
        """Least and greatest element in the graph's dtype; None where nothing is compared."""
        kind = dtype(self._field)
        if kind in ("bool", "str"):
            return None
        if isinstance(self._field, Tensor | Number | Integer):
            reject = self._signature.out_of_range == "reject"
            low, high = limits(self._field, declared=reject)
        else:
            low, high = 0, 1  # a boolean that may be missing
        return np.dtype(kind).type(low), np.dtype(kind).type(high)

    def problems(self, value: Any, path: str, shape: tuple[int, ...]) -> Iterator[RequestError]:
        """Everything wrong with `value`: lists nested to `shape`, or one element for ``()``."""
        if not shape:
            yield from self._problem(value, path)
        elif isinstance(value, list) and len(value) == shape[0]:
            for index, part in enumerate(value):
                yield from self.problems(part, f"{path}[{index}]", shape[1:])
        else:
            yield from diagnosis.data(self._field, value, path, shape, self._signature)

    def _problem(self, value: Any, path: str) -> Iterator[RequestError]:
        plain = self._plain(value) if self._nullable else value
        if isinstance(self._field, Boolean) and self._nullable:
            if plain not in (None, 0, 1) or isinstance(value, bool):
                yield TypeMismatchError(
                    f"{self._field.name} has the wrong type",
                    path=path,
                    expected="1, 0 or null",
                    got=got(value),
                )
        else:
            yield from diagnosis.element(self._field, plain, path, self._signature)

    def _plain(self, value: Any) -> Any:
        """What stands for `value` in a plain record."""
        if isinstance(self._field, Category | Text):
            return value or None if isinstance(value, str) else value
        if isinstance(value, float) and np.isnan(value):
            return None
        if isinstance(self._field, Integer) and isinstance(value, float) and value.is_integer():
            return int(value)
        return value
