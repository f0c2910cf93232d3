"""MLflow's own settings: quiet and quick unless the user says otherwise."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from interlock.registry import environment


@pytest.fixture(autouse=True)
def _levels() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    before = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


def test_usage_data_is_not_sent_and_waits_are_short() -> None:
    """Telemetry is off, and a server that is away is given up after seconds."""
    variables: dict[str, str] = {}
    environment.prepare(variables)
    assert variables["MLFLOW_DISABLE_TELEMETRY"] == "true"
    tries = int(variables["MLFLOW_HTTP_REQUEST_MAX_RETRIES"]) + 1
    assert tries * int(variables["MLFLOW_HTTP_REQUEST_TIMEOUT"]) <= 30


def test_what_the_user_set_stays() -> None:
    """Our values are defaults, not decisions."""
    variables = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "300", "MLFLOW_LOGGING_LEVEL": "debug"}
    environment.prepare(variables)
    assert variables["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "300"
    assert logging.getLogger("mlflow").level == logging.DEBUG


def test_every_variable_is_one_that_mlflow_reads() -> None:
    """A variable that MLflow renamed would leave its chatter on."""
    from mlflow import environment_variables

    assert {name for name in environment.DEFAULTS if not hasattr(environment_variables, name)} == (
        set()
    )
