"""Logging: one line an event on standard error, for people or as ECS JSON."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from interlock.settings import Settings

_ECS_NAMES = {"level": "log.level", "event": "message", "timestamp": "@timestamp"}


def configure(settings: Settings) -> None:
    """Set up structlog once a process, by the settings `log_level` and `log_format`."""
    level = logging.getLevelName(settings.log_level.upper())
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if settings.log_format == "json":
        processors += [
            structlog.processors.format_exc_info,
            _ecs,
            structlog.processors.JSONRenderer(),
        ]
    else:
        # A traceback without local variables: those hold what callers sent.
        plain = structlog.dev.plain_traceback
        colors = sys.stderr.isatty()
        processors.append(structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain))
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # Looked up at each line: whoever redirects standard error later means the log as well.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )


def _ecs(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Elastic Common Schema field names."""
    named = {_ECS_NAMES.get(key, key): value for key, value in event.items()}
    if "exception" in named:
        named["error.stack_trace"] = named.pop("exception")
    return {**named, "ecs.version": "8.11.0", "service.name": "interlock"}
