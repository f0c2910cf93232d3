"""The watch over a load: what it reports and what it does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from interlock.gates import loading
from interlock.package import reader

WATCH = """
import sys
from pathlib import Path
from interlock.gates.loading import Watch
root = Path(sys.argv[1])
watch = Watch(root)
sys.addaudithook(watch)
{act}
print("\\n".join(watch.seen))
"""


def seen(root: Path, act: str) -> str:
    """What a watch over `root` notes when a process does `act`."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", WATCH.format(act=act), str(root)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize(
    ("act", "noted"),
    [
        ("sys.path.append(str(root)); import smuggled", "smuggled.py"),
        ("exec((root / 'smuggled.py').read_text())", "exec of <string>"),
        ("import os; os.system('true')", "os.system"),
        ("import subprocess; subprocess.run(['true'])", "subprocess.Popen"),
        ("import pickle; pickle.loads(b'cbuiltins\\nlen\\n.')", "pickle.find_class"),
        ("import socket; socket.socket().connect_ex(('127.0.0.1', 9))", "socket.connect"),
    ],
)
def test_code_of_others_is_noted(tmp_path: Path, act: str, noted: str) -> None:
    """Whichever way it runs."""
    (tmp_path / "smuggled.py").write_text("x = 1\n")
    assert noted in seen(tmp_path, act)


def test_installed_libraries_are_not(tmp_path: Path) -> None:
    """They are what loads the package, not what is in it."""
    assert seen(tmp_path, "import json.tool, tomllib, numpy.ma").strip() == ""


def test_a_damaged_package_is_a_failure_not_a_crash(copied: Path, tmp_path: Path) -> None:
    """The error of the other process is told here."""
    package = reader.read(copied)
    (copied / "model.onnx").write_bytes(b"")
    found = loading.load(package, tmp_path)
    assert found.answered == 0
    assert "model.onnx does not match" in found.failure


def test_the_process_knows_nothing_of_ours(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module path that is set here is not followed there."""
    (tmp_path / "sitecustomize.py").write_text("raise SystemExit(7)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = loading.load(reader.read(copied), tmp_path)
    assert (found.failure, found.seen) == ("", ())
    assert found.answered > 0
