"""Databases for tests: SQLite, and PostgreSQL where the environment names a server."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

SERVER = "INTERLOCK_TEST_POSTGRES"
"""Variable with the SQLAlchemy URL of a PostgreSQL server: see .ci/services."""


@contextmanager
def fresh(kind: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database of its own; skips the test when there is no such server."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'interlock.db'}"
        return
    if SERVER not in os.environ:
        pytest.skip(f"{SERVER} is not set")
    name = f"interlock_{uuid4().hex}"
    server = sa.create_engine(os.environ[SERVER], isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    try:
        url = server.url.set(database=name)
        yield url.render_as_string(hide_password=False)
    finally:
        with server.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        server.dispose()


class Postgres:
    """A PostgreSQL server of one test, to be stopped and started as it likes."""

    def __init__(self) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
        if not found or os.getuid() != 0:
            pytest.skip("no PostgreSQL here that this user may start")
        self._programs = found[-1].parent
        self._folder = Path(tempfile.mkdtemp(prefix="interlock-postgres-"))
        self._server: subprocess.Popen[bytes] | None = None
        shutil.chown(self._folder, "postgres", "postgres")
        self._run("initdb", "-D", "data", "-A", "trust", "-U", "postgres", "-N").wait()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        """Start it, and wait until it lets callers in."""
        options = ("-h", "127.0.0.1", "-p", str(self._port), "-k", str(self._folder))
        self._server = self._run("postgres", "-D", "data", *options, "-c", "fsync=off")
        ready = ("pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self._port))
        for _ in range(200):
            if self._run(*ready).wait() == 0:
                return
            time.sleep(0.05)
        raise AssertionError("PostgreSQL does not start")

    def stop(self) -> None:
        """Stop it at once: whoever is connected is cut off."""
        if self._server is not None:
            self._server.send_signal(signal.SIGINT)
            self._server.wait()
            self._server = None

    def remove(self) -> None:
        """Stop it, and leave nothing behind."""
        self.stop()
        shutil.rmtree(self._folder)

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        as_postgres = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups")
        return subprocess.Popen(
            [*as_postgres, str(self._programs / program), *arguments],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
