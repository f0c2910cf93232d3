"""Processes that end with their parent, whatever ends that: the kernel tells them.

A process that starts others ends them when it is done. One that is killed cannot.
``python -I -m interlock.tether PARENT MODULE …`` runs a module so.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1


def hold(parent: int) -> bool:
    """Have this process told to end (SIGTERM) when `parent` is no more; False when it is gone.

    The tether holds through every `exec`, too; a process forked from this one is not on it.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    return os.getppid() == parent  # it may have died before that could be said


def command(module: str, *arguments: str) -> list[str]:
    """What starts `module` in a process that ends with this one."""
    tether = [sys.executable, "-I", "-m", "interlock.tether", str(os.getpid())]
    return [*tether, module, *arguments]


def main(arguments: Sequence[str]) -> None:
    """Run the module in this process."""
    parent, module, *rest = arguments
    if not hold(int(parent)):
        sys.exit(1)
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
