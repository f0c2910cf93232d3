"""Rules of the house that no linter knows."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import interlock

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
NAMELESS = {"common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"}
HEAVY = {"flask", "matplotlib", "mlflow", "onnx", "pandas", "pyarrow", "sklearn"}
HEAVY |= {"alembic", "psycopg", "sqlalchemy"}


def modules() -> Iterator[Path]:
    """Every Python file of the repository."""
    for folder in ("src", "tests", "benchmarks", "examples"):
        yield from (ROOT / folder).rglob("*.py")


def test_changelog_pyproject_and_module_agree_on_the_version() -> None:
    """The newest entry of the changelog is the version that is installed."""
    newest = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == PROJECT["version"] == interlock.__version__


def test_no_module_is_named_for_nothing() -> None:
    """A module is named after its noun, never `utils` or the like."""
    assert [path for path in modules() if NAMELESS & {path.stem, path.parent.name}] == []


def test_modules_stay_small_enough_to_read() -> None:
    """One noun fits on a few pages."""
    long = {path.name: len(path.read_text().splitlines()) for path in modules()}
    assert {name: lines for name, lines in long.items() if lines > 500} == {}


def test_every_test_opens_with_its_promise() -> None:
    """The first line of a test says what is promised."""
    without = [
        f"{path.name}:{node.lineno}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert without == []


@pytest.mark.parametrize(
    "package", ["interlock.engine", "interlock.package.reader", "interlock.serve"]
)
def test_what_serves_loads_nothing_heavy(package: str) -> None:
    """A worker starts in well under a second because it imports no training library."""
    script = f"""
import importlib, pkgutil, sys
package = importlib.import_module({package!r})
for module in pkgutil.iter_modules(getattr(package, "__path__", [])):
    importlib.import_module(f"{{package.__name__}}.{{module.name}}")
print(*sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert {name.partition(".")[0] for name in done.stdout.split()} & HEAVY == set()


def pins(lock: Path) -> set[str]:
    """Requirement lines of a lock: name, version and marker."""
    return {line.rstrip(" \\") for line in lock.read_text().splitlines() if re.match(r"\w", line)}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_locks_hold_exact_versions_with_hashes_and_no_address(lock: Path) -> None:
    """Installing takes what was locked, from wherever the machine is told to take packages."""
    text = lock.read_text()
    assert not re.search(r"://|--index|--extra-index|--find-links|^/|file:", text, re.MULTILINE)
    entries = re.split(r"\n(?=\w)", text)[1:] or [text]
    assert all(re.match(r"[\w.-]+==\S+", entry) and "--hash=sha256:" in entry for entry in entries)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_locks_agree_with_each_other(lock: Path) -> None:
    """Going from `make demo` to `make test` never changes an installed version."""
    if lock.stem == "mlflow":
        pytest.skip("a server for tests, in an environment of its own")
    assert pins(lock) - pins(ROOT / "requirements" / "check.txt") == set()


def test_torch_stays_out_of_the_locks() -> None:
    """Nobody downloads gigabytes to see the demonstration."""
    assert not any(pin.startswith("torch==") for lock in LOCKS for pin in pins(lock))


def test_wheel_carries_every_file_of_the_package(tmp_path: Path) -> None:
    """Project templates and the marker of our types reach those who install a wheel."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    source = ROOT / "src"
    files = {
        path.relative_to(source).as_posix()
        for path in (source / "interlock").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert files - set(zipfile.ZipFile(wheel).namelist()) == set()
