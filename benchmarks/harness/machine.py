"""What the figures depend on: the machine, its software, and who else is using it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from pathlib import Path

import msgspec

PACKAGES = ("fastapi", "flask", "gunicorn", "mosec", "numpy", "onnxruntime", "uvicorn", "uvloop")
QUIET = 0.1
"""Cores that others may use before figures are called into doubt."""


class Machine(msgspec.Struct, frozen=True):
    """The machine as it was just before measuring."""

    cores: int
    processor: str
    python: str
    packages: dict[str, str]
    busy_cores: float

    @property
    def quiet(self) -> bool:
        return self.busy_cores <= QUIET


def look() -> Machine:
    """Describe this machine; takes two seconds, to see who else is working."""
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        processor=_processor(),
        python=platform.python_version(),
        packages={name: importlib.metadata.version(name) for name in PACKAGES},
        busy_cores=round(_busy_cores(2.0), 2),
    )


def _busy_cores(seconds: float) -> float:
    before = _busy_seconds()
    time.sleep(seconds)
    return (_busy_seconds() - before) / seconds


def _busy_seconds() -> float:
    """Processor time of all cores since start-up, without idling and waiting for disks."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    idle = ticks[3] + ticks[4]
    return (sum(ticks) - idle) / os.sysconf("SC_CLK_TCK")


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
