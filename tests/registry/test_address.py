"""Addresses never show their password."""

from __future__ import annotations

import pytest

from interlock.registry import address


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://host:5000", "http://host:5000"),
        ("https://ann:s3cret@host/ml", "https://ann:***@host/ml"),
        ("postgresql+psycopg://ann:p%40ss@db:5432/x", "postgresql+psycopg://ann:***@db:5432/x"),
        ("postgresql://db/x?user=ann&password=s3cret", "postgresql://db/x?user=ann&password=***"),
        ("sqlite:////tmp/registry.db", "sqlite:////tmp/registry.db"),
        ("postgresql://a:a@db/data", "postgresql://a:***@db/data"),
    ],
)
def test_an_address_is_shown_without_its_password(uri: str, shown: str) -> None:
    """User, host and path stay; the password becomes stars."""
    assert address.safe(uri) == shown


def test_a_password_quoted_by_others_is_found_too() -> None:
    """Other libraries write the password as it is meant, not as it was escaped."""
    text = "cannot reach postgresql://ann:p@ss@db/x"
    assert address.scrub(text, "postgresql://ann:p%40ss@db/x") == (
        "cannot reach postgresql://ann:***@db/x"
    )


@pytest.mark.parametrize(
    ("uri", "database"),
    [("sqlite:///x", True), ("postgresql+psycopg://x", True), ("http://x", False), ("./x", False)],
)
def test_databases_are_told_from_servers(uri: str, database: bool) -> None:
    """The history goes beside MLflow's tables only where there are such."""
    assert address.is_database(uri) is database


def test_a_new_password_leaves_the_registry_the_same() -> None:
    """What is filed under a registry is still found after its password changed."""
    old, new = "http://ann:old@host", "http://ann:new@host"
    assert address.key(old) == address.key(new) != address.key("http://ann:old@other")
