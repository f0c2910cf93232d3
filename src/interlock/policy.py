"""The policy of a model project: `interlock.toml`, typed, refused by name.

It lies beside the training code and goes into version control with it.
"""

from __future__ import annotations

import tomllib
import typing
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from interlock.errors import ConfigurationError

NAME = r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z"
"""What models may be called: it goes into addresses, file names and the registry."""
NAME_RULE = "up to 100 letters, digits, -, _ and ., starting with a letter or digit"

# The description of each type is what a person reads when a value does not fit.
Name: TypeAlias = Annotated[str, Meta(pattern=NAME, description=NAME_RULE)]
Words: TypeAlias = Annotated[str, Meta(description="text in quotes")]
Tolerance: TypeAlias = Annotated[float, Meta(ge=0, le=1, description="a number from 0 to 1")]
OutOfRange: TypeAlias = Annotated[
    Literal["reject", "clip", "flag"], Meta(description='"reject", "clip" or "flag"')
]


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table of the file: its fields are the keys allowed, those without default are needed."""


class Model(Table, frozen=True, kw_only=True):
    """``[model]``: what the model is, for its card."""

    name: Name
    description: Words = ""
    owner: Words = ""
    license: Words = ""
    intended_use: Words = ""
    limitations: Words = ""


class Package(Table, frozen=True, kw_only=True):
    """``[package]``: how strictly it is built."""

    tolerance: Tolerance = 1e-4
    """Largest difference from the original model's answers that a build accepts."""
    out_of_range: OutOfRange = "reject"
    """What happens to a value outside its declared range."""


class Policy(Table, frozen=True, kw_only=True):
    """A whole `interlock.toml`."""

    model: Model
    package: Package = Package()

    def build_options(self) -> dict[str, Any]:
        r"""What the policy decides of a build: keywords of `interlock.package.build`.

        >>> parse('[model]\nname = "ecg"').build_options()["name"]
        'ecg'
        """
        return msgspec.structs.asdict(self.model) | msgspec.structs.asdict(self.package)


def read(path: Path | str = "interlock.toml") -> Policy:
    """The policy in the file at `path`.

    Raises
    ------
    ConfigurationError
        When there is no such file, it is not TOML, or a key is unknown, missing or has a value
        that does not fit; names file and key and says what is allowed.
    """
    path = Path(path)
    try:
        return parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        hint = "`interlock init NAME` writes a project with one"
        raise ConfigurationError(f"no policy file {path}; {hint}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from error


def parse(text: str) -> Policy:
    r"""The policy written in `text`; raises ConfigurationError as `read` does.

    >>> parse('[model]\nname = "ecg"').package.out_of_range
    'reject'
    >>> parse('[model]\nname = "ecg"\nowners = "us"')
    Traceback (most recent call last):
    interlock.errors.ConfigurationError: unknown key model.owners; allowed in [model]: name, ...
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"not TOML: {error}") from error
    return _table(document, Policy, "")


T = typing.TypeVar("T", bound=Table)


def _table(document: dict[str, Any], kind: type[T], where: str) -> T:
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    for key in document:
        if key not in fields:
            place = f"in [{where}]" if where else "at the top"
            raise ConfigurationError(
                f"unknown key {_join(where, key)}; allowed {place}: {', '.join(fields)}"
            )
    for field in fields.values():
        if field.required and field.name not in document:
            raise ConfigurationError(f"{_join(where, field.name)} is missing")
    values = {key: _value(document[key], fields[key].type, _join(where, key)) for key in document}
    return kind(**values)


def _value(value: Any, kind: Any, key: str) -> Any:
    if isinstance(kind, type) and issubclass(kind, Table):
        if not isinstance(value, dict):
            raise ConfigurationError(f"{key} = {value!r}: write it as a table, [{key}]")
        return _table(value, kind, key)
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        allowed = typing.get_args(kind)[-1].description
        raise ConfigurationError(f"{key} = {value!r}; allowed: {allowed}") from None


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key
