"""The commands about keys, erasure and the audit log, as people type them."""

from __future__ import annotations

import base64
import json
import sqlite3
import stat
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


def test_verify_says_when_it_has_nothing_to_compare_with(home: Path, capsys: Said) -> None:
    """A reader must not take a first look for a proof that nothing was cut off."""
    assert "nothing is on record" in interlock(capsys, "audit", "verify")
    interlock(capsys, "erase", "patient-7")
    (home / "audit.head").unlink()
    said = interlock(capsys, "audit", "verify")
    assert "whole, first seen" in said
    assert "whether lines were cut off before cannot be told" in said
