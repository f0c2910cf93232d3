"""Writes the tables of policy.md, and policy.schema.json, from the types of the policy.

python docs/policy.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from interlock.policy import schema
from interlock.policy.fields import Field, fields, tables
from interlock.policy.values import METRIC_RULE
from interlock.policy.writing import literal

PAGE = Path(__file__).with_suffix(".md")
SCHEMA = Path(__file__).with_suffix(".schema.json")
MARK = "<!-- From here on this page is made by `python docs/policy.py`. -->\n"


def page() -> str:
    """The whole page: what people wrote above the mark, and a chapter a table below it."""
    written, mark, _made = PAGE.read_text(encoding="utf-8").partition(MARK)
    return written + mark + "".join(_chapters())


def _chapters() -> Iterator[str]:
    for name, kind in tables():
        rows = "".join(_row(field) for field in fields(kind))
        head = "| key | default | allowed | meaning |\n|---|---|---|---|\n"
        yield f"\n### [{name}]\n\n{(kind.__doc__ or '').strip()}\n\n{head}{rows}"


def _row(field: Field) -> str:
    default = "needed" if field.required else f"`{literal(field.default)}`"
    allowed = field.allowed.replace(METRIC_RULE, "[a metric](#units-and-metrics)")
    return f"| `{field.name}` | {default} | {allowed} | {field.meaning} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    SCHEMA.write_text(schema.text(), encoding="utf-8")
