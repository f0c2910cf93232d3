from __future__ import annotations

import json

import msgspec
import pytest

from interlock.errors import FormatError
from interlock.package import Code, DataFingerprint, Manifest, Parity

FULL = Manifest(
    name="ecg",
    version="1.2.0",
    created="2026-01-01T00:00:00+00:00",
    source="sklearn.pipeline.Pipeline",
    architecture="sha256:a",
    preprocessing="sha256:p",
    reason="1.2.0 after 1.1.0: minor, because the preprocessing changed",
    data=DataFingerprint(rows=3, columns=("a", "b"), sha256="0" * 64),
    code=Code(revision="f" * 40, dirty=True),
    libraries={"numpy": "2.0.0"},
    metrics={"test": {"accuracy": 0.97}},
    parents=("sha256:b",),
    parity=Parity(rows=3, largest_difference=1e-7, labels_changed=0, tolerance=1e-4),
    description="größer",
    limitations="one patient",
)


def test_a_manifest_reads_back_as_it_was_written() -> None:
    """Every field survives, and the format number is always in the file."""
    assert Manifest.from_json(FULL.to_json()) == FULL
    assert json.loads(FULL.to_json())["format"] == 1


def test_fields_without_a_value_are_left_out() -> None:
    """A small model has a small manifest."""
    small = msgspec.structs.replace(FULL, data=None, code=None, parity=None, parents=())
    assert not {"data", "code", "parity", "parents", "owner"} & set(json.loads(small.to_json()))
    assert Manifest.from_json(small.to_json()) == small


def test_unknown_fields_are_passed_over() -> None:
    """A later release of the same format may say more."""
    document = json.loads(FULL.to_json()) | {"mood": "hopeful"}
    assert Manifest.from_json(json.dumps(document).encode()) == FULL


@pytest.mark.parametrize("number", [0, 2, 99])
def test_another_format_is_refused_by_number(number: int) -> None:
    """The number is looked at before anything else, which may be laid out differently."""
    with pytest.raises(FormatError, match=f"format {number}; this release reads format 1"):
        Manifest.from_json(json.dumps({"format": number}).encode())


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (b"", "manifest.json cannot be read"),
        (b"{}", "missing required field `format`"),
        (b'{"format": 1}', "missing required field `name`"),
        (FULL.to_json().replace(b'"rows": 3', b'"rows": "three"', 1), r"\$\.data\.rows"),
    ],
)
def test_a_broken_manifest_names_the_field(text: bytes, match: str) -> None:
    """FormatError says which file and which field."""
    with pytest.raises(FormatError, match=match):
        Manifest.from_json(text)
