"""The database of our own records, by its SQLAlchemy URL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from interlock.errors import ConfigurationError, RegistryError
from interlock.registry import address

_CONNECT: dict[str, dict[str, Any]] = {
    "sqlite": {"timeout": 20},
    "postgresql": {"connect_timeout": 5},
}


class Database:
    """The database at one URL. Connects when first used.

    It is MLflow's own when the tracking URI is one. A tracking server has no place where nothing
    can be overwritten (its tags can, and it offers no compare-and-set, so two writers would lose
    a line); behind one, it is a SQLite file under the home directory and tells what was done from
    there, and what was noticed from there.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def probe(self) -> None:
        """Connect once, to find out in seconds whether the database is there at all."""
        with self.translated(), self.engine.connect():
            pass

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    @cached_property
    def engine(self) -> sa.Engine:
        """SQLAlchemy's engine; RegistryError when there is no driver for the URL."""
        with self.translated():
            dialect = sa.make_url(self.url).get_backend_name()
            return sa.create_engine(self.url, connect_args=_CONNECT.get(dialect, {}))

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn the database's errors into RegistryError, which names it without the password."""
        try:
            yield
        except ValueError:
            raise ConfigurationError(
                f"the database {address.safe(self.url)} is no URL that can be read"
            ) from None
        except (SQLAlchemyError, ImportError) as error:
            reason = str(error.orig if isinstance(error, DBAPIError) else error)
            where = address.safe(self.url)
            text = address.scrub(reason, self.url).strip()
            raise RegistryError(f"the database {where} cannot be used: {text}") from None
