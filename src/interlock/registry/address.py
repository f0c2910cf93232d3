"""Addresses of registries, as they may be shown: without the password."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import unquote, urlsplit

_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_IN_QUERY = re.compile(r"([?&](?:password|token)=)[^&\s]+", re.IGNORECASE)


def safe(uri: str) -> str:
    """`uri` with its password as stars.

    >>> safe("postgresql://ann:s3cret@db/interlock")
    'postgresql://ann:***@db/interlock'
    """
    return scrub(uri, uri)


def scrub(text: str, uri: str) -> str:
    """`text` with the password of `uri` as stars, however it is written there."""
    secret = _password(uri)
    for written in {secret, unquote(secret)} - {""}:
        text = text.replace(f":{written}@", ":***@")
    return _IN_QUERY.sub(r"\1***", text)


def is_database(uri: str) -> bool:
    """Whether MLflow keeps its tables in a database at `uri`, so that ours can be beside them."""
    return urlsplit(uri).scheme.split("+")[0] in _DATABASES


def is_sqlite(uri: str) -> bool:
    """Whether `uri` is the embedded database."""
    return urlsplit(uri).scheme.split("+")[0] == "sqlite"


def key(uri: str) -> str:
    """Short name for what belongs to one registry; a new password does not change it."""
    return hashlib.sha256(safe(uri).encode()).hexdigest()[:16]


def _password(uri: str) -> str:
    try:
        return urlsplit(uri).password or ""
    except ValueError:
        return ""
