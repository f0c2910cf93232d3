"""The signal that ends a trial which is not worth finishing."""

from __future__ import annotations


class Pruned(Exception):  # noqa: N818 - nothing went wrong; it tells the search to go on
    """Raised by `report` inside the project's `fit`, and by the project itself where parameters
    make no sense together. The search counts the trial as finished and tries others.
    """
