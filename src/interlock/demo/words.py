"""Words: what the demonstration says, in a terminal or in a log."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text


class Words:
    """Says things on `console`, in order; a scene has a number."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._scene = 0

    def scene(self, title: str) -> None:
        """Begin a new part of the story."""
        self._scene += 1
        self._say(f"{self._scene}. {title}", "bold")

    def command(self, words: Sequence[str]) -> None:
        """What is run, as a user would type it."""
        self._say(f"   $ {' '.join(repr(word) if ' ' in word else word for word in words)}", "cyan")

    def plain(self, text: str) -> None:
        """A line as it is."""
        self._say(text, "")

    def head(self, text: str) -> None:
        """A line that stands out."""
        self._say(text, "bold")

    def _say(self, text: str, style: str) -> None:
        self.console.print(Text(text, style=style))
