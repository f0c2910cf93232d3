"""What is logged of an error: never what a caller sent."""

from __future__ import annotations

import re
import traceback

_NODE = re.compile(r" while running \w+ node")  # ONNX Runtime's own words, no caller's


def outline(error: BaseException) -> str:
    """Where an error came from, without its message: that may quote what a caller sent."""
    lines = []
    causes = [error]
    while cause := causes[-1].__cause__ or causes[-1].__context__:
        causes.append(cause)
    for cause in reversed(causes):
        lines += traceback.format_tb(cause.__traceback__)
        node = _NODE.search(str(cause))
        lines.append(f"{type(cause).__name__}{node[0] if node else ''}\n")
    return "".join(lines).rstrip()
