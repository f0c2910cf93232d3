"""Reads a policy: every key and value that does not fit is refused by name, all at once."""

from __future__ import annotations

import math
import tomllib
import typing
from pathlib import Path
from typing import Any

import msgspec

from interlock.errors import ConfigurationError, PolicyError
from interlock.policy.policy import Policy
from interlock.policy.table import Table, keys

FILE = "interlock.toml"
_SHOWN = 80


def read(path: Path | str = FILE) -> Policy:
    """The policy in the file at `path`.

    Raises
    ------
    ConfigurationError
        When there is no such file, or it is not text.
    PolicyError
        When it is not TOML, a key is unknown or missing, a value does not fit, or two values
        contradict each other; names the file and every such key, and says what is allowed.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors on Windows begin with a mark
    except FileNotFoundError:
        hint = "`interlock init NAME` writes a project with one"
        raise ConfigurationError(f"no policy file {path}; {hint}") from None
    except UnicodeDecodeError as error:
        reason = f"byte {error.start} is not UTF-8 text: save it as UTF-8"
        raise ConfigurationError(f"{path} cannot be read: {reason}") from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
    return parse(text, file=str(path))


def parse(text: str, *, file: str = "the policy") -> Policy:
    r"""The policy written in `text`; raises PolicyError as `read` does, and calls it `file`.

    >>> parse('[model]\nname = "ecg"').package.out_of_range
    'reject'
    >>> parse('[model]\nname = "ecg"\nowners = "us"')
    Traceback (most recent call last):
    interlock.errors.PolicyError: the policy: unknown key model.owners; allowed in [model]: name...
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError([f"not TOML: {error}"], file) from error
    reader = _Reader()
    policy = reader.table(document, Policy, "")
    if policy is None or reader.problems:
        raise PolicyError(reader.problems, file)
    return policy


T = typing.TypeVar("T", bound=Table)


class _Reader:
    """Goes through a document and notes what does not fit; reads on after each problem."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def table(self, document: dict[str, Any], kind: type[T], where: str) -> T | None:
        """`document` as a table; None when anything in it does not fit."""
        noted = len(self.problems)
        fields = keys(kind)
        self._names(document, fields, where)
        values = {
            key: self._value(value, fields[key].type, _join(where, key))
            for key, value in document.items()
            if key in fields
        }
        if len(self.problems) > noted:
            return None
        table = kind(**values)
        self.problems += table.contradictions()
        return table

    def _names(
        self, document: dict[str, Any], fields: dict[str, msgspec.structs.FieldInfo], where: str
    ) -> None:
        place = f"in [{where}]" if where else "at the top"
        for key in document:
            if key not in fields:
                self.problems.append(
                    f"unknown key {_join(where, key)}; allowed {place}: {', '.join(fields)}"
                )
        for name, field in fields.items():
            if field.required and name not in document:
                self.problems.append(f"{_join(where, name)} is missing")

    def _value(self, value: Any, kind: Any, key: str) -> Any:
        if isinstance(kind, type) and issubclass(kind, Table):
            return self._inner(value, kind, key)
        base = typing.get_origin(typing.get_args(kind)[0])
        if base is tuple:
            return self._list(value, kind, key)
        if base is dict:
            return self._dict(value, kind, key)
        return self._plain(value, kind, key)

    def _inner(self, value: Any, kind: type[Table], key: str) -> Table | None:
        if isinstance(value, dict):
            return self.table(value, kind, key)
        self.problems.append(f"{key} = {_written(value)}: write it as a table, [{key}]")
        return None

    def _list(self, value: Any, kind: Any, key: str) -> tuple[Any, ...]:
        element = typing.get_args(typing.get_args(kind)[0])[0]
        if not isinstance(value, list):
            self._refuse(value, key, allowed(kind))
            return ()
        return tuple(self._plain(one, element, f"{key}[{i}]") for i, one in enumerate(value))

    def _dict(self, value: Any, kind: Any, key: str) -> dict[str, Any]:
        name_kind, element = typing.get_args(typing.get_args(kind)[0])
        if not isinstance(value, dict):
            self._refuse(value, key, allowed(kind))
            return {}
        for name in value:
            if not _fits(name, name_kind):
                self.problems.append(f"unknown {key}.{name}; allowed: {allowed(name_kind)}")
        return {name: self._plain(one, element, f"{key}.{name}") for name, one in value.items()}

    def _plain(self, value: Any, kind: Any, key: str) -> Any:
        if _fits(value, kind):
            return msgspec.convert(value, kind)
        self._refuse(value, key, allowed(kind))
        return None

    def _refuse(self, value: Any, key: str, rule: str) -> None:
        finite = not isinstance(value, float) or math.isfinite(value)
        rule = rule if finite else f"{rule}, and finite"
        self.problems.append(f"{key} = {_written(value)}; allowed: {rule}")


def allowed(kind: Any) -> str:
    """What fits a type of `interlock.policy.values`, in words.

    >>> from interlock.policy.values import Alpha
    >>> allowed(Alpha)
    'a number over 0 and below 0.5'
    """
    base, *metas = typing.get_args(kind)
    inner = typing.get_args(base)
    if typing.get_origin(base) is tuple:
        return f"a list; each {allowed(inner[0])}"
    if typing.get_origin(base) is dict:
        return f"a table of {allowed(inner[1])}; by {allowed(inner[0])}"
    return str(next(meta.title for meta in metas if meta.title))


def _fits(value: Any, kind: Any) -> bool:
    try:
        converted = msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    # TOML knows inf and nan, and Python integers of any size; nothing below does.
    return not isinstance(converted, float | int) or abs(converted) < 2**63


def _written(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key
