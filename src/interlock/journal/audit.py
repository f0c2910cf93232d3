"""The audit log: what was done to keys, data and tables, by whom and why; never any payload.

Acts are chained by hashes. Promotions and rollbacks have been on record in such chains all along:
the registry's. How long each chain was when it was last seen is kept in a file beside, so that
somebody who cuts off the newest lines is found out, too.
"""

from __future__ import annotations

import platform
from contextlib import closing, suppress
from typing import Any

import msgspec
import sqlalchemy as sa

from interlock.errors import InterlockError, KeyStoreError
from interlock.journal import keys
from interlock.journal.hashing import Hasher
from interlock.journal.heads import Heads
from interlock.registry import address, moment
from interlock.registry.actor import actor
from interlock.registry.chain import Link
from interlock.registry.connection import Connection
from interlock.registry.database import Database
from interlock.registry.entry import Entry
from interlock.registry.log import Log
from interlock.settings import Settings
from interlock.state import database

CHAIN = "acts"
"""The one chain of the audit log."""

TABLE = sa.Table(
    "interlock_audit",
    sa.MetaData(),
    sa.Column("name", sa.String(16), primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("act", sa.String(64), nullable=False),
    sa.Column("about", sa.Text, nullable=False),
    sa.Column("details", sa.JSON, nullable=False),
    sa.Column("actor", sa.String(255), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("moment", sa.String(32), nullable=False),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)


class Act(Link, frozen=True, kw_only=True):
    """One thing that was done: `act` to what `about` names; `details` are figures."""

    name: str = CHAIN
    act: str
    about: str
    details: dict[str, Any] = {}  # noqa: RUF012 - msgspec copies it
    actor: str
    reason: str = ""
    moment: str


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of what people read: an act, or a move of an alias."""

    moment: str
    actor: str
    act: str
    about: str
    reason: str
    details: dict[str, Any] = {}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What became of checking one chain: `problem` is empty when every line is what it was.

    `compared` says whether its length was known from an earlier look.
    """

    chain: str
    lines: int
    compared: bool
    problem: str = ""


class Audit:
    """The audit log of what `settings` name; `close` it. Raises RegistryError from its database."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        url = database.connect(settings).url.render_as_string(hide_password=False)
        self._database = Database(url)
        self._acts = Log(self._database, TABLE, Act, "audit log")
        self._registry = Connection(settings)
        self._heads = Heads(settings.home / "audit.head", Hasher(settings))

    def close(self) -> None:
        """Give database connections back."""
        self._database.close()
        self._registry.close()

    def record(self, act: str, about: str, reason: str = "", **details: Any) -> Act:
        """Put an act on record; returns it as it was written."""
        who = actor(self._settings)
        while True:
            written = self._acts.append(
                Act(
                    sequence=len(self._acts.entries(CHAIN)) + 1,
                    act=act,
                    about=about,
                    details=details,
                    actor=who,
                    reason=reason.strip(),
                    moment=moment.now(),
                )
            )
            if written is not None:
                head = (written.sequence, written.hash)
                self._heads.advance({self._acts.place(CHAIN): head}, begin=False)
                # What is on record stays so: without the count only a cut is seen less well.
                with suppress(KeyStoreError):
                    self._count(written.sequence)
                return written

    def _count(self, lines: int) -> None:
        """Have the key store know how long the log is, where there is one."""
        if keys.there(self._settings):
            with closing(keys.opened(self._settings)) as store:
                store.reach(self._counter, lines)

    def _counted(self) -> int:
        if not keys.there(self._settings):
            return 0
        with closing(keys.opened(self._settings)) as store:
            return store.reached(self._counter)

    @property
    def _counter(self) -> str:
        return f"audit {address.key(self._database.url)}"

    def lines(self) -> list[Line]:
        """Acts and moves of aliases, oldest first. Chains are not checked."""
        found = [_act(act) for act in self._acts.entries(CHAIN)]
        for log in self._registry.logs()[:1]:
            for name in log.names():
                found += [_move(entry) for entry in log.entries(name) if entry.settled_state]
        return sorted(found, key=lambda line: line.moment)

    def verify(self, *, first: bool = False) -> list[Finding]:
        """Check every line of every chain; what is sound is the measure for the next time.

        `first` takes a log that this machine has never seen as it is, and says so in it. Without,
        a log with lines whose length nobody here knows is a problem: the file was removed.


        Raises
        ------
        KeyStoreError
            When the file with the lengths was changed, or was sealed with another hash key.
        """
        known = self._heads.read()
        if first and self._acts.place(CHAIN) not in known:
            self.record("audit first seen", f"audit log on {platform.node()}")
        counted = self._counted()
        logs = (self._acts, *self._registry.logs())
        findings, heads = [], {}
        for log in logs:
            places = {log.place(name): name for name in log.names()}
            emptied = {key: key.removeprefix(log.place("")) for key in known if _is_of(key, log)}
            for key, name in (emptied | places).items():
                finding, head = _check(log, name, known.get(key))
                if log is self._acts and not finding.problem:
                    problem = _unseen(finding, counted, first=first)
                    finding = msgspec.structs.replace(finding, problem=problem)
                findings.append(finding)
                if not finding.problem:
                    heads[key] = head
        self._heads.advance(heads)
        return findings


def _unseen(finding: Finding, counted: int, *, first: bool) -> str:
    """What is wrong with the audit log that its own lines do not show."""
    if finding.lines < counted:
        return (
            f"it had {counted} lines by the key store and has {finding.lines}:"
            f" line {finding.lines + 1} is missing, and audit.head is older than that"
        )
    if finding.lines and not finding.compared and not first:
        return (
            f"audit.head says nothing of its {finding.lines} lines: it was removed, or this machine"
            " has never seen them. If so, check by --first"
        )
    return ""


def record(settings: Settings, act: str, about: str, reason: str = "", **details: Any) -> None:
    """Put one act on record, and close the log again."""
    audit = Audit(settings)
    try:
        audit.record(act, about, reason, **details)
    finally:
        audit.close()


def _check(
    log: Log[Any], name: str, head: tuple[int, str] | None
) -> tuple[Finding, tuple[int, str]]:
    """What became of one chain, and how far it goes."""
    title = f"{log.title} of {name}" if name != CHAIN else log.title
    try:
        entries = log.verified(name)
    except InterlockError as error:
        return Finding(chain=title, lines=0, compared=head is not None, problem=str(error)), (0, "")
    problem = _cut([entry.hash for entry in entries], head) if head else ""
    finding = Finding(chain=title, lines=len(entries), compared=head is not None, problem=problem)
    return finding, (len(entries), entries[-1].hash if entries else "")


def _cut(hashes: list[str], head: tuple[int, str]) -> str:
    count, last = head
    if len(hashes) < count:
        return f"it had {count} lines and has {len(hashes)}: line {len(hashes) + 1} is missing"
    if hashes[count - 1] != last:
        return f"line {count} is not the one that was seen there: the chain was written anew"
    return ""


def _is_of(key: str, log: Log[Any]) -> bool:
    return key.startswith(log.place(""))


def _act(act: Act) -> Line:
    return Line(
        moment=act.moment,
        actor=act.actor,
        act=act.act,
        about=act.about,
        reason=act.reason,
        details=act.details,
    )


def _move(entry: Entry) -> Line:
    there = "taken away" if entry.number is None else f"{entry.name}:{entry.version}"
    forced = " (forced)" if entry.forced else ""
    return Line(
        moment=entry.moment,
        actor=entry.actor or "unknown (moved without Interlock)",
        act=f"{entry.move}{forced}" if entry.event == "moved" else "noticed",
        about=f"{entry.name}@{entry.alias}: {there}",
        reason=entry.reason or "",
    )
