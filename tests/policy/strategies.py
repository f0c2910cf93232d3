"""Hypothesis strategies: policies, as documents of TOML that fit and that do not."""

from __future__ import annotations

import math
import typing
from typing import Any, TypeAlias

import msgspec
from hypothesis import strategies as st

from interlock.policy import GATES, PARTS, Table, fields, policy
from interlock.policy.rollout import FLOORS
from interlock.policy.writing import literal

Document: TypeAlias = dict[str, Any]

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
METRICS = st.one_of(
    st.sampled_from(["accuracy", "ece", "mae", "roc_auc", "hazard_brier:12", "pinball:0.9"]),
    st.from_regex(r"(recall|f1|precision):[^\n\r\u2028\u2029]{1,20}", fullmatch=True),
)


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Values that fit one type of `interlock.policy.values`."""
    base, *metas = typing.get_args(kind)
    inner = typing.get_args(base)
    rules = {
        name: getattr(meta, name)
        for meta in metas
        for name in ("ge", "gt", "le", "lt", "pattern", "min_length")
        if getattr(meta, name) is not None
    }
    if typing.get_origin(base) is typing.Literal:
        return st.sampled_from(inner)
    if typing.get_origin(base) is tuple:
        return st.lists(values(inner[0]), max_size=4)
    if typing.get_origin(base) is dict:
        return st.dictionaries(METRICS, st.floats(0, 1), max_size=4)
    if base is str:
        return _text(rules)
    if base is bool:
        return st.booleans()
    return _whole(rules) if base is int else _real(rules)


def _text(rules: dict[str, Any]) -> st.SearchStrategy[str]:
    pattern = rules.get("pattern", "")
    if "accuracy" in pattern:
        return METRICS
    if pattern:
        return st.from_regex(pattern, alphabet=st.characters(codec="ascii"))
    return TEXT.filter(lambda text: len(text) >= rules.get("min_length", 0))


def _whole(rules: dict[str, Any]) -> st.SearchStrategy[int]:
    return st.integers(rules.get("ge", -(2**53)), rules.get("le", 2**53))


def _real(rules: dict[str, Any]) -> st.SearchStrategy[Any]:
    low, high = rules.get("ge", rules.get("gt", -1e12)), rules.get("le", rules.get("lt", 1e12))
    reals = st.floats(low, high, exclude_min="gt" in rules, exclude_max="lt" in rules)
    wholes = range(math.floor(low) + ("gt" in rules), math.ceil(high) + ("le" in rules))
    return reals | st.sampled_from(wholes[:9]) if wholes else reals


def _tables(kind: type[Table] = policy.Policy) -> st.SearchStrategy[Document]:
    """Documents whose values fit one by one; keys with a default may be left out."""
    needed: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for field in msgspec.structs.fields(kind):
        is_table = isinstance(field.type, type)
        strategy = _tables(field.type) if is_table else values(field.type)
        (needed if field.required else optional)[field.name] = strategy
    return st.fixed_dictionaries(needed, optional=optional)


TABLES = _tables()


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Whole documents in which nothing contradicts anything."""
    document = draw(TABLES)
    document["splits"] = document.get("splits", {}) | draw(_shares())
    if document["splits"].get("by") == "time":
        document["splits"]["assign"] = "balanced"
    document["data"] = document.get("data", {}) | draw(_roles())
    answers = {document["data"]["label"], document["data"]["event"]}
    document["data"]["drop"] = [
        column for column in document["data"].get("drop", []) if column not in answers
    ]
    rollout = document.setdefault("rollout", {})
    rollout["steps"] = draw(_steps())
    rollout["worse"] = 0.0
    rollout["scale"] = draw(st.floats(0.5, 9.0))
    rollout["floor"] = {
        metric: bound
        for metric, bound in rollout.get("floor", {}).items()
        if metric.partition(":")[0] in FLOORS
    }
    gates = document.setdefault("gates", {})
    gates["needs"] = {
        alias: draw(st.lists(st.sampled_from(GATES), unique=True))
        for alias in ("staging", "champion")
    }
    gates.setdefault("integrity", {})["public_key"] = "key.pub"
    return document


@st.composite
def _shares(draw: st.DrawFn) -> dict[str, float]:
    parts = draw(st.lists(st.integers(1, 50), min_size=5, max_size=5))
    return {name: part / sum(parts) for name, part in zip(PARTS, parts, strict=True)}


@st.composite
def _roles(draw: st.DrawFn) -> dict[str, str]:
    """A column of its own for each role."""
    names = draw(st.lists(TEXT.filter(bool), min_size=4, max_size=4, unique=True))
    return dict(zip(("label", "time", "group", "event"), names, strict=True))


@st.composite
def _steps(draw: st.DrawFn) -> list[float]:
    steps = draw(st.lists(st.floats(0.001, 0.999), min_size=1, max_size=6, unique=True))
    return [*sorted(steps), 1]


def toml(document: Document) -> str:
    """`document` as a TOML file, all of it in inline tables."""
    return "\n".join(f"{key} = {literal(value)}" for key, value in document.items())


WRONG = st.sampled_from(
    [True, 1.5, -1, 10**30, math.inf, math.nan, "no such thing", "", [], ["x"], [7], {}, {"x": 1}]
)


@st.composite
def broken(draw: st.DrawFn) -> tuple[Document, str]:
    """A document in which one key is spoiled or unknown, and that key; it may still fit."""
    document = draw(documents())
    name, kind = draw(st.sampled_from(list(fields.tables())))
    table = document
    for part in name.split("."):
        table = table.setdefault(part, {})
    key = draw(st.sampled_from([*(field.name for field in fields.fields(kind)), "unheard_of"]))
    table[key] = draw(WRONG)
    return document, f"{name}.{key}"
