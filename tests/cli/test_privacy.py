"""The commands about keys, erasure and the audit log, as people type them."""

from __future__ import annotations

import base64
import io
import json
import os
import sqlite3
import stat
import sys
from contextlib import closing
from pathlib import Path

import pytest

from interlock.cli import main
from interlock.journal import hashing, seal
from interlock.settings import read


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory of one's own, in which Ann acts."""
    monkeypatch.setenv("INTERLOCK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("INTERLOCK_ACTOR", "ann")
    return tmp_path / "home"


Said = pytest.CaptureFixture[str]


def interlock(capsys: Said, *arguments: str, code: int = 0) -> str:
    """What a command prints; fails unless it ends with `code`."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    said = capsys.readouterr()
    assert (ended.value.code or 0) == code, said
    return said.out + said.err


def acts(capsys: Said) -> list[tuple[str, str, str]]:
    """Who did what to what, by the audit log."""
    lines = json.loads(interlock(capsys, "audit", "list", "--json"))
    return [(line["actor"], line["act"], line["about"]) for line in lines]


def test_a_new_master_key_is_printed_once_and_never_recorded(home: Path, capsys: Said) -> None:
    """The audit log has its id alone."""
    key = interlock(capsys, "keys", "create").strip()
    assert len(base64.b64decode(key)) == 32
    ((who, act, about),) = acts(capsys)
    assert (who, act) == ("ann", "keys create")
    assert about.startswith("master key ")
    assert not any(key.encode() in path.read_bytes() for path in home.rglob("*") if path.is_file())


def test_a_master_key_is_written_for_its_owner_only(
    home: Path, tmp_path: Path, capsys: Said
) -> None:
    """And a file that is there is never overwritten."""
    file = tmp_path / "master.key"
    assert "is in " in interlock(capsys, "keys", "create", "--out", str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.read_text()
    said = interlock(capsys, "keys", "create", "--out", str(file), code=2)
    assert "never overwritten" in said
    assert file.read_text() == before


def test_rotation_from_one_file_to_another(
    home: Path, tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the page on privacy describes it, from the first key to the second alone."""
    old = interlock(capsys, "keys", "create").strip()
    new = interlock(capsys, "keys", "create").strip()
    monkeypatch.setenv("INTERLOCK_MASTER_KEY", old)
    assert "nothing has been encrypted yet" in interlock(capsys, "keys", "list")
    sealer = seal.of(read())
    stored, key = sealer.seal(b"ann", "1", b"secret")
    sealer.seal(b"bob", "2", b"secret")
    sealer.close()
    monkeypatch.setenv("INTERLOCK_MASTER_KEY", f"{new} {old}")
    (line,) = json.loads(interlock(capsys, "keys", "list", "--json"))
    assert (line["state"], line["data_keys"]) == ("to be rotated", 2)
    assert "2 data keys are wrapped by" in interlock(capsys, "keys", "rotate", "--reason", "yearly")
    monkeypatch.setenv("INTERLOCK_MASTER_KEY", new)
    (line,) = json.loads(interlock(capsys, "keys", "list", "--json"))
    assert (line["state"], line["data_keys"]) == ("present", 2)
    assert seal.opener(read()).open(key, "1", stored) == b"secret"
    monkeypatch.setenv("INTERLOCK_MASTER_KEY", old)
    (line,) = json.loads(interlock(capsys, "keys", "list", "--json"))
    assert line["state"] == "not given"
    assert "wrapped by master key" in interlock(capsys, "keys", "rotate", code=3)
    assert [act for _, act, _ in acts(capsys)] == ["keys create", "keys create", "keys rotate"]


def test_rotation_without_a_key_says_what_to_set(home: Path, capsys: Said) -> None:
    """It is the command line that is at fault: code 2."""
    assert "INTERLOCK_MASTER_KEY" in interlock(capsys, "keys", "rotate", code=2)


def test_erasing_somebody_who_is_not_on_record(home: Path, capsys: Said) -> None:
    """Says so, and the act is on record by the hash of the name."""
    said = interlock(capsys, "erase", "patient-7", "--reason", "asked by letter")
    assert said.strip() == "nothing was on record about this subject"
    hashed = hashing.Hasher(read()).hash("patient-7", "subject").hex()
    assert acts(capsys) == [("ann", "erase", f"subject {hashed}")]
    assert "asked by letter" in interlock(capsys, "audit", "list")


def test_erasing_says_what_it_could_not_reach(
    home: Path, tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not end with 0 as long as something is left."""
    (tmp_path / "file").write_text("no directory")
    monkeypatch.setenv("INTERLOCK_DATABASE", f"sqlite:///{tmp_path}/file/x.db")
    hashing.Hasher(read())
    said = interlock(capsys, "erase", "patient-7", "--json", code=3)
    assert "not everything is erased: the database" in said
    document = json.JSONDecoder().raw_decode(said)[0]
    assert document["keys"] == 0
    assert all("x.db cannot be used" in sentence for sentence in document["left"])


def test_verify_names_the_line_that_was_changed(home: Path, capsys: Said) -> None:
    """All is well at first; afterwards the command ends with 1."""
    interlock(capsys, "erase", "patient-7")
    interlock(capsys, "erase", "patient-8")
    assert "all 2 lines are what was written" in interlock(capsys, "audit", "verify")
    with closing(sqlite3.connect(home / "interlock.db")) as connection:
        connection.execute("DROP TRIGGER interlock_audit_update")
        connection.execute("UPDATE interlock_audit SET actor = 'bob' WHERE sequence = 2")
        connection.commit()
    assert "broken at entry 2" in interlock(capsys, "audit", "verify", code=1)
    (finding,) = json.loads(interlock(capsys, "audit", "verify", "--json", code=1))
    assert finding["chain"] == "audit log"


def test_verify_takes_a_removed_audit_head_for_a_problem(home: Path, capsys: Said) -> None:
    """Unless a person says that this machine has never seen the log, which goes on record."""
    assert "nothing is on record" in interlock(capsys, "audit", "verify")
    interlock(capsys, "erase", "patient-7")
    (home / "audit.head").unlink()
    assert "it was removed" in interlock(capsys, "audit", "verify", code=1)
    interlock(capsys, "erase", "patient-8")
    assert "it was removed" in interlock(capsys, "audit", "verify", code=1)
    said = interlock(capsys, "audit", "verify", "--first")
    assert "whole, first seen" in said
    assert acts(capsys)[-1][1] == "audit first seen"
    assert "all 3 lines" in interlock(capsys, "audit", "verify")


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://ann:s3cr3tPW#x@127.0.0.1:1/db",
        "postgresql://ann:s3cr3tPW/x@127.0.0.1:1/db",
        "postgresql://ann:x?s3cr3tPW@127.0.0.1:1/db",
        "postgresql://ann@127.0.0.1:1/db?sslpassword=s3cr3tPW",
        "ann:s3cr3tPW@127.0.0.1/db",
    ],
)
@pytest.mark.parametrize("name", ["DATABASE", "KEYS", "TRACKING_URI", "HISTORY_URI"])
def test_no_setting_shows_a_password(
    home: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch, name: str, address: str
) -> None:
    """However it is written into the address."""
    monkeypatch.setenv(f"INTERLOCK_{name}", address)
    said = interlock(capsys, "settings", "--json")
    assert "***" in said
    assert "s3cr3t" not in said


@pytest.mark.parametrize("rest", ["127.0.0.1:notaport/db", "[::1/db"])
@pytest.mark.parametrize("name", ["DATABASE", "KEYS", "TRACKING_URI", "HISTORY_URI"])
@pytest.mark.parametrize("command", ["settings", "keys list", "audit list", "journal tail"])
def test_a_malformed_address_is_refused_by_name(
    home: Path,
    capsys: Said,
    monkeypatch: pytest.MonkeyPatch,
    *,
    command: str,
    name: str,
    rest: str,
) -> None:
    """Without a traceback, and without the password in it."""
    monkeypatch.setenv(f"INTERLOCK_{name}", f"postgresql://ann:s3cr3tPW@{rest}")
    said = interlock(capsys, *command.split(), code=2)
    assert f"INTERLOCK_{name}" in said
    assert "s3cr3t" not in said


def test_a_key_in_the_place_of_a_file_is_never_shown(
    home: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """People put it into the wrong variable: it must not end in a log."""
    key = interlock(capsys, "keys", "create").strip()
    monkeypatch.setenv("INTERLOCK_MASTER_KEY_FILE", key)
    assert key not in interlock(capsys, "settings")
    said = interlock(capsys, "keys", "list", code=3)
    assert "INTERLOCK_MASTER_KEY_FILE names no file" in said
    assert key not in said


@pytest.mark.parametrize("name", ["MASTER_KEY", "MASTER_KEY_FILE", "KEY_SERVICE"])
def test_an_empty_master_key_does_not_mean_none(
    home: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A secret that was not filled in must not turn encryption off unseen."""
    monkeypatch.setenv(f"INTERLOCK_{name}", "")
    assert f"INTERLOCK_{name} is set, but empty" in interlock(capsys, "settings", code=2)


def test_erasing_by_another_hash_key_is_refused(
    home: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would find nobody, and report success."""
    interlock(capsys, "erase", "patient-7")
    monkeypatch.setenv("INTERLOCK_HASH_KEY", hashing.encoded(bytes(32)))
    said = interlock(capsys, "erase", "patient-7", code=3)
    assert "belongs to another hash key" in said
    (home / "keys" / "keys.db").unlink()
    said = interlock(capsys, "erase", "patient-7", code=3)
    assert "the database" in said
    assert "belongs to another hash key" in said
    monkeypatch.delenv("INTERLOCK_HASH_KEY")
    (home / "keys" / "hash.key").unlink()
    assert "there is no hash key" in interlock(capsys, "erase", "patient-7", code=3)
    assert not (home / "keys" / "hash.key").exists()


def test_the_subject_is_read_from_standard_input(
    home: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that no list of processes shows the name."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("patient-7\n"))
    interlock(capsys, "erase", "-")
    hashed = hashing.Hasher(read()).hash("patient-7", "subject").hex()
    assert acts(capsys) == [("ann", "erase", f"subject {hashed}")]
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert "no subject is named" in interlock(capsys, "erase", "-", code=2)


def test_reading_with_a_key_goes_on_record(
    home: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line a command; without a key nothing sealed is opened, and nothing is said."""
    commands = ("journal tail", "journal query", "label list", "label orphans")
    for command in commands:
        interlock(capsys, *command.split())
    assert acts(capsys) == []
    monkeypatch.setenv("INTERLOCK_MASTER_KEY", hashing.encoded(bytes(32)))
    for command in commands:
        interlock(capsys, *command.split())
    assert [act for _, act, _ in acts(capsys)] == list(commands)


def test_what_is_recorded_is_for_its_owner_only(home: Path, capsys: Said) -> None:
    """Whatever the umask lets others read."""
    before = os.umask(0o022)
    try:
        interlock(capsys, "erase", "patient-7")
    finally:
        os.umask(before)
    shown = {path: stat.S_IMODE(path.stat().st_mode) for path in (home, *home.rglob("*"))}
    names = {path.name for path in shown}
    assert {"interlock.db", "audit.head", "keys.db"} <= names
    open_ = [path.name for path, mode in shown.items() if mode & 0o077 and path.suffix != ".lock"]
    assert open_ == []
