"""Ed25519 keys and signatures: who vouches for a package."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from interlock.errors import ConfigurationError, IntegrityError
from interlock.package.digest import LISTING, SIGNATURE, intact


class Seal(msgspec.Struct, frozen=True, kw_only=True):
    """What `digests.sig` holds: the signature over `digests.json` and which key made it."""

    algorithm: str = "Ed25519"
    key: str
    signature: str


def generate(path: Path) -> tuple[Path, str]:
    """Write a new private key to `path` (readable by its owner only) and `path`.pub beside it.

    Returns the path of the public key and its fingerprint.

    Raises
    ------
    ConfigurationError
        When either file exists already (a key is never overwritten) or cannot be written.
    """
    public_path = path.with_name(path.name + ".pub")
    for taken in (path, public_path):
        if taken.exists():
            raise ConfigurationError(f"{taken} exists already; a key is never overwritten")
    private = Ed25519PrivateKey.generate()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, 0o600, _private_pem(private))
        _write(public_path, 0o644, _public_pem(private.public_key()))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from error
    return public_path, fingerprint(private.public_key())


def fingerprint(key: Ed25519PublicKey) -> str:
    """``sha256:`` and the digest of the key's 32 bytes."""
    return "sha256:" + hashlib.sha256(key.public_bytes_raw()).hexdigest()


def sign(root: Path, key: Path) -> None:
    """Sign the listing of the package at `root` with the private key at `key`."""
    private = load_private(key)
    signature = private.sign((root / LISTING).read_bytes())
    seal = Seal(
        key=fingerprint(private.public_key()),
        signature=base64.b64encode(signature).decode(),
    )
    text = msgspec.json.format(msgspec.json.encode(seal), indent=2) + b"\n"
    (root / SIGNATURE).write_bytes(text)


def check(root: Path, key: Path) -> None:
    """Check the signature of the package at `root` against the public key at `key`.

    Raises
    ------
    IntegrityError
        When there is no signature, it is by another key, or it does not hold.
    """
    path = root / SIGNATURE
    if path.is_symlink() or not path.is_file():
        raise IntegrityError(f"{SIGNATURE} is missing: the package is not signed")
    seal = intact(path.read_bytes(), Seal, SIGNATURE)
    public = load_public(key)
    if seal.key != fingerprint(public):
        raise IntegrityError(
            f"{SIGNATURE} was made with key {seal.key}, not with {fingerprint(public)} ({key})"
        )
    try:
        public.verify(base64.b64decode(seal.signature), (root / LISTING).read_bytes())
    except (InvalidSignature, ValueError):
        raise IntegrityError(f"{SIGNATURE} does not hold for {LISTING}") from None


def load_private(path: Path) -> Ed25519PrivateKey:
    """The private key in the PEM file at `path`; raises ConfigurationError when it is none."""
    try:
        key = serialization.load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(f"{path} holds no usable private key: {error}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError(f"{path} holds a private key that is not Ed25519")
    return key


def load_public(path: Path) -> Ed25519PublicKey:
    """The public key in the PEM file at `path`; raises ConfigurationError when it is none."""
    try:
        key = serialization.load_pem_public_key(_read(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(f"{path} holds no usable public key: {error}") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigurationError(f"{path} holds a public key that is not Ed25519")
    return key


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"cannot read the key {path}: {error.strerror}") from error


def _write(path: Path, mode: int, data: bytes) -> None:
    # Created with its final mode: at no moment can anybody else open the private key.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _private_pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _public_pem(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
