"""Settings of one process: read once from the environment, typed, refused by name.

Every setting is an environment variable ``INTERLOCK_<NAME>``; its default is below.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from interlock.errors import ConfigurationError

PREFIX = "INTERLOCK_"

Positive = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]


_NEVER_EMPTY = ("master_key", "master_key_file", "key_service")
_URLS = ("tracking_uri", "history_uri", "database", "keys")


class Secret(str):
    """Text that is never shown: it prints as stars."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What can be set from outside. Times are in seconds, sizes in bytes."""

    home: Path = Path(".interlock")
    """Where the embedded registry, its artefacts, the package cache and run files live."""
    tracking_uri: str | None = None
    """MLflow tracking and registry URI; unset means SQLite under `home`."""
    history_uri: str | None = None
    """SQLAlchemy URL of the history; unset means the registry's own database, or SQLite under
    `home` when the registry is a server."""
    actor: str | None = None
    """Who acts, for the history; unset means the login name."""

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 9696
    workers: Positive | None = None
    """Worker processes; unset means one a core."""
    body_limit: Positive = 16 * 1024 * 1024
    deadline: Seconds = 10.0
    """Longest time that a request may wait for the engine."""
    queue_limit: Positive = 256
    """Requests that may wait for a threaded engine before the server answers 503."""
    keep_alive: Positive = 75
    """Seconds after which a silent connection is closed; more than balancers keep theirs."""
    drain: Seconds = 10.0
    """How long a worker that was told to stop may finish what it has begun."""
    watch: Seconds = 0.25
    """How often the registry is asked whether an alias has moved."""

    engine: Literal["auto", "inline", "thread"] = "auto"
    """Where inference runs; `auto` decides by a measurement when a model is loaded."""
    engine_threads: Positive = 1
    """ONNX Runtime intra-op threads a worker."""
    inline_limit: Seconds = 0.0005
    """With `engine=auto`: a model whose one-row time is above this runs in a thread."""
    batch_limit: Positive = 64
    """Most rows that natural batching puts together."""

    shadow_queue: Positive = 64
    """Requests that may wait in each worker to be answered by a shadow; more are left out."""
    shadow_deadline: Seconds = 1.0
    """How long after the answer a shadow may be done with a request; later, it is left out."""

    journal: Literal["on", "off"] = "on"
    """Whether every answer is written down before it leaves."""
    journal_home: Path | None = None
    """Where the journal's spool lies; unset means ``journal`` under `home`. One server each."""
    journal_sync: Literal["never", "interval", "always"] = "never"
    """When records reach the disk itself: left to the kernel (survives every crash but the
    machine's), every `journal_interval`, or before the answer leaves."""
    journal_interval: Seconds = 1.0
    journal_when_full: Literal["refuse", "answer"] = "refuse"
    """What becomes of requests that cannot be recorded: 503, or answered and counted."""
    journal_limit: Annotated[int, msgspec.Meta(ge=16384)] = 4 * 1024**3
    """Bytes that the spool may hold of what no sink has taken yet."""
    journal_segment_size: Positive = 64 * 1024**2
    journal_segment_age: Seconds = 60.0
    """A segment that is larger or older than this is closed, and the next one begun."""
    journal_failures: Literal["off", "code", "body"] = "code"
    """What is recorded of requests that were refused or failed."""
    journal_orphan_after: Seconds = 604_800.0
    """How long a label may wait for its prediction before it is reported as an orphan."""
    journal_parquet: Path | None = None
    """Directory of Parquet files by day, beside SQL; unset means none."""
    journal_keep: Seconds | None = None
    """How long predictions, labels and failures are kept in the sinks; unset means for ever."""
    journal_keep_size: Positive | None = None
    """Bytes that each sink may keep before the oldest days go; unset means any number."""
    database: str | None = None
    """SQLAlchemy URL of predictions, labels and failures; unset means SQLite under `home`."""

    master_key: Secret | None = None
    """32 bytes in base64 that data keys are wrapped with; payloads are encrypted when one is
    given here, in `master_key_file` or by `key_service`."""
    master_key_file: Path | None = None
    key_service: str | None = None
    """``module:function`` that returns the wrapping service, for keys that must not leave it."""
    keys: str | None = None
    """URL of the store of data keys; unset means SQLite under `home`. Never back it up together
    with the data: what it forgets must be forgotten."""
    hash_key: Secret | None = None
    """32 bytes in base64 that routing keys and subjects are hashed with; unset means a file under
    `home`, made when first needed."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"

    def spool(self) -> Path:
        """The journal's directory in force."""
        return self.journal_home or self.home / "journal"

    def database_url(self) -> str:
        """The URL of the database in force."""
        return self.database or f"sqlite:///{self.home.resolve() / 'interlock.db'}"

    def registry_uri(self) -> str:
        """The tracking URI in force."""
        return self.tracking_uri or f"sqlite:///{self.home.resolve() / 'registry.db'}"


