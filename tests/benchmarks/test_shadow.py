"""The benchmark of shadows demands what it says."""

from __future__ import annotations

import pytest
import shadow
from msgspec.structs import replace
from shadow import ALONE, SAME, SLOW, STUCK, Run

QUIET = Run(requests=100, failed=0, p50=0.0002, p99=0.001, busy=0.2, outcomes={})


@pytest.mark.parametrize("name", [SAME, SLOW, STUCK])
@pytest.mark.parametrize("change", [{"p50": 0.00024}, {"p99": 0.0021}, {"failed": 1}])
def test_each_figure_of_each_shadow_can_miss_its_bar(name: str, change: dict[str, float]) -> None:
    """A benchmark that cannot fail proves nothing."""
    figures = {kind: [QUIET] for kind in (ALONE, SAME, SLOW, STUCK)}
    assert all(bar.met for bar in shadow.demands(figures))
    figures[name] = [replace(QUIET, **change)]
    assert [bar.met for bar in shadow.demands(figures)].count(False) == 1
