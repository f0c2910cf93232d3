"""The same registry tests against everything that MLflow can keep a registry in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from interlock.evidence.verdict import Verdict
from interlock.registry import Evidence, Registry, Version
from interlock.settings import Settings

ELSEWHERE = {
    "postgresql": "INTERLOCK_TEST_POSTGRES",
    "server": "INTERLOCK_TEST_MLFLOW",
}
"""Variables with a SQLAlchemy URL of PostgreSQL, and with the address of a tracking server."""


def address(kind: str) -> str:
    """Where the registry of this kind is; skips the test when nobody provides one."""
    variable = ELSEWHERE[kind]
    if variable not in os.environ:
        pytest.skip(f"{variable} is not set")
    return os.environ[variable]


@pytest.fixture(params=["sqlite", *ELSEWHERE])
def settings(request: pytest.FixtureRequest, home: Path) -> Settings:
    """Settings of a registry of each kind, in which Ann acts."""
    uri = None if request.param == "sqlite" else address(request.param)
    return Settings(home=home, tracking_uri=uri, actor="ann")


@pytest.fixture
def any_registry(settings: Settings) -> Iterator[Registry]:
    """A registry of each kind. Those elsewhere are shared: use `name`."""
    registry = Registry(settings)
    yield registry
    registry.close()


@pytest.fixture
def name() -> str:
    """A model's name that no other test uses."""
    return f"ecg-{uuid4().hex[:12]}"


Judge = Callable[..., list[Evidence]]


@pytest.fixture
def judge(any_registry: Registry) -> Judge:
    """Record what one run of gates found about a version: each of `verdicts`, by its gate."""
    usual = {"staging": ["parity"], "champion": ["parity", "champion"]}

    def judge(
        version: Version,
        against: str | None = None,
        *,
        policy: str = "sha256:p",
        needs: dict[str, list[str]] = usual,
        **verdicts: Verdict,
    ) -> list[Evidence]:
        return any_registry.record(
            [
                Evidence(
                    name=version.name,
                    version=version.version,
                    digest=version.digest,
                    champion=against,
                    compares=gate == "champion",
                    gate=gate,
                    verdict=verdict,
                    sentence=f"{gate} says so.",
                    figures={"low": 0.1, "by": [{"class": "normal", "rows": 3}]},
                    holdout="sha256:h",
                    alpha=0.1 / 3,
                    policy=policy,
                    needs=needs,
                    run=uuid4().hex,
                )
                for gate, verdict in verdicts.items()
            ]
        )

    return judge
