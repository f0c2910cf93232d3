"""The table of the journal: whom a record is about."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from interlock.policy.table import Table
from interlock.policy.values import MaybeColumn


class Journal(Table, frozen=True, kw_only=True):
    """Whom a recorded answer is about, so that it can be erased."""

    subject: Annotated[
        MaybeColumn,
        Meta(
            description="Input that names the subject, such as a patient; only its hash is"
            " recorded. Empty: the header Interlock-Subject says it, or else the routing key."
        ),
    ] = ""
