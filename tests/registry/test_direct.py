"""MLflow's own tables, read and written without it: the same answers, and what it sees of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from mlflow.store.db import utils

from interlock.errors import RegistryError, UnknownError
from interlock.registry import Registry
from interlock.registry.direct import KNOWN, Direct
from interlock.settings import Settings

MakePackage = Callable[..., Path]
ASKED: dict[str, Callable[[Any], Any]] = {
    "models": lambda one: one.models(),
    "aliases": lambda one: one.aliases("ecg"),
    "versions": lambda one: one.versions("ecg"),
    "version": lambda one: one.find("ecg", version="1.1.0"),
    "digest": lambda one: one.find("ecg", digest=one.versions("ecg")[0].digest),
    "alias": lambda one: one.behind("ecg", "champion"),
    "number": lambda one: one.numbered("ecg", 2),
    "foreign": lambda one: one.numbered("ecg", 4),
}
"""What both are asked, about what is there."""
LACKING: dict[str, Callable[[Any], Any]] = {
    "aliases": lambda one: one.aliases("other"),
    "versions": lambda one: one.versions("ecg@x"),
    "version": lambda one: one.find("ecg", version="9.0.0"),
    "deleted": lambda one: one.numbered("ecg", 3),
    "number": lambda one: one.set_alias("ecg", "staging", 9),
    "model": lambda one: one.remove_alias("other", "staging"),
}
"""And about what is not."""


@pytest.fixture
def released(registry: Registry, make_package: MakePackage) -> Registry:
    """Three versions, one of them deleted, and one that Interlock did not register."""
    metrics = {"test": {"accuracy": 0.9}}
    for number in range(3):
        path = make_package("ecg", f"1.{number}.0", weights=str(number), metrics=metrics)
        registry.register(path)
    client = registry._backend._client
    client.delete_model_version("ecg", "3")
    client.create_model_version("ecg", "somewhere")
    registry._backend.set_alias("ecg", "champion", 1)
    registry._backend.set_alias("ecg", "aside", 1)
    return registry


def direct(registry: Registry) -> Direct:
    """What the registry uses."""
    found = registry._versions
    assert isinstance(found, Direct)
    return found


@pytest.mark.parametrize("question", ASKED.values(), ids=ASKED)
def test_answers_are_those_of_mlflow(released: Registry, question: Callable[[Any], Any]) -> None:
    """About models, versions and aliases, to the last field."""
    assert question(direct(released)) == question(released._backend)


@pytest.mark.parametrize("question", LACKING.values(), ids=LACKING)
def test_what_is_not_there_is_unknown(released: Registry, question: Callable[[Any], Any]) -> None:
    """A model, a version, or one that was deleted; nothing is written."""
    for one in (direct(released), released._backend):
        with pytest.raises(RegistryError):
            question(one)
    with pytest.raises(UnknownError):
        question(direct(released))
    assert released._backend.aliases("ecg") == {"aside": 1, "champion": 1}


def test_mlflow_sees_the_moves(released: Registry) -> None:
    """A new alias, one that moves, and one that is taken away, which may be gone already."""
    tables = direct(released)
    tables.set_alias("ecg", "staging", 1)
    tables.set_alias("ecg", "champion", 2)
    for _ in range(2):
        tables.remove_alias("ecg", "aside")
    assert released._backend.aliases("ecg") == {"champion": 2, "staging": 1}


def test_the_tables_of_the_installed_mlflow_are_known() -> None:
    """A new MLflow may lay them out anew: look at them, then add its revision."""
    revision = utils._get_latest_schema_revision()  # type: ignore[no-untyped-call]
    assert revision in KNOWN


def test_tables_of_another_revision_are_left_to_mlflow(released: Registry) -> None:
    """Read through it, and moved through it."""
    tables = direct(released)
    with released._database.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = 'later'"))
    assert not tables.known()


def test_a_registry_that_was_never_used_is_made_by_mlflow(tmp_path: Path) -> None:
    """And has no tables before."""
    registry = Registry(Settings(home=tmp_path))
    assert not isinstance(registry._versions, Direct)
    assert registry.models() == []
    registry.close()
