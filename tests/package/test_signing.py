from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from interlock.errors import ConfigurationError, IntegrityError
from interlock.package import digest, signing


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    """A directory with a signed listing, the key beside it."""
    signing.generate(tmp_path / "key")
    root = tmp_path / "package"
    root.mkdir()
    (root / digest.LISTING).write_text("{}")
    signing.sign(root, tmp_path / "key")
    return root


def test_a_private_key_is_for_its_owner_only(tmp_path: Path) -> None:
    """The private file has mode 0600; the public one can be given away."""
    public, fingerprint = signing.generate(tmp_path / "keys" / "mine")
    private = tmp_path / "keys" / "mine"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert b"PRIVATE" not in public.read_bytes()
    assert signing.fingerprint(signing.load_public(public)) == fingerprint
    assert signing.fingerprint(signing.load_private(private).public_key()) == fingerprint


@pytest.mark.parametrize("taken", ["mine", "mine.pub"])
def test_a_key_is_never_overwritten(tmp_path: Path, taken: str) -> None:
    """An existing file of either name stays as it is, and nothing else is written."""
    (tmp_path / taken).write_text("precious")
    with pytest.raises(ConfigurationError, match="never overwritten"):
        signing.generate(tmp_path / "mine")
    assert [path.name for path in tmp_path.iterdir()] == [taken]
    assert (tmp_path / taken).read_text() == "precious"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file stands where a directory would have to be."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="mine cannot be written: Not a directory"):
        signing.generate(tmp_path / "file" / "deeper" / "mine")


def test_two_keys_differ(tmp_path: Path) -> None:
    """Keys are random."""
    assert signing.generate(tmp_path / "a")[1] != signing.generate(tmp_path / "b")[1]


def test_a_signature_holds_for_its_listing(signed: Path, tmp_path: Path) -> None:
    """What was signed can be checked with the public half alone."""
    (tmp_path / "key").unlink()
    signing.check(signed, tmp_path / "key.pub")


def test_a_signature_is_a_standard_one(signed: Path, tmp_path: Path) -> None:
    """Any Ed25519 library can check it: the message is the listing's bytes."""
    import base64

    seal = json.loads((signed / digest.SIGNATURE).read_text())
    assert seal["algorithm"] == "Ed25519"
    key = serialization.load_pem_public_key((tmp_path / "key.pub").read_bytes())
    assert isinstance(key, ed25519.Ed25519PublicKey)
    key.verify(base64.b64decode(seal["signature"]), (signed / digest.LISTING).read_bytes())


def test_a_changed_listing_is_refused(signed: Path, tmp_path: Path) -> None:
    """One byte more and the signature does not hold."""
    (signed / digest.LISTING).write_text("{ }")
    with pytest.raises(IntegrityError, match="does not hold"):
        signing.check(signed, tmp_path / "key.pub")


@pytest.mark.parametrize("signature", ["AAAA", "not base64!", ""])
def test_a_mangled_signature_is_refused(signed: Path, tmp_path: Path, signature: str) -> None:
    """A signature that is none is an IntegrityError, not a crash."""
    seal = json.loads((signed / digest.SIGNATURE).read_text())
    (signed / digest.SIGNATURE).write_text(json.dumps(seal | {"signature": signature}))
    with pytest.raises(IntegrityError, match="does not hold"):
        signing.check(signed, tmp_path / "key.pub")


def test_a_signature_file_of_another_make_is_refused(signed: Path, tmp_path: Path) -> None:
    """Other JSON, or none, is an IntegrityError that names the file."""
    (signed / digest.SIGNATURE).write_text("[1]")
    with pytest.raises(IntegrityError, match=r"digests\.sig was changed"):
        signing.check(signed, tmp_path / "key.pub")


def test_keys_of_other_kinds_are_refused(tmp_path: Path) -> None:
    """An elliptic-curve key, a public key for a private one and plain text are each explained."""
    foreign = ec.generate_private_key(ec.SECP256R1())
    pem = foreign.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (tmp_path / "ec").write_bytes(pem)
    (tmp_path / "text").write_text("hello")
    signing.generate(tmp_path / "key")
    with pytest.raises(ConfigurationError, match="not Ed25519"):
        signing.load_private(tmp_path / "ec")
    with pytest.raises(ConfigurationError, match="no usable private key"):
        signing.load_private(tmp_path / "key.pub")
    with pytest.raises(ConfigurationError, match="no usable public key"):
        signing.load_public(tmp_path / "text")
    with pytest.raises(ConfigurationError, match="cannot read the key"):
        signing.load_public(tmp_path / "absent")
