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

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"

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
        elif text != "":
            values[field.name] = _convert(field, variable, text)
    return Settings(**values)


def unknown(environment: Mapping[str, str] | None = None) -> list[str]:
    """Variables that look like ours and are none: most likely a slip of the pen."""
    environment = os.environ if environment is None else environment
    known = {PREFIX + field.name.upper() for field in msgspec.structs.fields(Settings)}
    return sorted(key for key in environment if key.startswith(PREFIX) and key not in known)


def _convert(field: msgspec.structs.FieldInfo, variable: str, value: Any) -> Any:
    try:
        return msgspec.convert(value, type=field.type, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        hint = _hint(value)
        raise ConfigurationError(f"{variable}={value!r}: {error}{hint}") from None


def _decode(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str | Path):
        return Path(value)
    raise NotImplementedError


def _hint(value: Any) -> str:
    # Kubernetes writes NAME_PORT=tcp://… into every pod beside a Service called NAME.
    if re.match(r"^(tcp|udp)://", str(value)):
        return (
            " (Kubernetes sets this for a Service called interlock:"
            " set enableServiceLinks: false, or set the variable yourself)"
        )
    return ""
