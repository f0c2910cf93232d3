"""Erasing a subject: nothing readable is left, in no file and in no older copy of the data."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow.parquet as pq
import pytest
from uuid_utils import uuid7

from interlock.journal import intake, keys, labels, seal, segments
from interlock.journal.audit import Audit
from interlock.journal.erased import Erased
from interlock.journal.generation import LIFE
from interlock.journal.record import Answer, Failure, Row
from interlock.journal.sources import Found
from interlock.journal.spool import Spool
from interlock.settings import Settings
from interlock.state import database, schema
from interlock.state.tables import FAILURES, LABELS, PREDICTIONS

from .privacy import holding, sealing
from .site import Site, readable
from .spooled import shipping, until

MakeSite = Callable[..., Site]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """A database of each kind, for this test alone."""
    if request.param == "sqlite":
        yield None
        return
    if "INTERLOCK_TEST_POSTGRES" not in os.environ:
        pytest.skip("INTERLOCK_TEST_POSTGRES is not set")
    import psycopg

    there = os.environ["INTERLOCK_TEST_POSTGRES"]
    schema = f"erasure_{uuid4().hex[:12]}"
    with psycopg.connect(there.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
        yield f"{there}?options=-csearch_path%3D{schema}"
        connection.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture
def make_site(tmp_path: Path) -> MakeSite:
    """A journal with Parquet files beside SQL, encrypted or not."""

    def make(*, sealed: bool = True, **more: Any) -> Site:
        options = {"journal_parquet": tmp_path / "parquet", "actor": "ann", **more}
        home = tmp_path / "home"
        return Site(sealing(home, **options) if sealed else Settings(home=home, **options))

    return make


SECRETS = (b"cried at night", b"fell twice", b"broken body", b"readmitted-ann")
OTHERS = (b"slept well", b"discharged-bob")


def fill(site: Site) -> dict[str, list[str]]:
    """Answers, failures and labels about Ann and Bob: shipped, and still on their way."""
    shipped = site.answer("ann", "cried at night", "cried at night again")
    others = site.answer("bob", "slept well")
    site.fail("ann", '{"note": "broken body"')
    site.label(label="readmitted-ann", prediction_id=shipped[0])
    site.label(label="readmitted-ann", key="ann", time=datetime.now(UTC))
    site.label(label="discharged-bob", prediction_id=others[0])
    site.stop()
    site.ship()
    site.resolve()
    site.spool = Spool(site.settings.spool(), 0, site.settings)
    waiting = site.answer("ann", "fell twice")
    # One whose prediction is in the spool, one whose prediction was shipped before.
    site.label(label="readmitted-ann", prediction_id=waiting[0])
    site.label(label="readmitted-ann", prediction_id=shipped[1])
    site.stop()
    return {"ann": [*shipped, *waiting], "bob": others}


def test_nothing_readable_is_left_even_in_an_older_copy(
    make_site: MakeSite, tmp_path: Path
) -> None:
    """Spool, SQL, Parquet, and a copy of all of them from before that still has the rows."""
    site = make_site()
    fill(site)
    copy = tmp_path / "backup"
    ignored = shutil.ignore_patterns("keys", "backup")
    shutil.copytree(tmp_path, copy, ignore=ignored)
    before = " ".join(readable(copy, site)).encode()
    assert all(secret in before for secret in (*SECRETS, *OTHERS))
    report = site.erase("ann")
    assert report.left == []
    assert not report.clear
    for folder in (tmp_path, copy):
        after = " ".join(readable(folder, site)).encode()
        assert [secret for secret in SECRETS if secret in after] == []
        assert [other for other in OTHERS if other not in after] == []
    assert list(holding(tmp_path, *SECRETS, b"ann\xff")) == []


def test_what_can_be_deleted_is_deleted(make_site: MakeSite, url: str | None) -> None:
    """Rows of SQL and Parquet at once; what is still in the spool never gets there."""
    site = make_site(database=url)
    ids = fill(site)
    report = site.erase("ann")
    assert report.left == []
    assert (report.predictions, report.failures, report.parquet) == (2, 1, 2)
    assert report.labels == 2
    assert [row.id for row in site.rows(PREDICTIONS)] == ids["bob"]
    site.ship()
    assert [row.id for row in site.rows(PREDICTIONS)] == ids["bob"]
    assert [row.prediction for row in site.rows(LABELS)] == ids["bob"]
    assert site.rows(FAILURES) == []
    files = list((site.settings.journal_parquet or Path()).rglob("*.parquet"))
    kept = [
        id_ for file in files for id_ in pq.read_table(file, partitioning=None)["id"].to_pylist()
    ]
    assert kept == ids["bob"]


def test_labels_that_nobody_has_joined_yet_are_erased_as_well(
    make_site: MakeSite, tmp_path: Path
) -> None:
    """In SQL they are still sealed each by itself: an older copy must not open."""
    site = make_site()
    (id_,) = site.answer("ann", "cried at night")
    site.label(label="readmitted-ann", prediction_id=id_)
    site.label(label="readmitted-ann", key="ann", time=datetime.now(UTC))
    site.stop()
    site.ship()
    copy = tmp_path / "backup"
    shutil.copytree(tmp_path / "home", copy, ignore=shutil.ignore_patterns("keys"))
    assert " ".join(readable(copy, site)).count("readmitted-ann") == 2
    report = site.erase("ann")
    assert (report.keys, report.labels) == (3, 2)
    assert readable(copy, site) == []


def test_what_comes_afterwards_is_on_record_again(make_site: MakeSite) -> None:
    """An erased subject may come back, under a new key."""
    site = make_site()
    fill(site)
    site.erase("ann")
    time.sleep(LIFE + 0.1)
    again = Site(site.settings)
    (id_,) = again.answer("ann", "came back")
    again.stop()
    again.ship()
    (row,) = [row for row in again.rows(PREDICTIONS) if row.id == id_]
    opened = seal.opener(site.settings).open(row.seal, row.id, row.payload)
    assert opened is not None
    assert b"came back" in opened


def test_a_running_worker_cannot_make_more_of_it_readable(make_site: MakeSite) -> None:
    """What it seals with the erased key in its last moment is unreadable, and never shipped."""
    site = make_site()
    site.answer("ann", "cried at night")
    site.erase("ann")
    site.answer("ann", "fell twice")
    site.stop()
    assert readable(site.settings.home.parent, site) == []
    site.ship()
    assert site.rows(PREDICTIONS) == []


def test_clear_records_leave_the_spool_and_every_file(make_site: MakeSite, tmp_path: Path) -> None:
    """Without encryption everything in reach goes, byte for byte; the report says it was clear."""
    site = make_site(sealed=False)
    ids = fill(site)
    assert len(list(holding(tmp_path, *SECRETS))) > len(SECRETS)
    report = site.erase("ann")
    assert (report.left, report.clear, report.keys) == ([], True, 0)
    assert segments.listed(site.settings.spool()) == []
    assert list(holding(tmp_path, *SECRETS)) == []
    assert len(list(holding(tmp_path, *OTHERS))) >= len(OTHERS)
    assert [row.id for row in site.rows(PREDICTIONS)] == ids["bob"]


def test_clear_rows_of_postgresql_go_as_well(make_site: MakeSite, url: str | None) -> None:
    """What was written before encryption was turned on, too."""
    site = make_site(sealed=False, database=url)
    site.answer("ann", "cried at night")
    site.stop()
    site.ship()
    sealed = Site(sealing(site.settings.home, database=url))
    sealed.answer("ann", "fell twice")
    sealed.stop()
    sealed.ship()
    report = sealed.erase("ann")
    assert (report.left, report.clear, report.predictions, report.keys) == ([], True, 2, 1)
    assert sealed.rows(PREDICTIONS) == []


def test_damaged_pieces_that_may_be_readable_go(make_site: MakeSite) -> None:
    """Nobody can tell whom they are about."""
    site = make_site(sealed=False)
    site.answer("ann", "cried at night")
    site.answer("bob", "slept well")
    site.stop()
    (segment,) = segments.listed(site.settings.spool())
    data = bytearray(segment.path.read_bytes())
    data[data.index(b"cried")] ^= 1
    segment.path.write_bytes(data)
    site.ship()
    folder = site.settings.spool() / "damaged"
    assert list(holding(folder, b"at night"))
    other = Site(site.settings)
    other.answer("ann", "fell twice")
    other.stop()
    assert other.erase("ann").damaged == 1
    assert list(holding(folder, b"at night")) == []


def test_a_sink_that_is_away_is_told_and_the_rest_is_erased(
    make_site: MakeSite, tmp_path: Path
) -> None:
    """Whoever asked knows that it has to be run again."""
    blocked = tmp_path / "blocked"
    blocked.write_text("no directory")
    site = make_site(database=f"sqlite:///{blocked}/x.db")
    site.answer("ann", "cried at night")
    site.stop()
    left = site.erase("ann").left
    assert left
    assert all("x.db cannot be used" in sentence for sentence in left)
    assert keys.opened(site.settings).holdings() == []
    assert readable(tmp_path, site) == []


def test_the_act_is_on_record_without_any_payload(make_site: MakeSite) -> None:
    """Not even the subject's name: its hash, and figures."""
    site = make_site()
    fill(site)
    report = site.erase("ann")
    log = Audit(site.settings)
    (line,) = [line for line in log.lines() if line.act == "erase"]
    log.close()
    assert (line.actor, line.reason) == ("ann", "asked by letter")
    assert line.about == f"subject {site.hasher.hash('ann', 'subject').hex()}"
    assert line.details["predictions"] == report.predictions == 2


