"""The Python in README.md and docs/ runs: CONTRIBUTING.md says how."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
FENCE = re.compile(r"^```(?P<words>.*)$")


def program(page: str) -> str:
    """The runnable blocks of a page, each on the lines where it stands, so that tracebacks fit."""
    lines, runs, fenced = [], False, False
    for line in page.splitlines():
        fence = FENCE.match(line)
        if fence:
            fenced = not fenced
            runs = fenced and fence["words"].strip() == "python"
        lines.append(line if runs and not fence else "")
    return "\n".join(lines)


RUNNABLE = [page for page in PAGES if program(page.read_text()).strip()]


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.stem)
def test_python_of_a_page_runs_from_top_to_bottom(page: Path, tmp_path: Path) -> None:
    """What a reader copies out of the documentation works."""
    script = tmp_path / f"{page.stem}.py"
    script.write_text(program(page.read_text()))
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_readme_shows_python() -> None:
    """A page that everybody reads first shows the Python API, so it has something to run."""
    assert ROOT / "README.md" in RUNNABLE


def test_only_blocks_marked_python_run_and_lines_keep_their_numbers() -> None:
    """Shell, output and `no-run` blocks are left out; a traceback names the page's own line."""
    page = "Text\n```python\na = 1\n```\n```console\n$ rm\n```\n```python no-run\nb\n```\n"
    lines = program(page).split("\n")
    assert [number for number, line in enumerate(lines, 1) if line] == [3]
    assert lines[2] == "a = 1"
