"""What MLflow says becomes what we say; what it mutters is not heard."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import exceptions

from interlock.errors import RegistryError
from interlock.registry import Registry
from interlock.registry.backend import ERRORS
from interlock.settings import Settings

MakePackage = Callable[..., Path]


def test_every_error_code_of_mlflow_has_a_meaning() -> None:
    """A code that a new MLflow brings is to be thought about, not to slip through."""
    assert sorted(set(exceptions.ERROR_CODE_TO_HTTP_STATUS) - set(ERRORS)) == []


def test_a_server_that_is_away_is_named_within_seconds(tmp_path: Path) -> None:
    """Without its password, and without two minutes of waiting."""
    registry = Registry(Settings(home=tmp_path, tracking_uri="http://ann:s3cret@127.0.0.1:1"))
    begun = time.monotonic()
    with pytest.raises(RegistryError, match=r"http://ann:\*\*\*@127\.0\.0\.1:1") as caught:
        registry.resolve("ecg")
    assert time.monotonic() - begun < 15
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_home_that_cannot_hold_a_database_is_an_error_of_ours(tmp_path: Path) -> None:
    """SQLite's own words reach the user under the registry's address."""
    registry = Registry(Settings(home=tmp_path, tracking_uri=f"sqlite:///{tmp_path}"))
    with pytest.raises(RegistryError, match="unable to open database file"):
        registry.models()


def test_an_edited_tag_is_named(registry: Registry, make_package: MakePackage) -> None:
    """Tags can be changed by anybody in MLflow; the one that cannot be read is named."""
    registry.register(make_package())
    registry._backend._client.set_model_version_tag("ecg", "1", "interlock.metrics", "[0.9]")
    with pytest.raises(RegistryError, match=r"the tag interlock\.metrics of ecg, version 1"):
        registry.versions("ecg")


def test_nothing_of_mlflow_reaches_the_user(tmp_path: Path, make_package: MakePackage) -> None:
    """A first registration, migrations and all, prints what we print and nothing else."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    done = subprocess.run(
        [sys.executable, "-m", "interlock.cli", "model", "register", str(make_package())],
        env={**clean, "INTERLOCK_HOME": str(tmp_path / "fresh")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.startswith("ecg:1.0.0 is registered (sha256:")
