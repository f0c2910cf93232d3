"""Master keys: from text, from a file, from a service."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from interlock.errors import KeyStoreError
from interlock.journal.master import ring
from interlock.settings import Secret, Settings

from .privacy import master_key

SERVICE = """
from cryptography.fernet import Fernet

class Cloud:
    id = "cloud-1"

    def __init__(self):
        self._fernet = Fernet(b"A" * 43 + b"=")

    def wrap(self, key):
        return self._fernet.encrypt(key)

    def unwrap(self, wrapped):
        return self._fernet.decrypt(wrapped)

class Deaf:
    id = "deaf"

def away():
    raise OSError("no route to the cloud")
"""


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module with key services in it."""
    (tmp_path / "clouds.py").write_text(SERVICE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "clouds", raising=False)
    return "clouds"


def test_no_key_means_no_ring() -> None:
    """Nothing is encrypted unless somebody says with what."""
    assert ring(Settings()) is None


def test_the_first_key_wraps_and_every_key_unwraps() -> None:
    """So the present key can be changed while what the old one wrapped is still about."""
    old, new = master_key(), master_key()
    before = ring(Settings(master_key=old))
    both = ring(Settings(master_key=Secret(f"{new}\n{old}\n")))
    assert before
    assert both
    wrapped = before.wrap(b"k" * 32)
    assert both.unwrap(wrapped, before.present.id) == b"k" * 32
    assert both.present.id != before.present.id
    after = ring(Settings(master_key=new))
    assert after
    assert after.unwrap(both.wrap(b"k" * 32), both.present.id) == b"k" * 32


def test_a_file_holds_keys_as_the_variable_does(tmp_path: Path) -> None:
    """The variable's keys come before the file's."""
    old, new = master_key(), master_key()
    (tmp_path / "master.key").write_text(old + "\n")
    both = ring(Settings(master_key=new, master_key_file=tmp_path / "master.key"))
    alone = ring(Settings(master_key_file=tmp_path / "master.key"))
    assert both
    assert alone
    assert both.ids[1:] == alone.ids


def test_a_key_that_is_not_given_is_named() -> None:
    """Whoever starts the server with the wrong key reads which one it takes."""
    given, other = ring(Settings(master_key=master_key())), ring(Settings(master_key=master_key()))
    assert given
    assert other
    with pytest.raises(KeyStoreError, match=f"wrapped by master key {other.present.id}"):
        given.unwrap(other.wrap(b"k" * 32), other.present.id)


def test_a_wrapped_key_that_was_changed_is_refused() -> None:
    """Key wrap is authenticated."""
    given = ring(Settings(master_key=master_key()))
    assert given
    wrapped = bytearray(given.wrap(b"k" * 32))
    wrapped[3] ^= 1
    with pytest.raises(KeyStoreError, match="it was changed"):
        given.unwrap(bytes(wrapped), given.present.id)


def test_the_wrapping_is_that_of_the_standard() -> None:
    """RFC 3394, 4.6: 256 bits of key data under a key of 256 bits."""
    key = bytes.fromhex("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F")
    data = bytes.fromhex("00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F")
    from interlock.journal.master import Local

    assert Local(key).wrap(data).hex().upper() == (
        "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21"
    )


def test_a_service_wraps_and_a_local_key_still_unwraps(service: str) -> None:
    """Moving from a key of one's own to a service is a rotation like any other."""
    old = master_key()
    before = ring(Settings(master_key=old))
    after = ring(Settings(master_key=old, key_service=f"{service}:Cloud"))
    assert before
    assert after
    assert after.present.id == "cloud-1"
    assert after.unwrap(after.wrap(b"k" * 32), "cloud-1") == b"k" * 32
    assert after.unwrap(before.wrap(b"k" * 32), before.present.id) == b"k" * 32


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("clouds:away", "no route to the cloud"),
        ("clouds:Deaf", "has no wrap, unwrap"),
        ("clouds:Missing", "Missing"),
        ("nowhere:Cloud", "nowhere"),
    ],
)
def test_a_service_that_cannot_be_used_is_named(service: str, name: str, reason: str) -> None:
    """The server does not start, and says which setting is at fault."""
    with pytest.raises(KeyStoreError, match=rf"INTERLOCK_KEY_SERVICE={name} .*{reason}"):
        ring(Settings(key_service=name))


def test_a_service_that_fails_later_is_our_error(service: str) -> None:
    """Whatever its library raises, what calls it has one error to catch."""
    given = ring(Settings(key_service=f"{service}:Cloud"))
    assert given
    with pytest.raises(KeyStoreError, match="master key cloud-1 cannot unwrap"):
        given.unwrap(b"nonsense", "cloud-1")


@pytest.mark.parametrize("text", ["c2hvcnQ=", "   "])
def test_text_that_is_no_key_is_not_shown(text: str, tmp_path: Path) -> None:
    """The error says where it stands."""
    with pytest.raises(KeyStoreError, match="INTERLOCK_MASTER_KEY holds no key") as caught:
        ring(Settings(master_key=Secret(text)))
    assert text not in str(caught.value)
    (tmp_path / "m.key").write_text("")
    with pytest.raises(KeyStoreError, match=r"m\.key holds no key"):
        ring(Settings(master_key_file=tmp_path / "m.key"))
    with pytest.raises(KeyStoreError, match="names no file that is there"):
        ring(Settings(master_key_file=tmp_path / "none.key"))
