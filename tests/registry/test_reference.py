"""References: what they mean and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import ConfigurationError
from interlock.registry import Reference, parse
from interlock.registry.reference import check_alias, check_version

DIGEST = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("ecg", Reference(name="ecg", alias="champion")),
        ("ecg@staging", Reference(name="ecg", alias="staging")),
        ("ecg:1.2.0", Reference(name="ecg", version="1.2.0")),
        (f"ecg@{DIGEST}", Reference(name="ecg", digest=DIGEST)),
        ("ecg-2_b.c@a-b_c", Reference(name="ecg-2_b.c", alias="a-b_c")),
    ],
)
def test_each_way_to_name_a_version(text: str, meaning: Reference) -> None:
    """Plain name, alias, semantic version and digest are told apart."""
    assert parse(text) == meaning


@pytest.mark.parametrize(
    "text", ["", "@champion", "ecg@", "ecg:", "ecg:1.2", "ecg:one", "a b", "a/b", "ecg@a@b",
             "ecg:1.0.0@champion", "ecg@sha256:12", "ecg\n", "ecg@champion\n", "-ecg", "é"]
)  # fmt: skip
def test_what_is_no_reference_is_refused(text: str) -> None:
    """Anything else is refused before the registry is asked."""
    with pytest.raises(ConfigurationError):
        parse(text)


@pytest.mark.parametrize("alias", ["v1", "V12", "latest", "LATEST"])
def test_aliases_that_mlflow_keeps_are_refused_clearly(alias: str) -> None:
    """The message says why and what to take instead."""
    with pytest.raises(ConfigurationError, match=r"MLflow keeps it for itself.*champion"):
        check_alias(alias)


@pytest.mark.parametrize("alias", ["Champion", "CHAMPION", "Staging", "sTAGING"])
def test_an_alias_that_would_be_read_as_one_that_takes_evidence_is_refused(alias: str) -> None:
    """Whoever reads `Champion` takes it for the champion."""
    with pytest.raises(ConfigurationError, match=f"read as {alias.lower()}, which takes evidence"):
        check_alias(alias)
    with pytest.raises(ConfigurationError):
        parse(f"ecg@{alias}")


@pytest.mark.parametrize("alias", ["champion", "v1a", "vv1", "latest-2", "eu_west", "1"])
def test_other_aliases_are_accepted(alias: str) -> None:
    """Only what MLflow refuses is refused."""
    assert check_alias(alias) == alias


def test_a_version_must_have_three_numbers() -> None:
    """A semantic version is what it says in its specification."""
    with pytest.raises(ConfigurationError, match=r"'1\.2' is not a semantic version"):
        check_version("1.2")


def test_only_an_alias_can_move() -> None:
    """Versions and digests mean the same package for ever."""
    assert [parse(text).fixed for text in ("ecg", "ecg:1.0.0", f"ecg@{DIGEST}")] == [
        False,
        True,
        True,
    ]


@given(
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True),
    st.sampled_from(["@champion", "@x", ":1.0.0", f"@{DIGEST}"]),
)
def test_what_is_written_reads_the_same(name: str, rest: str) -> None:
    """A reference survives being written down."""
    reference = parse(name + rest)
    assert parse(str(reference)) == reference
    assert str(reference) == name + rest
