"""The JSON Schema says of a file what reading it says, as far as a schema can."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from jsonschema import Draft7Validator

from interlock import policy
from interlock.errors import PolicyError
from interlock.policy import fields, schema
from tests.policy.strategies import Document, broken, documents, toml

ROOT = Path(__file__).parents[2]
VALIDATOR = Draft7Validator(schema.document())


def complaints(document: Document) -> dict[str, str]:
    """What the schema says is wrong, by place in the document."""
    found = VALIDATOR.iter_errors(document)
    return {".".join(map(str, error.absolute_path)): error.message for error in found}


def test_it_is_a_schema() -> None:
    """Draft 7 itself accepts it, and nothing in it refers elsewhere."""
    Draft7Validator.check_schema(schema.document())
    assert "$ref" not in schema.text()


def test_published_file_is_up_to_date() -> None:
    """Editors are told what this release reads."""
    published = (ROOT / "docs" / "policy.schema.json").read_text()
    assert published == schema.text(), "run python docs/policy.py"
    assert json.loads(published) == json.loads(json.dumps(schema.document()))


@settings(max_examples=60, deadline=None)
@given(documents())
def test_every_good_file_is_good(document: Document) -> None:
    """An editor never underlines what `interlock policy check` accepts."""
    written = toml(document)
    policy.parse(written)
    assert complaints(tomllib.loads(written)) == {}


@settings(max_examples=60, deadline=None)
@given(broken())
def test_what_one_key_breaks_is_seen_in_the_editor(spoiled: tuple[Document, str]) -> None:
    """Schema and reader agree on every single value, whatever it is."""
    document, _key = spoiled
    written = toml(document)
    try:
        policy.parse(written)
    except PolicyError as error:
        alone = [problem for problem in error.problems if "allowed" in problem]
    else:
        alone = []
    # Numbers beyond 64 bits, inf and nan are not JSON's, and 1.0 is a whole number only there.
    assume(not any(word in written for word in ("inf", "nan", "1_000_000_000_000_000_000_000")))
    assert bool(complaints(tomllib.loads(written))) == bool(alone)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", ""),
        ("[model]\nname = 'ECG 2'", "model.name"),
        ("[model]\nname = 'ecg'\nowners = 'us'", "model"),
        ("model.name = 'ecg'\nsplits.by = 'day'", "splits.by"),
        ("model.name = 'ecg'\nsplits.train = 1.2", "splits.train"),
        ("model.name = 'ecg'\ntune.trials = 5.5", "tune.trials"),
        ("model.name = 'ecg'\ngates.champion.alpha = 0.5", "gates.champion.alpha"),
        ("model.name = 'ecg'\ngates.needs.champion = ['flor']", "gates.needs.champion.0"),
        ("model.name = 'ecg'\ngates.needs.champion = ['floor', 'floor']", "gates.needs.champion"),
        ("model.name = 'ecg'\ngates.floor.bounds.acuracy = 0.9", "gates.floor.bounds"),
        ("model.name = 'ecg'\nmetrics.also = ['f2']", "metrics.also.0"),
        ("model.name = 'ecg'\nrollout.steps = ['all']", "rollout.steps.0"),
    ],
)
def test_bad_files_are_marked_where_they_are_bad(text: str, place: str) -> None:
    """The complaint stands at the key, so that an editor underlines the right word."""
    assert list(complaints(tomllib.loads(text))) == [place]


def test_every_key_has_meaning_rule_and_default_for_the_editor() -> None:
    """Whoever points at a key reads what it is for and what fits."""
    for name, kind in fields.tables():
        table = schema.document()
        for part in name.split("."):
            table = table["properties"][part]
        for field in fields.fields(kind):
            key: dict[str, Any] = table["properties"][field.name]
            assert key["description"] == f"{field.meaning} Allowed: {field.allowed}."
            assert field.required or key["default"] == field.default


def test_project_files_of_this_repository_pass() -> None:
    """The example and the template of `interlock init` are good in an editor too."""
    files = [*ROOT.glob("examples/*/interlock.toml"), *ROOT.glob("src/**/template/interlock.toml")]
    assert len(files) >= 2
    for file in files:
        document = tomllib.loads(file.read_text().replace("$name", "mine"))
        assert complaints(document) == {}, file
