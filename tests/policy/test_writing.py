"""A policy written as TOML is complete, explained, and read back as it was."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock import policy
from interlock.policy import fields
from interlock.policy.writing import literal, toml
from tests.policy import strategies


@settings(max_examples=60, deadline=None)
@given(strategies.documents())
def test_what_is_written_is_read_back(document: strategies.Document) -> None:
    """Showing a policy and reading what was shown changes nothing."""
    read = policy.parse(strategies.toml(document))
    assert policy.parse(toml(read)) == read


def test_every_key_is_there_with_its_meaning_above_it() -> None:
    """A reader of the file needs no other page."""
    text = toml(policy.parse("model.name = 'ecg'"))
    for name, kind in fields.tables():
        (chapter,) = [part for part in text.split("\n\n") if f"\n[{name}]\n" in part]
        lines = iter(chapter.splitlines())
        assert next(lines).startswith("# ")
        for field in fields.fields(kind):
            above = [next(lines)]
            while not above[-1].startswith(f"{field.name} = "):
                above.append(next(lines))
            said = " ".join(line[2:] for line in above if line.startswith("# "))
            assert field.meaning in said


def test_meanings_are_sentences() -> None:
    """What editors, pages and files show begins with a capital and ends with a full stop."""
    said = {
        f"{name}.{field.name}": field.meaning
        for name, kind in fields.tables()
        for field in fields.fields(kind)
    }
    bad = {key: text for key, text in said.items() if not (text[0].isupper() and text[-1] == ".")}
    assert bad == {}


def test_lines_fit_a_screen() -> None:
    """Only a text that somebody wrote long is long."""
    text = toml(policy.parse("model.name = 'ecg'"))
    assert [line for line in text.splitlines() if len(line) > 96] == []


@given(
    st.recursive(
        st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | strategies.TEXT,
        lambda inner: st.lists(inner) | st.dictionaries(strategies.TEXT, inner),
    )
)
def test_literals_are_toml(value: object) -> None:
    """Whatever the value, quotes, newlines and control characters in it included."""
    assert tomllib.loads(f"key = {literal(value)}") == {"key": value}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, "true"),
        (268435456, "268_435_456"),
        (0.05, "0.05"),
        (["a", "b"], '["a", "b"]'),
        ({"accuracy": 0.9, "recall:a b": 1}, '{accuracy = 0.9, "recall:a b" = 1}'),
        ('say "hi"\n', r'"say \"hi\"\n"'),
    ],
)
def test_literals_are_as_a_person_writes_them(value: object, written: str) -> None:
    """Large numbers are grouped, and only the keys that need quotes have them."""
    assert literal(value) == written
