"""Addresses of registries and databases, as they may be shown: without the password.

Passwords are hidden however they are written, also where that makes no URL. When in doubt more is
hidden than has to be.
"""

from __future__ import annotations

import hashlib
import re
from urllib.parse import unquote, urlsplit

_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_NAMED = re.compile(
    r"(\b\w*(?:password|passwd|passphrase|pwd|token|secret)\w*\s*=\s*)('[^']*'|[^&;\s]+)",
    re.IGNORECASE,
)
_PASSWORD = re.compile(r"^((?>(?:[\w+.-]+:/+)?)[^:@]*):(.*)@", re.DOTALL)
_BEHIND = re.compile(r"[#/?@:\[\]]")
_LONG = 4  # characters from which a part of a password is hidden wherever it stands


def safe(uri: str) -> str:
    """`uri` with its password as stars.

    >>> safe("postgresql://ann:s3cret@db/interlock")
    'postgresql://ann:***@db/interlock'
    >>> safe("postgresql://ann:s3#cr?et@db/interlock?sslpassword=other")
    'postgresql://ann:***@db/interlock?sslpassword=***'
    """
    scheme, mark, _ = uri.partition("://")
    if mark and not _is_readable(uri) and not _password(uri):
        return f"{scheme}://***"
    return _NAMED.sub(r"\1***", _PASSWORD.sub(r"\1:***@", uri))


def scrub(text: str, uri: str) -> str:
    """`text` with the password of `uri` as stars, however much of it is written there."""
    text = text.replace(uri, safe(uri))
    secret = _password(uri)
    for written in {secret, unquote(secret)} - {""}:
        text = text.replace(f":{written}@", ":***@")
    for part in sorted(_parts(secret), key=len, reverse=True):
        text = text.replace(part, "***")
    return _NAMED.sub(r"\1***", text)


def is_database(uri: str) -> bool:
    """Whether MLflow keeps its tables in a database at `uri`, so that ours can be beside them."""
    return _scheme(uri) in _DATABASES


def is_sqlite(uri: str) -> bool:
    """Whether `uri` is the embedded database."""
    return _scheme(uri) == "sqlite"


def key(uri: str) -> str:
    """Short name for what belongs to one registry; a new password does not change it."""
    return hashlib.sha256(safe(uri).encode()).hexdigest()[:16]


def _scheme(uri: str) -> str:
    return uri.partition(":")[0].partition("+")[0].lower()


def _password(uri: str) -> str:
    """Whatever stands between the user and the last @."""
    found = _PASSWORD.match(uri)
    return found[2] if found else ""


def _parts(secret: str) -> set[str]:
    """The password, and what others may take for a host or a port when they read it wrongly."""
    pieces = {part for whole in (secret, unquote(secret)) for part in _BEHIND.split(whole)}
    return {part for part in (*pieces, secret, unquote(secret)) if len(part) >= _LONG}


def _is_readable(uri: str) -> bool:
    try:
        return urlsplit(uri).port is None or True
    except ValueError:
        return False