def read(environment: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Settings from the environment, with `overrides` (those that are not None) on top.

    Raises
    ------
    ConfigurationError
        For the first value that cannot be used; names the variable, the value and what is allowed.

    Examples
    --------
    >>> read({"INTERLOCK_PORT": "8000"}).port
    8000
    >>> read({"INTERLOCK_PORT": "http"})
    Traceback (most recent call last):
    interlock.errors.ConfigurationError: INTERLOCK_PORT='http': Expected `int`, got `str`
    """
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(Settings):
        variable = PREFIX + field.name.upper()
        text = environment.get(variable, "")
        if overrides.get(field.name) is not None:
            values[field.name] = _convert(field, f"{field.name}", overrides[field.name])
        elif field.name in _NEVER_EMPTY and variable in environment and text == "":
            raise ConfigurationError(
                f"{variable} is set, but empty: nothing would be encrypted. Give it a value, or"
                " unset it"
            )
        elif text != "":
            _check_url(field, variable, text)
            values[field.name] = _convert(field, variable, text)
    return Settings(**values)


def unknown(environment: Mapping[str, str] | None = None) -> list[str]:
    """Variables that look like ours and are none: most likely a slip of the pen."""
    environment = os.environ if environment is None else environment
    known = {PREFIX + field.name.upper() for field in msgspec.structs.fields(Settings)}
    return sorted(key for key in environment if key.startswith(PREFIX) and key not in known)


def _check_url(field: msgspec.structs.FieldInfo, variable: str, text: str) -> None:
    """Refuse an address that cannot be read, without a word of it: a password may be in there."""
    if field.name not in _URLS or "://" not in text:
        return
    place = text.partition("://")[2].rpartition("@")[2]
    host = re.split(r"[/?#]", place, maxsplit=1)[0]
    if not re.fullmatch(r"(\[[^\[\]]*\]|[^\[\]:]*)(:\d*)?(,.*)?", host):
        raise ConfigurationError(
            f"{variable} is no URL that can be read: its host or port is wrong (not shown, for a"
            " password may be in it; there, # / ? @ : are written %23 %2F %3F %40 %3A)"
        )


def _convert(field: msgspec.structs.FieldInfo, variable: str, value: Any) -> Any:
    try:
        return msgspec.convert(value, type=field.type, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        hint = _hint(value)
        raise ConfigurationError(f"{variable}={value!r}: {error}{hint}") from None


def _decode(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str | Path):
        return Path(value)
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise NotImplementedError


def _hint(value: Any) -> str:
    # Kubernetes writes NAME_PORT=tcp://… into every pod beside a Service called NAME.
    if re.match(r"^(tcp|udp)://", str(value)):
        return (
            " (Kubernetes sets this for a Service called interlock:"
            " set enableServiceLinks: false, or set the variable yourself)"
        )
    return ""
