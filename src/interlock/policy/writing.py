"""Writes a policy as TOML with every default filled in and every key explained."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from typing import Any

import msgspec

from interlock.policy.fields import Field, fields, tables
from interlock.policy.policy import Policy
from interlock.policy.table import Table

_WIDTH = 96
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def toml(policy: Policy) -> str:
    r"""`policy` as the text of an `interlock.toml`; reading it gives the same policy.

    >>> from interlock.policy import parse
    >>> print(toml(parse('[model]\nname = "ecg"'))[:97])
    # What the model is, for its card.
    [model]
    # Name in the registry and in addresses.
    name = "ecg"
    """
    values = msgspec.to_builtins(policy)
    return "\n\n".join("\n".join(_table(*table, values)) for table in tables()) + "\n"


def literal(value: Any) -> str:
    """`value` as TOML writes it.

    >>> literal({"accuracy": 0.9, "recall:ectopic beat": 0.5})
    '{accuracy = 0.9, "recall:ectopic beat" = 0.5}'
    """
    match value:
        case bool():
            return str(value).lower()
        case int():
            return f"{value:_}" if value >= 10_000 else str(value)
        case float():
            return repr(value)
        case str():
            return _text(value)
        case dict():
            inner = (f"{_key(name)} = {literal(one)}" for name, one in value.items())
            return "{" + ", ".join(inner) + "}"
    return "[" + ", ".join(literal(one) for one in value) + "]"


def _table(name: str, kind: type[Table], values: dict[str, Any]) -> Iterator[str]:
    for part in name.split("."):
        values = values[part]
    yield from _comment((kind.__doc__ or "").strip())
    yield f"[{name}]"
    for field in fields(kind):
        yield from _comment(field.meaning)
        yield _line(field, values[field.name])


def _line(field: Field, value: Any) -> str:
    line = f"{field.name} = {literal(value)}"
    if isinstance(value, list | tuple) and len(line) > _WIDTH:
        inner = "".join(f"    {literal(one)},\n" for one in value)
        return f"{field.name} = [\n{inner}]"
    return line


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ")


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _text(value: str) -> str:
    # JSON escapes as TOML does, except that TOML refuses this one character bare.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
