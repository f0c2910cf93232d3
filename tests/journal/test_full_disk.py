"""A spool on a disk with not one byte left: it is shipped, and so there is room again."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from interlock.errors import SpoolError
from interlock.journal import segments, shipper, status
from interlock.settings import Settings

from .disks import fill, mounted
from .spooled import answer, kept, name, shipping, until, write


def test_a_full_spool_disk_is_shipped_empty(tmp_path: Path) -> None:
    """A shipper starts there, and every sink gets on, though nothing can be written beside."""
    with mounted(tmp_path / "disk", "size=1m") as disk:
        settings = Settings(
            home=tmp_path / "home",
            journal_home=disk,
            journal_parquet=tmp_path / "parquet",
            drain=3.0,
        )
        with shipping(settings):
            until(lambda: status.read(disk) is not None)
        write(disk, *map(answer, range(10)))
        fill(disk)
        assert os.statvfs(disk).f_bavail == 0
        with shipping(settings):
            until(lambda: segments.listed(disk) == [])
        assert kept(settings) == [name(number) for number in range(10)]
        assert sorted(pd.read_parquet(tmp_path / "parquet")["id"]) == kept(settings)


def test_a_journal_that_is_new_on_a_full_disk_says_so(tmp_path: Path) -> None:
    """Its name has no room: that is told in words, and nothing half is left behind."""
    with mounted(tmp_path / "disk", "size=64k") as disk:
        fill(disk)
        with pytest.raises(SpoolError, match="No space left"):
            shipper.identity(disk)
        assert [path.name for path in disk.iterdir()] == ["ballast"]
