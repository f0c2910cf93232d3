"""The manifest: what a package says of itself, as plain frozen data."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from interlock.errors import FormatError

FORMAT = 1
"""Format of the package directory. Raise it when an older release could misread a newer package;
the reader then keeps a branch for each format that it still knows."""

Described = TypeVar("Described", bound=msgspec.Struct)


class DataFingerprint(msgspec.Struct, frozen=True, kw_only=True):
    """Training data, recognisable without being kept: sizes and one SHA-256 over its values."""

    rows: int
    columns: tuple[str, ...]
    sha256: str


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows trained or chose the model, by part; their hashes are in a file beside.

    `columns` are those that a row is recognised by. `rows` counts different ones, `groups` those of
    the column `group`, "" without one. `form` says what the hashes are of: 1 of every digit, 2 of
    rows as they are after rounding, 3 also where numbers came as text or as objects.
    """

    parts: dict[str, int]
    columns: tuple[str, ...]
    rows: int
    group: str = ""
    groups: int = 0
    form: int = 1


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """Git revision of the work tree at build time; `dirty` when it had uncommitted changes."""

    revision: str
    dirty: bool


class Parity(msgspec.Struct, frozen=True, kw_only=True):
    """How the graph compared with the original model on the build's sample.

    `largest_difference` is absolute for probabilities; for values it is ``|graph - model|`` divided
    by ``1 + |model|``: absolute near zero, relative for large numbers. `ties` are rows where the
    two answer different labels that the model itself finds equally probable; they are not counted
    as changed.
    """

    rows: int
    largest_difference: float
    labels_changed: int
    tolerance: float
    ties: int = 0


class Manifest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a package says of itself.

    `created` is UTC in ISO 8601. `source` is the type that was converted, such as
    ``sklearn.pipeline.Pipeline``. `architecture` is a digest of the graph's structure without
    weights, `preprocessing` of the preprocessing with its settings. `seen` is None where nothing is
    known of the rows that trained it. `metrics` are by split, then
    by name. `parents` are the digests of the packages that this one follows. `reason` says why
    it has this version. `subject` is the input that names whom a row is about, "" when none does.
    """

    format: int = msgspec.field(default=FORMAT)
    name: str
    version: str
    created: str
    source: str
    architecture: str
    preprocessing: str | None = None
    reason: str = ""
    data: DataFingerprint | None = None
    seen: Seen | None = None
    code: Code | None = None
    libraries: dict[str, str] = {}
    metrics: dict[str, dict[str, float]] = {}
    parents: tuple[str, ...] = ()
    parity: Parity | None = None
    description: str = ""
    owner: str = ""
    license: str = ""
    intended_use: str = ""
    limitations: str = ""
    subject: str = ""

    def to_json(self) -> bytes:
        document = {"format": self.format, **msgspec.to_builtins(self)}
        return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"

    @classmethod
    def from_json(cls, text: bytes) -> Manifest:
        """Read what `to_json` wrote.

        Raises
        ------
        FormatError
            When it is no manifest, or one of a format that this release does not read.
        """
        if decode(text, _Head, "manifest.json").format != FORMAT:
            found = decode(text, _Head, "manifest.json").format
            raise FormatError(
                f"manifest.json is of format {found}; this release reads format {FORMAT}."
                " Read it with a newer release of Interlock."
            )
        return decode(text, cls, "manifest.json")


class _Head(msgspec.Struct):
    format: int


def decode(text: bytes, kind: type[Described], name: str) -> Described:
    """`text` as a `kind`; raises FormatError naming the file `name` and the field at fault."""
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError as error:
        raise FormatError(f"{name} cannot be read: {error}") from error
