"""The registry, against everything that MLflow can keep one in."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from interlock import package
from interlock.errors import (
    ConfigurationError,
    ConflictError,
    IntegrityError,
    UnknownError,
)
from interlock.registry import Registry, registration
from interlock.settings import Settings

MakePackage = Callable[..., Path]


def test_a_version_carries_what_its_package_says(
    any_registry: Registry, make_package: MakePackage, name: str
) -> None:
    """Semantic version, digest, metrics and parents come back as they were registered."""
    parent = "sha256:" + "1" * 64
    metrics = {"test": {"accuracy": 0.97, "recall.R-on-T (PVC)": 0.5}}
    path = make_package(name, "1.2.0", metrics=metrics, parents=(parent,))
    version = any_registry.register(path)
    assert (version.name, version.version, version.number) == (name, "1.2.0", 1)
    assert version.digest == package.read(path).digest
    assert (version.metrics, version.parents) == (metrics, (parent,))
    assert version.created.endswith("Z")
    assert any_registry.versions(name) == [version] == [any_registry.resolve(f"{name}:1.2.0")]
    assert name in any_registry.models()


def test_metrics_are_in_the_run_for_mlflow_to_show(
    any_registry: Registry, make_package: MakePackage, name: str
) -> None:
    """Each metric is logged as split.name, in letters that MLflow takes."""
    metrics = {"test": {"f1": 0.9, "recall.R&T": 0.5}}
    version = any_registry.register(make_package(name, metrics=metrics))
    run = any_registry._backend._client.get_run(version.run)
    assert run.data.metrics == {"test.f1": 0.9, "test.recall.R_T": 0.5}
    assert run.info.status == "FINISHED"
    assert version.metrics == {"test": {"f1": 0.9, "recall.R&T": 0.5}}


def test_the_same_package_twice_is_one_version(
    any_registry: Registry, make_package: MakePackage, name: str
) -> None:
    """The second time the first version comes back."""
    path = make_package(name)
    assert any_registry.register(path) == any_registry.register(path)
    assert len(any_registry.versions(name)) == 1


def test_people_who_register_the_same_package_at_once_get_one_version(
    any_registry: Registry, settings: Settings, make_package: MakePackage, name: str
) -> None:
    """Who comes second takes its version back and is given the first."""
    path = make_package(name)

    def register(_: int) -> int:
        registry = Registry(settings)
        try:
            return registry.register(path).number
        finally:
            registry.close()

    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(register, range(4)))
    (only,) = any_registry.versions(name)
    assert set(numbers) == {only.number}


def test_a_version_that_lost_the_race_is_taken_back(
    registry: Registry, make_package: MakePackage
) -> None:
    """Both had looked before either wrote: the later one sees the earlier and withdraws."""
    path = make_package()
    first = registry.register(path)
    second = registry._backend.create(package.read(path))
    backend = registry._backend
    assert registration.rival(backend, package.read(path), ours=first) is None
    assert registration.rival(backend, package.read(path), ours=second) == first
    registry._backend.discard(second)
    assert registry.versions("ecg") == [first]


def test_a_version_deleted_in_mlflow_can_be_registered_again(
    any_registry: Registry, make_package: MakePackage, name: str
) -> None:
    """It gets a new number, and no ghost of the old one is in its way."""
    path = make_package(name)
    first = any_registry.register(path)
    any_registry._backend._client.delete_model_version(name, str(first.number))
    assert any_registry.register(path).number == first.number + 1
    assert len(any_registry.versions(name)) == 1


def test_a_semantic_version_is_one_package_for_ever(
    any_registry: Registry, make_package: MakePackage, name: str
) -> None:
    """Another package under a version that is taken is refused with both digests."""
    first = any_registry.register(make_package(name))
    other = make_package(name, weights="other")
    with pytest.raises(ConflictError, match=f"{first.digest}.*Build it with a higher version"):
        any_registry.register(other)
    assert any_registry.versions(name) == [first]


def test_a_damaged_package_is_not_registered(registry: Registry, make_package: MakePackage) -> None:
    """The file at fault is named, and the registry stays as it was."""
    path = make_package()
    (path / "model.onnx").write_text("damaged")
    with pytest.raises(IntegrityError, match=r"model\.onnx"):
        registry.register(path)
    assert registry.models() == []


def test_each_way_to_name_a_version_finds_it(
    any_registry: Registry, make_package: MakePackage, name: str
) -> None:
    """Alias, semantic version and digest all lead to the version that they mean."""
    first = any_registry.register(make_package(name, "1.0.0"))
    second = any_registry.register(make_package(name, "1.1.0", weights="new"))
    any_registry.set_alias(name, "champion", "1.0.0", "first")
    any_registry.set_alias(name, "staging", "1.1.0", "to be looked at")
    wanted = [name, f"{name}@staging", f"{name}:1.1.0", f"{name}@{first.digest}"]
    numbers = [any_registry.resolve(reference).number for reference in wanted]
    assert numbers == [first.number, second.number, second.number, first.number]
    assert any_registry.resolve(name).aliases == ("champion",)


@pytest.mark.parametrize("rest", ["", "@staging", ":2.0.0", "@sha256:" + "0" * 64])
def test_what_does_not_exist_is_answered_with_what_does(
    any_registry: Registry, make_package: MakePackage, name: str, rest: str
) -> None:
    """The message lists versions and their aliases."""
    any_registry.register(make_package(name, "1.0.0"))
    any_registry.register(make_package(name, "1.1.0", weights="new"))
    any_registry.set_alias(name, "challenger", "1.1.0", "new")
    with pytest.raises(UnknownError, match=r"has: 1\.0\.0; 1\.1\.0 \(challenger\)$"):
        any_registry.resolve(name + rest)


def test_an_unknown_model_is_answered_with_the_known_ones(
    registry: Registry, make_package: MakePackage
) -> None:
    """Whether it is resolved, listed or asked for its history."""
    with pytest.raises(UnknownError, match="the registry has: none yet"):
        registry.resolve("ecg")
    registry.register(make_package("ecg"))
    for ask in (registry.resolve, registry.versions, registry.history):
        with pytest.raises(UnknownError, match="no model is called 'egc'; the registry has: ecg"):
            ask("egc")


def test_versions_of_others_are_left_alone(registry: Registry, make_package: MakePackage) -> None:
    """What was registered without Interlock is not listed and cannot be served."""
    registry.register(make_package())
    client = registry._backend._client
    client.create_model_version("ecg", "/somewhere")
    client.set_registered_model_alias("ecg", "champion", "2")
    assert [version.number for version in registry.versions("ecg")] == [1]
    with pytest.raises(UnknownError, match="was not registered by Interlock"):
        registry.resolve("ecg")
    assert registry.history("ecg")[0].number == 2


@pytest.mark.parametrize("reason", ["", "  "])
def test_an_alias_is_not_moved_without_a_reason(
    registry: Registry, make_package: MakePackage, reason: str
) -> None:
    """The history would not say why."""
    registry.register(make_package())
    with pytest.raises(ConfigurationError, match="say why"):
        registry.set_alias("ecg", "champion", "1.0.0", reason)
    assert registry.history("ecg") == []


@pytest.mark.parametrize("alias", ["v1", "latest", "a b"])
def test_an_alias_that_cannot_be_is_refused(
    registry: Registry, make_package: MakePackage, alias: str
) -> None:
    """Before anything is written."""
    registry.register(make_package())
    with pytest.raises(ConfigurationError, match="cannot be an alias"):
        registry.set_alias("ecg", alias, "1.0.0", "why not")


def test_an_alias_is_taken_away_only_where_it_is(
    any_registry: Registry, make_package: MakePackage, name: str
) -> None:
    """A version given with it guards against taking it from another."""
    any_registry.register(make_package(name))
    with pytest.raises(UnknownError, match=f"there is no {name}@staging"):
        any_registry.remove_alias(name, "staging", "never was")
    any_registry.set_alias(name, "staging", "1.0.0", "look")
    with pytest.raises(ConflictError, match=r"is on .*:1\.0\.0, not on 2\.0\.0"):
        any_registry.remove_alias(name, "staging", "wrong", version="2.0.0")
    any_registry.remove_alias(name, "staging", "done", version="1.0.0")
    assert any_registry.resolve(f"{name}:1.0.0").aliases == ()


def test_the_login_name_acts_when_nobody_is_set(
    home: Path, make_package: MakePackage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The history names who is logged in."""
    monkeypatch.setenv("LOGNAME", "grace")
    registry = Registry(Settings(home=home))
    registry.register(make_package())
    registry.set_alias("ecg", "champion", "1.0.0", "first")
    assert [period.actor for period in registry.history("ecg")] == ["grace"]
    registry.close()


