"""Who acts: what records name as the one who did something."""

from __future__ import annotations

import getpass

from interlock.errors import ConfigurationError
from interlock.settings import Settings


def actor(settings: Settings) -> str:
    """The actor that `settings` name, else the login name.

    Raises
    ------
    ConfigurationError
        When nobody is logged in and none is named.
    """
    if settings.actor:
        return settings.actor
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise ConfigurationError(
            "nobody is logged in here, so the history would not say who did this:"
            " set INTERLOCK_ACTOR"
        ) from None
