"""The cache: whole packages by digest, whatever happens to it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from interlock import package
from interlock.errors import ConfigurationError, IntegrityError
from interlock.registry import Cache
from interlock.registry.cache import copy

MakePackage = Callable[..., Path]


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """An empty cache."""
    return Cache(tmp_path / "cache", "http://registry")


def fetching(source: Path) -> Callable[[Path], Path]:
    """A registry that has `source`."""
    return lambda scratch: Path(shutil.copytree(source, scratch / "package"))


def refuse(scratch: Path) -> Path:
    """A registry that must not be asked."""
    raise AssertionError("fetched what was there")


def test_what_was_put_is_found_without_fetching(cache: Cache, make_package: MakePackage) -> None:
    """The second time nothing is fetched, and the path says the digest."""
    source = make_package()
    digest = package.read(source).digest
    path = cache.put(digest, fetching(source))
    assert path.name == digest.removeprefix("sha256:")
    assert cache.put(digest, refuse) == path == cache.find(digest)
    assert package.verify(path).digest == digest


def test_what_the_registry_has_can_be_checked_all_the_same(
    cache: Cache, make_package: MakePackage, tmp_path: Path
) -> None:
    """A whole copy from before is no proof that the registry still has the same."""
    source = make_package()
    digest = package.read(source).digest
    path = cache.put(digest, fetching(source))
    assert cache.put(digest, fetching(source), anew=True) == path
    (source / "card.md").write_text("another")
    with pytest.raises(IntegrityError, match=r"card\.md"):
        cache.put(digest, fetching(source), anew=True)
    assert cache.find(digest) == path
    assert [found.name for found in (tmp_path / "cache").iterdir()] == [path.name]


@pytest.mark.parametrize("damage", ["change", "remove", "add", "listing"])
def test_a_damaged_package_is_fetched_anew(
    cache: Cache, make_package: MakePackage, damage: str
) -> None:
    """Whatever happened to a file, the package is whole again after the next pull."""
    source = make_package()
    digest = package.read(source).digest
    path = cache.put(digest, fetching(source))
    match damage:
        case "change":
            (path / "model.onnx").write_text("other")
        case "remove":
            (path / "golden.json").unlink()
        case "add":
            (path / "extra").write_text("")
        case "listing":
            (path / "digests.json").write_text("{")
    assert cache.find(digest) is None
    assert package.verify(cache.put(digest, fetching(source))).digest == digest


def test_a_whole_package_of_another_digest_is_damage_too(
    cache: Cache, make_package: MakePackage
) -> None:
    """A directory is what its digest says, not what its name says."""
    digest = package.read(make_package()).digest
    path = cache.path(digest)
    shutil.copytree(make_package(weights="other"), path)
    assert cache.find(digest) is None
    assert not path.exists()


def test_what_the_registry_sends_must_be_what_was_registered(
    cache: Cache, make_package: MakePackage
) -> None:
    """Files that were replaced after registration do not get in."""
    digest = package.read(make_package()).digest
    with pytest.raises(IntegrityError, match="they were replaced after registration"):
        cache.put(digest, fetching(make_package(weights="other")))
    damaged = make_package(weights="third")
    (damaged / "model.onnx").write_text("damaged")
    with pytest.raises(IntegrityError, match=r"files of sha256:.* are damaged: model\.onnx"):
        cache.put(digest, fetching(damaged))
    assert cache.find(digest) is None


def test_a_fetch_that_fails_leaves_nothing_behind(cache: Cache, tmp_path: Path) -> None:
    """An interrupted pull is as if it had not begun."""

    def fail(scratch: Path) -> Path:
        (scratch / "half").write_text("half")
        raise ConnectionError

    with pytest.raises(ConnectionError):
        cache.put("sha256:" + "0" * 64, fail)
    assert list((tmp_path / "cache").iterdir()) == []


def test_many_who_pull_at_once_get_one_whole_package(
    cache: Cache, make_package: MakePackage, tmp_path: Path
) -> None:
    """Processes that race for one package do not disturb each other."""
    source = make_package()
    digest = package.read(source).digest
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda _: cache.put(digest, fetching(source)), range(16)))
    assert set(paths) == {cache.path(digest)}
    assert package.verify(paths[0]).digest == digest
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [paths[0].name]


def test_a_version_is_known_after_it_was_remembered(cache: Cache, tmp_path: Path) -> None:
    """Which digest a version is stays known, for the registry that said so."""
    assert cache.known("ecg", "1.0.0") is None
    cache.remember("ecg", "1.0.0", "sha256:1")
    assert cache.known("ecg", "1.0.0") == "sha256:1"
    assert cache.known("ecg", "1.0.1") is None
    assert Cache(tmp_path / "cache", "http://other").known("ecg", "1.0.0") is None


def test_a_copy_is_whole_and_overwrites_nothing(make_package: MakePackage, tmp_path: Path) -> None:
    """A directory with anything in it is left as it is."""
    source = make_package()
    to = tmp_path / "deep" / "copy"
    assert package.verify(copy(source, to)).digest == package.read(source).digest
    with pytest.raises(ConfigurationError, match="exists already"):
        copy(source, to)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert copy(source, empty) == empty
    assert sorted(path.name for path in to.parent.iterdir()) == ["copy"]
