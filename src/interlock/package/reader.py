"""Reading a package: what serves a model needs this module and nothing that builds one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from interlock.errors import (
    ConfigurationError,
    FormatError,
    IntegrityError,
    PackageError,
    SignatureError,
)
from interlock.package import digest, seen
from interlock.package.manifest import Manifest, decode
from interlock.package.seen import Seen
from interlock.signature.schema import Classes, Signature

GRAPH = "model.onnx"
MANIFEST = "manifest.json"
SIGNATURE = "signature.json"
PROFILE = "profile.json"
GOLDEN = "golden.json"
CARD = "card.md"
BOM = "bom.json"
MLMODEL = "MLmodel"

REQUIRED = (BOM, CARD, GOLDEN, GRAPH, MANIFEST, MLMODEL, PROFILE, SIGNATURE)
"""Files without which a directory is not a package."""


class Golden(msgspec.Struct, frozen=True):
    """Records as a caller would send them, and the answer to each (without a prediction id)."""

    records: tuple[dict[str, Any], ...]
    answers: tuple[dict[str, Any], ...]
    format: int = 1


@dataclass(frozen=True)
class Package:
    """A package on disk. `digest` stands for all of its bytes: ``sha256:…``."""

    path: Path
    manifest: Manifest
    signature: Signature
    digest: str

    @property
    def graph_path(self) -> Path:
        return self.path / GRAPH

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def version(self) -> str:
        return self.manifest.version

    @property
    def signed(self) -> bool:
        """Whether a signature is there; `verify` with a public key says whether it holds."""
        return (self.path / digest.SIGNATURE).is_file()

    def golden(self) -> Golden:
        """The golden examples; raises FormatError when they cannot be read."""
        return decode((self.path / GOLDEN).read_bytes(), Golden, GOLDEN)

    def seen(self) -> Seen | None:
        """Hashes of the rows that trained or chose the model; None where nothing is known of them.

        Raises IntegrityError or FormatError when they cannot be read.
        """
        facts = self.manifest.seen
        return None if facts is None else seen.read(self.path, facts)


def read(path: Path) -> Package:
    """Open the package at `path`. Checks that it is one, not that it is unchanged: see `verify`.

    Raises
    ------
    PackageError
        When there is no such directory.
    IntegrityError
        When a file that every package has is missing.
    FormatError
        When manifest or signature cannot be read, or are of a format from the future.
    """
    path = Path(path)
    if not path.is_dir():
        raise PackageError(f"{path} is not a package: there is no such directory")
    _listed, package_digest = digest.read_listing(path)
    for name in REQUIRED:
        if not (path / name).is_file():
            raise IntegrityError(f"{path}: {name} is missing")
    return Package(
        path=path,
        manifest=Manifest.from_json((path / MANIFEST).read_bytes()),
        signature=_signature(path),
        digest=package_digest,
    )


def verify(
    path: Path, *, public_key: Path | None = None, require_signature: bool = False
) -> Package:
    """Open the package at `path` after checking every byte of it.

    With `public_key` (a PEM file) the package must be signed by that key. `require_signature`
    is for callers whose key is optional: it refuses to go on without one.

    Raises
    ------
    IntegrityError
        Names the first file, in order of their names, that does not match, is missing, is not
        listed or is a link; or says what is wrong with the signature.
    ConfigurationError
        When a signature is required but there is no key to check it with.
    """
    if require_signature and public_key is None:
        raise ConfigurationError("a signature is required, but no public key is set to check it")
    path = Path(path)
    if not path.is_dir():
        raise PackageError(f"{path} is not a package: there is no such directory")
    listed, _package_digest = digest.read_listing(path)
    if public_key is not None:
        # Signing needs the cryptography library, which a server that checks none never loads.
        from interlock.package import signing  # noqa: PLC0415

        signing.check(path, public_key)
    digest.check(path, listed)
    package = read(path)
    _check_together(package)
    return package


def _signature(path: Path) -> Signature:
    try:
        return Signature.from_json((path / SIGNATURE).read_bytes())
    except SignatureError as error:
        raise FormatError(f"{SIGNATURE} cannot be read: {error}") from error


def _check_together(package: Package) -> None:
    """Files that are intact one by one can still be of two packages."""
    described = decode((package.path / BOM).read_bytes(), _Bom, BOM).metadata.component
    if (described.name, described.version) != (package.name, package.version):
        raise IntegrityError(
            f"{BOM} describes {described.name} {described.version},"
            f" {MANIFEST} {package.name} {package.version}"
        )
    _check_golden(package.golden(), package.signature)
    package.seen()


def _check_golden(golden: Golden, signature: Signature) -> None:
    if len(golden.records) != len(golden.answers):
        raise IntegrityError(f"{GOLDEN} has not as many answers as records")
    inputs = {field.name for field in signature.inputs}
    labels = set(signature.output.labels) if isinstance(signature.output, Classes) else None
    for record, answer in zip(golden.records, golden.answers, strict=True):
        if unknown := sorted(set(record) - inputs):
            raise IntegrityError(f"{GOLDEN} has inputs that {SIGNATURE} has not: {unknown}")
        if labels is not None and answer.get("label") not in labels:
            raise IntegrityError(
                f"{GOLDEN} expects a label that {SIGNATURE} has not: {answer.get('label')!r}"
            )


class _Component(msgspec.Struct):
    name: str
    version: str


class _Metadata(msgspec.Struct):
    component: _Component


class _Bom(msgspec.Struct):
    metadata: _Metadata
