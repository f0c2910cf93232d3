"""`interlock label`: what a person types, and what is then known."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from interlock.cli import app
from interlock.errors import ConfigurationError
from interlock.journal.outcomes import outcomes
from interlock.journal.resolution import Resolver
from interlock.settings import Settings
from tests.journal.truths import Kept

ID = "01a1fde6-1134-7512-b0aa-42533d7f090b"


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    """The database that the command line opens."""
    monkeypatch.setenv("INTERLOCK_HOME", str(tmp_path))
    found = Kept(Settings(home=tmp_path))
    yield found
    found.close()


def run(*arguments: str) -> str:
    """What `interlock label` prints, which goes well."""
    done = CliRunner().invoke(app, ["label", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def rows(*arguments: str) -> Any:
    """The same as JSON."""
    return json.loads(run(*arguments, "--json"))


def test_a_label_that_is_added_counts_at_once(kept: Kept) -> None:
    """Nothing has to be running for that; a correction takes its place, and both are kept."""
    (id_,) = kept.predict(0)
    added = run("add", "yes", "--prediction", id_, "--source", "ann", "--observed", "2026-03-01")
    assert added == "1 added; 0 known already\n"
    assert run("add", "yes", "--prediction", id_, "--source", "ann") == "0 added; 1 known already\n"
    assert run("add", "no", "--prediction", id_) == "1 added; 0 known already\n"
    assert [row.truth for row in outcomes(kept.engine, "risk").rows] == ["no"]
    newest, oldest = rows("list")
    assert (newest["label"], newest["state"]) == ("no", "in force")
    assert (oldest["label"], oldest["state"], oldest["source"]) == ("yes", "corrected", "ann")
    assert oldest["observed"] == "2026-03-01T00:00:00.000000Z"


def test_a_label_is_added_by_key_and_time(kept: Kept) -> None:
    """As over HTTP: the last prediction until then, and a key that nobody can read."""
    (id_,) = kept.predict(0, key="bed 7")
    run("add", "yes", "--key", "bed 7", "--time", "2026-03-01T00:05:00Z", "--deployment", "risk")
    (row,) = rows("list", "--deployment", "risk")
    assert row["prediction"] == id_
    assert "bed 7" not in run("list")


def test_labels_that_wait_are_listed_as_orphans(kept: Kept) -> None:
    """Those that have waited for long, or for as long as somebody asks."""
    said = run("add", "yes", "--prediction", ID)
    assert said.startswith("1 added, 1 of them wait for their prediction; 0 known already\n")
    run("add", "no", "--key", "bed 7", "--time", "2026-03-01", "--deployment", "risk")
    assert run("orphans") == "no label has waited for 604800 s\n"
    first, second = rows("orphans", "--older", "0")
    assert first["named"] == f"prediction {ID}"
    assert second["named"].endswith(" until 2026-03-01T00:00:00.000000Z of risk")
    assert [row["state"] for row in rows("list")] == ["waits for its prediction"] * 2


def test_a_file_and_a_query_are_imported(kept: Kept, tmp_path: Path) -> None:
    """The second reading adds nothing."""
    one, other = kept.predict(0, *[{"value": 1.0}] * 2)
    file = tmp_path / "labels.csv"
    file.write_text(f"prediction_id,label\n{one},2.5\n")
    with sqlite3.connect(tmp_path / "ward.db") as ward:
        ward.execute("CREATE TABLE stays (id TEXT, days INTEGER)")
        ward.execute("INSERT INTO stays VALUES (?, 3)", (other,))
    ward.close()
    query = ["--query", "SELECT id AS prediction_id, days AS label FROM stays"]
    query += ["--url", f"sqlite:///{tmp_path / 'ward.db'}"]
    for source in ([str(file)], query):
        assert run("import", *source) == "1 added; 0 known already\n"
        assert rows("import", *source) == {"added": 0, "unchanged": 1, "waiting": 0}
    assert [row.truth for row in outcomes(kept.engine, "risk").rows] == [2.5, 3.0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["import"], "name a FILE, or a --query"),
        (["import", "a.csv", "--query", "SELECT 1"], "name a FILE, or a --query"),
        (["import", "--query", "SELECT 1"], "name a FILE, or a --query"),
        (["import", "a.csv"], "a.csv cannot be read"),
        (["add", "yes"], "either prediction_id, or key and time"),
        (["add", "yes", "--key", "bed 7", "--time", "noon"], "noon"),
        (["import", "--query", "CREATE TABLE beds (bed)", "--url", "sqlite://"], "no rows"),
        (["list", "--since", "noon"], "noon"),
        (["list", "--since", "9999-12-31T23:59:59-12:00"], "beyond the years"),
    ],
)
def test_what_cannot_be_used_is_said(kept: Kept, arguments: list[str], words: str) -> None:
    """And nothing is added."""
    done = CliRunner().invoke(app, ["label", *arguments])
    assert isinstance(done.exception, ConfigurationError)
    assert words in str(done.exception)
    assert rows("list") == []


def test_an_empty_list_is_told_in_words(kept: Kept) -> None:
    """A person sees that nothing has come."""
    assert run("list") == "no label has come yet\n"


def test_lists_are_cut_where_somebody_asks(kept: Kept) -> None:
    """By number, by prediction and by when labels were received."""
    ids = kept.predict(0, *[{"value": 1.0}] * 3)
    for second, id_ in enumerate(ids):
        kept.say(second, prediction_id=id_, received=60 * second)
    assert [row["label"] for row in rows("list")] == [2, 1, 0]
    assert [row["label"] for row in rows("list", "--limit", "1")] == [2]
    assert [row["label"] for row in rows("list", "--prediction", ids[1])] == [1]
    since, until = "2026-03-01T00:01:00Z", "2026-03-01T00:02:00Z"
    assert [row["label"] for row in rows("list", "--since", since, "--until", until)] == [1]


def test_an_id_is_found_however_it_is_written(kept: Kept) -> None:
    """Some programs print ids in capitals."""
    (id_,) = kept.predict(0)
    run("add", "yes", "--prediction", id_.upper())
    assert [row["prediction"] for row in rows("list", "--prediction", id_.upper())] == [id_]


def test_a_label_that_fits_no_such_answer_is_shown_as_that(kept: Kept) -> None:
    """It got in before its prediction had come, when nobody could tell."""
    said = run("add", "banana", "--prediction", ID)
    assert "whether those fit is not known yet" in said
    (good,) = kept.predict(0)
    run("add", "yes", "--prediction", good)
    kept.predict(0, id_=ID)
    resolver = Resolver(kept.engine, kept.settings)
    assert resolver.resolve() == 1
    resolver.close()
    found = {row["prediction"]: row["state"] for row in rows("list")}
    assert found == {ID: "fits no such answer", good: "in force"}


@pytest.mark.parametrize("name", ["time", "observed"])
def test_moments_that_cannot_be_are_refused(kept: Kept, name: str) -> None:
    """Before 1970, even where a calendar has no such day in UTC."""
    said = {"time": "2026-03-01", name: "0001-01-01T00:00:00+14:00"}
    options = [part for key, value in said.items() for part in (f"--{key}", value)]
    done = CliRunner().invoke(app, ["label", "add", "yes", "--key", "a", *options])
    assert isinstance(done.exception, ConfigurationError)
    assert "before 1970" in str(done.exception)
    assert rows("list") == []


def test_a_stored_moment_that_no_calendar_has_is_still_shown(kept: Kept) -> None:
    """Whoever wrote it: one row must not keep all others from being seen."""
    run("add", "yes", "--key", "bed 7", "--time", "2026-03-01")
    with kept.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE interlock_labels SET at = -62135646400000000")
    assert "-62135646400000000 µs" in rows("orphans", "--older", "0")[0]["named"]