def test_a_pulled_package_is_the_registered_one(
    any_registry: Registry, make_package: MakePackage, name: str
) -> None:
    """Every file comes back as it went in, into the cache under its digest."""
    version = any_registry.register(make_package(name))
    any_registry.set_alias(name, "champion", "1.0.0", "first")
    path = any_registry.pull(name)
    assert package.verify(path).digest == version.digest
    assert path == any_registry.cache.path(version.digest)


def test_files_replaced_in_the_registry_are_refused(
    registry: Registry, make_package: MakePackage
) -> None:
    """A whole package in the place of the registered one is not served."""
    version = registry.register(make_package())
    stored = Path(registry._backend._client.get_run(version.run).info.artifact_uri) / "package"
    for file in make_package(weights="other").iterdir():
        (stored / file.name).write_bytes(file.read_bytes())
    with pytest.raises(IntegrityError, match="replaced after registration"):
        registry.pull("ecg:1.0.0")


def test_what_is_cached_is_pulled_without_mlflow(
    registry: Registry, home: Path, make_package: MakePackage
) -> None:
    """By semantic version and by digest, in a process that cannot import MLflow at all."""
    version = registry.register(make_package())
    path = registry.pull("ecg:1.0.0")
    script = f"""
import sys
from pathlib import Path
sys.modules.update(mlflow=None, sqlalchemy=None)
from interlock.registry import Registry, registration
from interlock.settings import Settings
registry = Registry(Settings(home=Path({str(home)!r})))
print(registry.pull("ecg:1.0.0"), registry.pull("ecg@{version.digest}"))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == [str(path), str(path)], done.stderr


def test_without_the_extra_the_registry_says_what_to_install(tmp_path: Path) -> None:
    """The base install serves packages; it names what the registry needs besides."""
    script = f"""
import sys
from pathlib import Path
sys.modules["mlflow"] = None
from interlock.errors import ConfigurationError
from interlock.registry import Registry, registration
from interlock.settings import Settings
try:
    Registry(Settings(home=Path({str(tmp_path)!r}))).models()
except ConfigurationError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert "pip install 'interlock[registry]'" in done.stdout, done.stderr


def test_versions_travel_as_json(registry: Registry, make_package: MakePackage) -> None:
    """What a version is can be written down and read back."""
    version = registry.register(make_package(metrics={"test": {"f1": 0.5}}))
    assert msgspec.json.decode(msgspec.json.encode(version), type=type(version)) == version


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """Who set INTERLOCK_HOME to the wrong place reads which, not a traceback."""
    (tmp_path / "file").write_text("in the way")
    registry = Registry(Settings(home=tmp_path / "file" / "home"))
    with pytest.raises(ConfigurationError, match=r"INTERLOCK_HOME=.*home cannot be made"):
        registry.models()
