"""docs/policy.md says what the types say."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from interlock import policy
from interlock.errors import PolicyError
from interlock.policy import fields

DOCS = Path(__file__).parents[2] / "docs"
SLIPS = """
model.name = "stay"
splits.valid = 0.1
gates.needs.champion = ["integrity", "robustnes"]
gates.champion.alpha = 0.5
"""


def test_tables_of_the_page_are_those_of_the_types() -> None:
    """Every table with every key is on the page; `python docs/policy.py` writes it anew."""
    page = runpy.run_path(str(DOCS / "policy.py"))["page"]()
    assert (DOCS / "policy.md").read_text() == page, "run python docs/policy.py"
    keys = sum(len(list(fields.fields(kind))) for _, kind in fields.tables())
    assert page.count("\n| `") == keys


def test_problems_on_the_page_are_those_of_the_check() -> None:
    """The example output is what such a file gives."""
    with pytest.raises(PolicyError) as caught:
        policy.parse(SLIPS, file="interlock.toml")
    assert f"interlock: {caught.value}\n```" in (DOCS / "policy.md").read_text()
