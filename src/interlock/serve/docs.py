"""The interactive documentation: Swagger UI over the OpenAPI document, assets from this machine."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from interlock.errors import ConfigurationError

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{root}/docs/swagger_style.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="{root}/docs/swagger_bundle.js"></script>
<script>
SwaggerUIBundle({{url: "{root}/openapi.json", dom_id: "#swagger-ui", deepLinking: true}});
</script>
</body>
</html>
"""

_ASSETS = {"swagger_style.css": "text/css", "swagger_bundle.js": "text/javascript"}


def routes() -> list[Route]:
    """``/docs`` and the two files it needs."""
    found = [Route("/docs", _page, methods=["GET"])]
    return found + [Route(f"/docs/{name}", _asset, methods=["GET"]) for name in _ASSETS]


async def _page(request: Request) -> Response:
    root = request.scope.get("root_path", "")
    return HTMLResponse(_PAGE.format(root=root, title="Interlock"))


async def _asset(request: Request) -> Response:
    name = request.url.path.rpartition("/")[2]
    return FileResponse(_folder() / name, media_type=_ASSETS[name])


def _folder() -> Path:
    """Where the assets are. The package is not imported: it would load three user interfaces."""
    spec = find_spec("offapi")
    if spec is None or spec.origin is None:
        raise ConfigurationError("offapi is not installed: it comes with Interlock's base install")
    return Path(spec.origin).parent
