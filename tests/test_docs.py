"""The Python in README.md and docs/ runs: CONTRIBUTING.md says how."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from docs import decisions
from interlock.cli import main
from interlock.errors import RequestError
from interlock.serve.metrics import FAMILIES
from interlock.settings import PREFIX, Settings

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


def rows(page: str, chapter: str) -> list[list[str]]:
    """Cells of the table rows in one chapter of a page, without the heading and its rule."""
    text = (ROOT / "docs" / page).read_text().split(f"\n## {chapter}\n")[1].split("\n## ")[0]
    lines = [line.strip("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.split(" | ")] for line in lines[2:]]


def below(kind: type[Any]) -> Iterator[type[Any]]:
    """Every class under `kind`."""
    for child in kind.__subclasses__():
        yield child
        yield from below(child)


def test_the_settings_table_has_every_setting_with_its_default() -> None:
    """What can be set is on the page, no more and no less, with the default in force."""
    stated = {variable: default for variable, default, _meaning in rows("serving.md", "Settings")}
    real = {
        f"`{PREFIX}{field.name.upper()}`": "unset"
        if field.default is None
        else f"`{field.default}`"
        for field in msgspec.structs.fields(Settings)
    }
    assert stated == real


def test_the_error_table_has_every_code_with_its_status() -> None:
    """Whoever meets a code finds it on the page, and every code on the page exists."""
    stated = [(code, int(status)) for status, code, _when, _example in rows("serving.md", "Errors")]
    real = {(f"`{error.code}`", error.status) for error in below(RequestError)}
    assert sorted(stated) == sorted(real)


def test_the_metrics_table_has_every_metric_with_its_labels() -> None:
    """Dashboards are built from the page."""
    stated = {name: labels for name, _what, labels in rows("serving.md", "Metrics")}
    real = {f"`{family.name}`": ", ".join(family.labels) for family in FAMILIES.values()}
    assert {name: stated.get(name) for name in real} == real


def test_the_command_line_reference_is_what_help_says() -> None:
    """Every command and option is on the page; `python docs/cli.py` writes it anew."""
    page = runpy.run_path(str(ROOT / "docs" / "cli.py"))["page"]
    assert (ROOT / "docs" / "cli.md").read_text() == page(), "run python docs/cli.py"


def test_the_table_and_the_picture_of_decisions_are_made_from_their_figures() -> None:
    """Nobody types in a figure; `python docs/decisions.py` draws and prints them anew."""
    figures = decisions.read()
    assert decisions.table(figures) in (ROOT / "docs" / "evidence.md").read_text()
    assert decisions.plot(figures) == decisions.PICTURE.read_text()


def test_the_first_page_shows_what_init_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever types the first command sees what the page has shown."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["init", "stay"])
    assert f"$ interlock init stay\n{capsys.readouterr().out}```" in (
        (ROOT / "docs" / "index.md").read_text()
    )


def links() -> Iterator[tuple[str, str, str]]:
    """Page, target and anchor of every link between pages."""
    for page in PAGES:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            if "://" not in target:
                name, _, anchor = target.partition("#")
                yield page.name, str((page.parent / name).resolve()) if name else str(page), anchor


def test_links_between_pages_lead_somewhere() -> None:
    """Every page and chapter that is linked to is there."""
    dead = [
        (page, target, anchor)
        for page, target, anchor in links()
        if not Path(target).exists() or (anchor and anchor not in anchors(Path(target)))
    ]
    assert dead == []


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
