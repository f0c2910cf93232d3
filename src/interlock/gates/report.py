"""The report of a run: `report.json` for programs, `report.html` for people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import msgspec

from interlock.gates import plots
from interlock.gates.runner import GATES, Outcome
from interlock.policy import Policy
from interlock.registry.looks import Spent

JSON = "report.json"
HTML = "report.html"
_TEMPLATE = Path(__file__).with_name("report.jinja")


def write(
    outcome: Outcome, policy: Policy, spent: Mapping[str, Sequence[Spent]], folder: Path
) -> Path:
    """Write both reports into `folder`; returns the path of the page.

    `spent` is what is used up of each holdout, by its digest.
    """
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        **msgspec.to_builtins(outcome),
        "holdouts": {digest: msgspec.to_builtins(list(of)) for digest, of in spent.items()},
    }
    encoded = msgspec.json.encode(_plain(document))
    (folder / JSON).write_bytes(msgspec.json.format(encoded, indent=2) + b"\n")
    (folder / HTML).write_text(page(outcome, policy, spent), encoding="utf-8")
    return folder / HTML


def page(outcome: Outcome, policy: Policy, spent: Mapping[str, Sequence[Spent]]) -> str:
    """The whole page: no script, and nothing that comes from elsewhere."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"shown": shown, "short": _short}
    environment.globals |= {
        "svg": plots.svg,
        "lines": _lines,
        "tables": _tables,
        "columns": _columns,
        "asks": {name: gate.asks for name, gate in GATES.items()},
    }
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(outcome=outcome, policy=policy, spent=spent)


def shown(value: Any) -> str:
    """A figure as a person reads it.

    >>> shown(0.123456), shown(None), shown(12345678), shown(1234567.8)
    ('0.1235', '–', '12,345,678', '1,234,568')
    >>> shown({"rows": 500, "labels": ["a", "b"]})
    'rows: 500; labels: a, b'
    """
    match value:
        case None:
            words = "–"
        case bool():
            words = "yes" if value else "no"
        case int():
            words = f"{value:,}"
        case float() if math.isfinite(value):
            words = f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
        case float():
            words = "–"
        case Mapping():
            words = "; ".join(f"{key}: {shown(item)}" for key, item in value.items())
        case list() | tuple():
            words = ", ".join(shown(item) for item in value) or "none"
        case _:
            words = str(value)
    return words


def _short(digest: str | None) -> str:
    return "–" if digest is None else digest[:19]


def _lines(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Figures that are one line each; those that are not known say nothing."""
    known = {key: value for key, value in figures.items() if value is not None}
    return {key: value for key, value in known.items() if not _is_table(value)}


def _tables(figures: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Figures that are lists of objects."""
    return {key: value for key, value in figures.items() if _is_table(value)}


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, bool]:
    """Every key of `rows` in the order in which they first come up, and whether it has numbers."""
    keys = dict.fromkeys(key for row in rows for key in row)
    return {key: any(isinstance(row.get(key), int | float) for row in rows) for key in keys}


def _plain(value: Any) -> Any:
    """NaN and infinity, which JSON does not have, as null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
