"""``python -I -m interlock.gates.tether PARENT MODULE …``: a module that ends with its parent.

A gate ends its servers when it is done. One that is killed cannot; then the kernel tells them.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1


def command(module: str, *arguments: str) -> list[str]:
    """What starts `module` so that it is told to end (SIGTERM) when this process is no more."""
    tether = [sys.executable, "-I", "-m", "interlock.gates.tether", str(os.getpid())]
    return [*tether, module, *arguments]


def main(arguments: Sequence[str]) -> None:
    """Run the module in this process; the tether holds through every `exec`, too."""
    parent, module, *rest = arguments
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):  # it died before that could be said
        sys.exit(1)
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
