"""What several parts of the tests share: packages and registries, real ones, as small as can be."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
import structlog

from interlock.package import Manifest, digest
from interlock.registry import Registry, environment
from interlock.settings import Settings
from interlock.signature.schema import Classes, Signature, Tensor
from tests import databases

# Before any test imports MLflow, which reads this only once.
environment.prepare()

MakePackage = Callable[..., Path]


@pytest.fixture(autouse=True)
def plain_log() -> Iterator[None]:
    """A command that a test runs in this process sets the log up: not for the tests after it."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def make_package(tmp_path: Path) -> MakePackage:
    """Write a package that verifies but holds no real graph: `weights` make the digest."""

    def make(
        name: str = "ecg",
        version: str = "1.0.0",
        *,
        weights: str = "weights",
        metrics: dict[str, dict[str, float]] | None = None,
        parents: tuple[str, ...] = (),
    ) -> Path:
        root = tmp_path / "packages" / f"{name}-{version}-{weights}"
        root.mkdir(parents=True)
        manifest = Manifest(
            name=name,
            version=version,
            created="2026-01-01T00:00:00Z",
            source="sklearn.linear_model.LogisticRegression",
            architecture="sha256:" + "0" * 64,
            metrics=metrics or {},
            parents=parents,
        )
        signature = Signature(
            inputs=(Tensor(name="beat", shape=(2,)),), output=Classes(labels=("normal", "other"))
        )
        (root / "manifest.json").write_bytes(manifest.to_json())
        (root / "signature.json").write_bytes(signature.to_json())
        (root / "golden.json").write_text('{"records": [], "answers": []}')
        (root / "model.onnx").write_text(weights)
        described = {"metadata": {"component": {"name": name, "version": version}}}
        (root / "bom.json").write_bytes(msgspec.json.encode(described))
        for file in ("card.md", "MLmodel", "profile.json"):
            (root / file).write_text("{}")
        (root / "digests.json").write_bytes(digest.listing(root).to_json())
        return root

    return make


@pytest.fixture(scope="session")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of an embedded registry without models: MLflow takes seconds to make one."""
    home = tmp_path_factory.mktemp("empty")
    registry = Registry(Settings(home=home))
    assert registry.models() == []
    registry.close()
    return home / "registry.db"


@pytest.fixture
def home(tmp_path: Path, empty_registry: Path) -> Path:
    """A home directory with an embedded registry of its own."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(empty_registry, home / "registry.db")
    return home


@pytest.fixture
def registry(home: Path) -> Iterator[Registry]:
    """An embedded registry in which Ann acts."""
    registry = Registry(Settings(home=home, actor="ann"))
    yield registry
    registry.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database of each kind."""
    with databases.fresh(request.param, tmp_path) as url:
        yield url
