"""The table of labels: when a prediction counts, and what is counted."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from interlock.policy.table import Table
from interlock.policy.values import Seconds, Unit


class Labels(Table, frozen=True, kw_only=True):
    """When a prediction counts as judged, and what counts as one."""

    maturity: Annotated[
        Seconds,
        Meta(
            description="How long after its prediction a label may still come or be corrected."
            " Until then the prediction is not counted: labels that come early are no fair sample."
        ),
    ] = 0.0
    unit: Annotated[
        Unit,
        Meta(
            description="What is independent of each other: row, the rows of one request"
            " together as one; or key, all rows of one routing key, such as a patient."
        ),
    ] = "row"
