"""Keyed hashes, and the file with their key."""

from __future__ import annotations

import base64
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from interlock.errors import KeyStoreError
from interlock.journal.hashing import Hasher, encoded, write
from interlock.settings import Secret, Settings

KEY = Secret(encoded(bytes(range(32))))


def test_a_hash_depends_on_text_purpose_and_key(tmp_path: Path) -> None:
    """Who has another key, or hashes for another purpose, finds nothing again."""
    here = Hasher(Settings(home=tmp_path))
    given = Hasher(Settings(home=tmp_path, hash_key=KEY))
    hashes = {
        here.hash("patient-7", "subject"),
        here.hash("patient-7", "key"),
        here.hash("patient-8", "subject"),
        given.hash("patient-7", "subject"),
    }
    assert len(hashes) == 4
    assert {len(one) for one in hashes} == {16}
    assert Hasher(Settings(home=tmp_path)).hash("patient-7", "subject") in hashes


def test_a_hash_stays_what_it_is() -> None:
    """Records of years are found by it: no release may work it out in another way."""
    hasher = Hasher(Settings(hash_key=KEY))
    assert hasher.hash("patient-7", "subject").hex() == "981b3fde0afd8e1249aa07c540d89343"


def test_text_that_is_no_unicode_has_a_hash(tmp_path: Path) -> None:
    """A header can hold any bytes."""
    hasher = Hasher(Settings(home=tmp_path))
    assert hasher.hash("\udcff", "key") != hasher.hash("\udcfe", "key")


def test_the_key_file_is_for_its_owner_only(tmp_path: Path) -> None:
    """Nobody else on the machine can find out who is in the record."""
    Hasher(Settings(home=tmp_path))
    file = tmp_path / "keys" / "hash.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert len(base64.b64decode(file.read_text())) == 32


def test_processes_that_start_together_make_one_key(tmp_path: Path) -> None:
    """Workers of one server hash alike from the first request on."""
    script = (
        "import sys; from pathlib import Path; from interlock.settings import Settings\n"
        "from interlock.journal.hashing import Hasher\n"
        "sys.stdin.readline()\n"
        "print(Hasher(Settings(home=Path(sys.argv[1]))).hash('x', 'key').hex())"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = {process.communicate(timeout=30)[0] for process in processes}
    assert len(said) == 1
    assert len(said.pop().strip()) == 32
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["hash.key"]


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    """Of many who write at once one succeeds, and the file is whole."""
    keys = [bytes([number]) * 32 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda key: write(tmp_path / "a.key", key), keys))
    assert sum(made) == 1
    assert (tmp_path / "a.key").read_text().strip() == encoded(keys[made.index(True)])


@pytest.mark.parametrize("text", ["", "short", "A" * 44 + "=", encoded(bytes(31)), "ä" * 44])
def test_a_key_that_is_none_is_refused_without_being_shown(text: str, tmp_path: Path) -> None:
    """The error names the variable, never what is in it."""
    with pytest.raises(KeyStoreError, match="expected 32 bytes in base64") as caught:
        Hasher(Settings(home=tmp_path, hash_key=Secret(text)))
    assert "INTERLOCK_HASH_KEY" in str(caught.value)
    assert not text or text not in str(caught.value)


def test_a_damaged_key_file_is_refused_by_name(tmp_path: Path) -> None:
    """A new key in its place would lose everybody who is on record."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "hash.key").write_text("half a k")
    with pytest.raises(KeyStoreError, match=r"hash\.key holds no key"):
        Hasher(Settings(home=tmp_path))