def test_an_erasure_of_nobody_changes_nothing(make_site: MakeSite) -> None:
    """And is on record all the same."""
    site = make_site()
    ids = fill(site)
    report = site.erase("eve")
    assert (report.keys, report.predictions, report.labels, report.left) == (0, 0, 0, [])
    site.ship()
    assert sorted(row.id for row in site.rows(PREDICTIONS)) == sorted([*ids["ann"], *ids["bob"]])


def test_erasing_again_finishes_what_was_interrupted(make_site: MakeSite) -> None:
    """Keys that are gone do not hide rows that are still there."""
    site = make_site()
    fill(site)
    store = keys.opened(site.settings)
    store.erase([site.hasher.hash("ann", "subject")], [], time.time_ns() // 1000)
    store.close()
    assert site.erase("ann").predictions == 2


def test_rows_of_one_request_about_several_subjects(make_site: MakeSite) -> None:
    """A batch keeps the rows of the others."""
    site = make_site()
    whom = [site.hasher.hash(name, "subject") for name in ("ann", "bob")]
    rows = [Row(str(uuid7()), b"x", one) for one in whom]
    bare = Row(str(uuid7()), b"x")
    answer = Answer(5, "ward", "1.0.0", "live", "plain", 0.1, [*rows, bare])
    later = Answer(7, "ward", "1.0.0", "live", "plain", 0.1, rows)
    erased = Erased(site.settings)
    assert erased.look().without([answer]) == [answer]
    store = keys.opened(site.settings)
    store.erase([whom[0]], [], 6)
    store.close()
    first, second = erased.look().without([answer, later])
    assert isinstance(first, Answer)
    assert first.rows == [rows[1], bare]
    assert second == later
    only = Answer(5, "ward", "1.0.0", "live", "plain", 0.1, rows[:1])
    assert erased.look().without([only]) == []
    erased.close()
    site.stop()


def by(site: Site, name: str, key: str, note: str, moment: int | None = None) -> str:
    """An answer about `name` to a request whose routing key is another; returns its id."""
    id_, whom = str(uuid7()), site.hasher.hash(name, "subject")
    feed = {"note": np.array([note], object)}
    (written,) = site.writer.rows(feed, [{"value": 1.5}], None)
    stored, sealed = site.sealer.seal(whom, id_, written)
    hashed = site.hasher.hash(key, "key")
    row = Row(id_, stored, whom, sealed)
    at = moment or time.time_ns() // 1000
    site.write(Answer(at, "ward", "1.0.0", "live", "plain", 0.001, [row], hashed))
    return id_


def put(site: Site, **given: Any) -> None:
    """A label that comes by the command line: straight into the database."""
    engine = database.connect(site.settings)
    schema.ensure(engine)
    taker = intake.Intake(engine, site.settings)
    taker.put([Found("here", labels.Given(**given))])
    taker.close()
    engine.dispose()


@pytest.mark.parametrize("sealed", [True, False])
def test_a_label_in_sql_of_an_answer_in_the_spool(make_site: MakeSite, sealed: bool) -> None:
    """Whichever way it names the answer; Bob's label by the same key stays."""
    site = make_site(sealed=sealed)
    start = time.time_ns() // 1000 - 9_000_000
    waiting = by(site, "ann", "bed 7", "cried at night", start)
    by(site, "bob", "bed 7", "slept well", start + 4_000_000)
    put(site, label="readmitted-ann", prediction_id=waiting)
    for label, at in (("readmitted-ann", 2), ("discharged-bob", 6)):
        moment = datetime.fromtimestamp(start / 1e6 + at, UTC)
        put(site, label=label, key="bed 7", time=moment)
    site.stop()
    report = site.erase("ann")
    assert (report.left, report.clear) == ([], not sealed)
    assert "readmitted-ann" not in " ".join(readable(site.settings.home.parent, site))
    if segments.listed(site.settings.spool()):
        site.ship()
    site.resolve()
    assert len(site.rows(LABELS)) == 1
    assert "discharged-bob" in " ".join(readable(site.settings.home.parent, site))


@pytest.mark.parametrize("sealed", [True, False])
def test_a_label_in_the_spool_by_a_key_that_is_not_the_subject(
    make_site: MakeSite, sealed: bool
) -> None:
    """The key belongs to an answer about Ann: shipped in one case, on its way in the other."""
    site = make_site(sealed=sealed)
    by(site, "ann", "bed 7", "cried at night")
    site.stop()
    site.ship()
    again = Site(site.settings)
    by(again, "ann", "bed 8", "fell twice")
    for key in ("bed 7", "bed 8"):
        again.label(label="readmitted-ann", key=key, time=datetime.now(UTC))
    again.stop()
    assert again.erase("ann").left == []
    assert readable(site.settings.home.parent, again) == []
    if segments.listed(site.settings.spool()):
        again.ship()
    assert again.rows(LABELS) == []


def test_a_second_run_finds_what_the_first_could_not_reach(make_site: MakeSite) -> None:
    """Though the spool, which knew whose answers those were, has been shipped in between."""
    site = make_site()
    waiting = by(site, "ann", "bed 7", "cried at night")
    put(site, label="readmitted-ann", prediction_id=waiting)
    site.stop()
    home = site.settings.home
    (home / "interlock.db").rename(home / "away.db")
    (home / "interlock.db").mkdir()
    first = site.erase("ann")
    assert any("cannot be used" in sentence for sentence in first.left)
    assert any("not in the audit log" in sentence for sentence in first.left)
    assert list((home / "erasures").glob("*.json"))
    (home / "interlock.db").rmdir()
    (home / "away.db").rename(home / "interlock.db")
    site.ship()
    assert len(site.rows(LABELS)) == 1
    second = site.erase("ann")
    assert (second.left, second.labels) == ([], 1)
    assert site.rows(LABELS) == []
    assert not list((home / "erasures").glob("*.json"))


def test_a_failure_in_the_spool_that_names_the_subject_as_its_key(make_site: MakeSite) -> None:
    """It is about somebody else, and goes all the same: its body may be about both."""
    site = make_site()
    id_, whom = str(uuid7()), site.hasher.hash("bob", "subject")
    stored, sealed = site.sealer.seal(whom, id_, b"broken body")
    key = site.hasher.hash("ann", "key")
    now = time.time_ns() // 1000
    site.write(
        Failure(id_, now, "ward", "plain", "x", 400, 0.1, key, None, stored, sealed, subject=whom)
    )
    site.stop()
    assert readable(site.settings.home.parent, site)
    report = site.erase("ann")
    assert (report.left, report.clear) == ([], False)
    assert readable(site.settings.home.parent, site) == []
    assert site.rows(FAILURES) == []


def test_nobody_comes_back_who_is_erased_beside_a_busy_shipper(
    make_site: MakeSite, url: str | None
) -> None:
    """Rows that the shipper had in hand when their subject was erased are not left behind."""
    site = make_site(database=url, journal_segment_age=0.2)
    names = [f"patient {number}" for number in range(3)]
    with shipping(site.settings):
        for erased in names:
            for _ in range(40):
                for name in names:
                    site.answer(name, *["cried at night"] * 5)
            report = site.erase(erased)
            assert report.left == []
            time.sleep(0.6)  # what the shipper had in hand would be there by now
            whom = site.hasher.hash(erased, "subject")
            assert [row.id for row in site.rows(PREDICTIONS) if row.subject == whom] == []
        site.stop()
    assert len(site.rows(PREDICTIONS)) > 0
    for file in (site.settings.home.parent / "parquet").rglob("*.parquet"):
        subjects = set(pq.read_table(file, partitioning=None)["subject"].to_pylist())
        assert site.hasher.hash(names[-1], "subject") not in subjects


def test_rows_that_the_shipper_has_in_hand_are_left_out(
    make_site: MakeSite, url: str | None
) -> None:
    """It has asked who is erased, and is held up before it could write: it has to ask again."""
    site = make_site(database=url)
    engine = database.connect(site.settings)
    schema.ensure(engine)
    store = keys.opened(site.settings)
    whom = site.hasher.hash("ann", "subject")
    with shipping(site.settings):
        with engine.begin() as connection:
            if url is None:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.exec_driver_sql("LOCK TABLE interlock_predictions IN EXCLUSIVE MODE")
            site.answer("ann", "cried at night")
            others = site.answer("bob", "slept well")
            time.sleep(1.5)
            store.erase([whom], [], time.time_ns() // 1000)
        until(lambda: [row.id for row in site.rows(PREDICTIONS) if row.subject != whom] == others)
        site.stop()
    assert [row.id for row in site.rows(PREDICTIONS)] == others
    store.close()
    engine.dispose()
