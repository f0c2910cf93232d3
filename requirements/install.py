"""Install one locked file into the environment of this interpreter, checking every hash.

    .venv/bin/python requirements/install.py test

uv does it in seconds where pip takes the better part of a minute, so uv is installed first, itself
locked by hash. It is told what pip has been told (mirror, certificate, wheel directory). Where uv
cannot be had or fails, pip does the work.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

LOCKS = Path(__file__).parent
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
UV = [sys.executable, "-m", "uv", "pip"]

# pip's options and the variables through which uv takes the same.
OPTIONS = {
    "cert": "SSL_CERT_FILE",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "index-url": "UV_DEFAULT_INDEX",
    "no-index": "UV_NO_INDEX",
    "timeout": "UV_HTTP_TIMEOUT",
    "trusted-host": "UV_INSECURE_HOST",
}


def uv_variables(pip_config: str) -> dict[str, str]:
    r"""Variables that tell uv what ``pip config list`` says; pip's own order of precedence holds.

    >>> uv_variables("global.index-url='https://a/simple'\n:env:.index-url='https://b/simple'")
    {'UV_DEFAULT_INDEX': 'https://b/simple'}
    """
    lines = [line.partition("=") for line in pip_config.splitlines()]
    told: dict[str, str] = {}
    for section in ("global.", "install.", ":env:."):
        for key, _, value in lines:
            variable = OPTIONS.get(key.removeprefix(section)) if key.startswith(section) else None
            if variable:
                told[variable] = " ".join(value.strip("'\"").replace("\\n", " ").split())
    return told


def main() -> None:
    """Install the lock that the command line names, then Interlock itself as an editable."""
    uv_here = _run(PIP, ["install", "--require-hashes", "-r", str(LOCKS / "uv.txt")])
    for arguments in (
        ["install", "--require-hashes", "-r", str(LOCKS / f"{sys.argv[1]}.txt")],
        ["install", "--no-deps", "--no-build-isolation", "-e", str(LOCKS.parent)],
    ):
        here = ["--python", sys.executable]  # else an activated environment elsewhere wins
        if uv_here and _run(UV, [*arguments, *here], uv_variables(_pip_config())):
            continue
        print("uv could not do this; pip will, in a minute or so", file=sys.stderr)
        if not _run(PIP, arguments):
            sys.exit(1)


def _run(tool: list[str], arguments: list[str], variables: dict[str, str] | None = None) -> bool:
    command = [*tool, *arguments, "--quiet"]
    return subprocess.run(command, check=False, env=(variables or {}) | os.environ).returncode == 0


def _pip_config() -> str:
    listing = subprocess.run(
        [*PIP, "config", "list"], check=True, stdout=subprocess.PIPE, text=True
    )
    return listing.stdout


if __name__ == "__main__":
    main()
