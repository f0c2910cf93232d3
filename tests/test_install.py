"""requirements/install.py: uv is told what pip has been told."""

from __future__ import annotations

import pytest

from requirements.install import uv_variables


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("", {}),
        ("global.index-url='https://a/simple'", {"UV_DEFAULT_INDEX": "https://a/simple"}),
        ("install.index-url='b'\nglobal.index-url='a'", {"UV_DEFAULT_INDEX": "b"}),
        (":env:.index-url='c'\ninstall.index-url='b'", {"UV_DEFAULT_INDEX": "c"}),
        (":env:.find-links='/wheels'", {"UV_FIND_LINKS": "/wheels"}),
        (r"global.extra-index-url='\nhttps://a\nhttps://b'", {"UV_INDEX": "https://a https://b"}),
        (":env:.disable-pip-version-check='1'\nlist.index-url='d'", {}),
    ],
)
def test_uv_takes_over_the_mirror_that_pip_was_told_of(said: str, told: dict[str, str]) -> None:
    """Machines that reach packages only through a mirror install with uv as they do with pip."""
    assert uv_variables(said) == told
