"""Functions of a model project, named as ``module:function`` in its policy."""

from __future__ import annotations

import importlib
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from interlock.errors import ConfigurationError

_REFERENCE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_SEEN: set[Path] = set()
"""Folders whose modules were imported here."""


def is_reference(text: str) -> bool:
    """Whether `text` names a function, as opposed to a file.

    >>> is_reference("train:load"), is_reference("data/beats.parquet")
    (True, False)
    """
    return _REFERENCE.fullmatch(text) is not None


def function(reference: str, folder: Path, key: str) -> Callable[..., Any]:
    """The function that `reference` names, from the project in `folder`.

    It finds the project's own modules whenever it is called, also those that it imports only then.
    An error inside the project's code is let through as it is: its traceback says where.

    Parameters
    ----------
    key
        The key of the policy that names it, for the message.

    Raises
    ------
    ConfigurationError
        When there is no such module or function.
    """
    if not is_reference(reference):
        raise ConfigurationError(
            f'{key} = "{reference}" names no function: write "module:function", as in "train:fit"'
        )
    module_name, _, name = reference.partition(":")
    with imports(folder):
        module = _module(module_name, folder, key)
    found = getattr(module, name, None)
    if not callable(found):
        raise ConfigurationError(f'{key} = "{reference}": {module.__file__} has no function {name}')
    return _at_home(found, folder)


def blame(error: Exception) -> str | None:
    """Where in a project's own code `error` arose, as ``train.py, line 12``.

    "" when it arose at the call itself, None when no function of a project was being called. What
    a library raised is laid at the line of the project that asked for it.
    """
    frames = traceback.extract_tb(error.__traceback__)
    ours = [place for place, frame in enumerate(frames) if frame.filename == _HERE]
    if not ours:
        return None
    beyond = [one for one in frames[ours[-1] + 1 :] if not _of_import(one.filename)]
    if not beyond:
        return ""
    # The first is the project's: its function, or the module that could not be imported.
    home = Path(beyond[0].filename).parent
    last = [one for one in beyond if Path(one.filename).parent == home][-1]
    return f"{Path(last.filename).name}, line {last.lineno}"


def _of_import(filename: str) -> bool:
    return filename == importlib.__file__ or filename.startswith("<frozen importlib")


@contextmanager
def imports(folder: Path) -> Iterator[None]:
    """Makes the modules in `folder` importable until the block ends."""
    place = folder.resolve()
    _forget_others(place)
    _SEEN.add(place)
    sys.path.insert(0, str(place))
    try:
        yield
    finally:
        sys.path.remove(str(place))


def _module(name: str, folder: Path, key: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # A library that the project itself cannot find is told as Python tells it.
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise ConfigurationError(
            f"{key}: there is no module {name!r} in {folder} (no {name.replace('.', '/')}.py)"
        ) from None


def _at_home(call: Callable[..., Any], folder: Path) -> Callable[..., Any]:
    def called(*arguments: Any, **named: Any) -> Any:
        with imports(folder):
            return call(*arguments, **named)

    # So that whoever asks for its parameters is told those of the project's function.
    called.__wrapped__ = call  # type: ignore[attr-defined]
    return called


def _forget_others(folder: Path) -> None:
    """Forget modules of other projects, and those with the name of one in `folder`: every project
    has a `train`.
    """
    own = {path.stem for path in folder.glob("*.py")}
    own |= {path.parent.name for path in folder.glob("*/__init__.py")}
    own -= sys.stdlib_module_names
    for name, module in list(sys.modules.items()):
        places = Path(getattr(module, "__file__", None) or "/").parents
        if folder not in places and (name.partition(".")[0] in own or _SEEN.intersection(places)):
            del sys.modules[name]


_HERE = _at_home.__code__.co_filename
