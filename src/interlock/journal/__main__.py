"""`python -m interlock.journal`: ships the journal that the environment's settings name.

A server runs this beside its workers, so that neither it nor they carry a database driver. It ends
on SIGTERM, when everything is shipped that can be.
"""

from __future__ import annotations

import os
import signal
import sys

from interlock import log, settings
from interlock.errors import InterlockError
from interlock.journal.shipper import Shipper

_NICENESS = 10  # answering comes first; with less it would sit on locks that others wait for


def main() -> None:
    """Ship until told to stop."""
    current = settings.read()
    log.configure(current)
    os.nice(_NICENESS)
    shipper = Shipper(current)
    for call in (signal.SIGTERM, signal.SIGINT):
        signal.signal(call, lambda *_: shipper.stop())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # Only now: whoever started it may have blocked them until it listens.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())
    shipper.run()


if __name__ == "__main__":
    try:
        main()
    except InterlockError as error:
        print(f"interlock: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
