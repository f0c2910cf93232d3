"""What MLflow reads from the environment, with the defaults that we want. Yours come first.

Call `prepare` before MLflow is imported: it reads most of this at import and never again.
"""

from __future__ import annotations

import logging
import os
from collections.abc import MutableMapping

DEFAULTS = {
    # Nobody asked the user whether usage data may be sent.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # A server that is down should say so in seconds; MLflow's own defaults add up to minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    # Bars, links with emoji and log lines of MLflow's own would end up between ours.
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
}

HASTE = {
    # Rollouts wait for whoever looks at all of them, and the next look comes in a second.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "3",
}
"""Defaults of a process that asks again and again, and must not be held by one answer."""


def hasten() -> None:
    """Wait for a registry no longer than a few seconds; to be called before `prepare`."""
    for variable, value in HASTE.items():
        os.environ.setdefault(variable, value)


def prepare(environment: MutableMapping[str, str] | None = None) -> None:
    """Set every default that the user has not set."""
    environment = os.environ if environment is None else environment
    for variable, value in DEFAULTS.items():
        environment.setdefault(variable, value)
    level = environment["MLFLOW_LOGGING_LEVEL"].upper()
    # Alembic tells of each of MLflow's fifty migrations; the logger may be configured already
    # when somebody else imported MLflow first.
    for logger in ("mlflow", "alembic"):
        logging.getLogger(logger).setLevel(level)
