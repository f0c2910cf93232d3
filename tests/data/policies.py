"""Policies for the tests of data."""

from __future__ import annotations

from interlock import policy
from interlock.policy import Policy


def written(**tables: str) -> Policy:
    """A policy with these tables, each as TOML."""
    text = '[model]\nname = "m"\n'
    return policy.parse(text + "".join(f"[{name}]\n{body}\n" for name, body in tables.items()))
