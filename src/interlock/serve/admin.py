"""Everything that is not inference: health, metadata, metrics, documentation, and good refusals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from prometheus_client.core import GaugeMetricFamily, Metric
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

import interlock
from interlock.errors import (
    MethodError,
    ModelNotFoundError,
    PathError,
    RequestError,
)
from interlock.serve import docs, metrics, rollouts, shipment
from interlock.serve.doors import plain_refusal, v2_refusal
from interlock.serve.lineup import Lineup, not_served
from interlock.serve.openapi import document
from interlock.serve.served import Served
from interlock.serve.status import Status
from interlock.signature.tensors import input_metadata, output_metadata

Lineups = Callable[[], dict[str, Lineup]]


class Admin:
    """Endpoints behind the hot path.

    `lineups` gives what is served at this moment, `journal` is the directory of the journal, if
    there is one.
    """

    def __init__(
        self, run: Path, status: Status, lineups: Lineups, journal: Path | None = None
    ) -> None:
        self._run = run
        self._journal = journal
        self._status = status
        self._lineups = lineups

    def app(self, more: Sequence[Route] = ()) -> Starlette:
        gets = {
            "/": self.index,
            "/health": self.health,
            "/health/live": self.live,
            "/health/ready": self.ready,
            "/metrics": self.metrics,
            "/openapi.json": self.openapi,
            "/api/rollouts/{name}/analysis": self.rollout,
            "/v2": self.server,
            "/v2/health/live": self.live,
            "/v2/health/ready": self.ready,
            "/v2/models/{model}": self.model,
            "/v2/models/{model}/ready": self.model_ready,
            "/v2/models/{model}/versions/{version}": self.model,
            "/v2/models/{model}/versions/{version}/ready": self.model_ready,
        }
        routes = [Route(path, endpoint, methods=["GET"]) for path, endpoint in gets.items()]
        routes += [*docs.routes(), *more]
        posts = (
            "/predict",
            "/predict/{model}",
            "/v2/models/{model}/infer",
            "/v2/models/{model}/versions/{version}/infer",
        )
        routes += [Route(path, self.unserved, methods=["POST"]) for path in posts]
        handlers: dict[Any, Any] = {RequestError: _refused, HTTPException: _http}
        app = Starlette(routes=routes, exception_handlers=handlers)
        # A redirect of a POST loses its body with many a client: say that there is nothing there.
        app.router.redirect_slashes = False
        return app

    async def index(self, _request: Request) -> Response:
        return RedirectResponse("/docs")

    async def live(self, _request: Request) -> Response:
        return _json({"live": True})

    async def ready(self, _request: Request) -> Response:
        ready = self._status.ready() and bool(self._lineups())
        return _json({"ready": ready}, status=200 if ready else 503)

    async def health(self, _request: Request) -> Response:
        ready = self._status.ready() and bool(self._lineups())
        said = {
            "ready": ready,
            "workers": self._status.describe(),
            "models": [_described(lineup) for lineup in self._lineups().values()],
            "journal": shipment.describe(self._journal) if self._journal else None,
        }
        return _json(said, status=200 if ready else 503)

    async def metrics(self, _request: Request) -> Response:
        text = metrics.exposition(self._run, self._gauges())
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    def _gauges(self) -> list[Metric]:
        workers = GaugeMetricFamily("interlock_workers", "Workers by state.", labels=["state"])
        states = [str(worker["state"]) for worker in self._status.describe()]
        for state in sorted(set(states)):
            workers.add_metric([state], states.count(state))
        info = GaugeMetricFamily(
            "interlock_model_info", "Versions served.", labels=["model", "version", "digest"]
        )
        shares = GaugeMetricFamily(
            "interlock_route_share",
            "Share of the requests that a version answers.",
            labels=["model", "version", "arm"],
        )
        for name, lineup in self._lineups().items():
            for served in lineup.versions:
                info.add_metric([name, served.version, served.deployment.digest], 1)
            for arm in lineup.route.arms if lineup.route else ():
                shares.add_metric([name, arm.version, arm.name], arm.share)
        return [workers, info, shares, *(shipment.metrics(self._journal) if self._journal else ())]

    async def rollout(self, request: Request) -> Response:
        return _json(rollouts.analysis(self._run, request.path_params["name"]))

    async def openapi(self, _request: Request) -> Response:
        return _json(document([lineup.main for lineup in self._lineups().values()]))

    async def server(self, _request: Request) -> Response:
        return _json(
            {
                "name": "interlock",
                "version": interlock.__version__,
                "extensions": ["binary_tensor_data"],
            }
        )

    async def model(self, request: Request) -> Response:
        served = self._find(request)
        return _json(
            {
                "name": served.name,
                "versions": [one.version for one in self._lineups()[served.name].versions],
                "platform": "onnx_onnxv1",
                "inputs": input_metadata(served.signature),
                "outputs": output_metadata(served.signature.output),
            }
        )

    async def model_ready(self, request: Request) -> Response:
        served = self._find(request)
        return _json({"name": served.name, "ready": True})

    async def unserved(self, request: Request) -> Response:
        """Inference addresses that the hot path did not know: say which part is wrong."""
        if "model" not in request.path_params:
            names = ", ".join(f"/predict/{name}" for name in sorted(self._lineups()))
            raise ModelNotFoundError(
                "several models are served here: name one", expected=names, got="/predict"
            )
        self._find(request)
        raise ModelNotFoundError("this model was replaced at this very moment: ask again")

    def _find(self, request: Request) -> Served:
        name = request.path_params["model"]
        lineups = self._lineups()
        if name not in lineups:
            raise ModelNotFoundError(
                f"no model is called {name!r} here", expected=", ".join(sorted(lineups)), got=name
            )
        version = request.path_params.get("version")
        if version is None:
            return lineups[name].main
        found = {served.version: served for served in lineups[name].versions}
        if version not in found:
            raise not_served(name, found, version)
        return found[version]


def _described(lineup: Lineup) -> dict[str, Any]:
    served = lineup.main
    return {
        "name": served.name,
        "version": served.version,
        "digest": served.deployment.digest,
        "reference": lineup.deployment.reference or None,
        "engine": "inline" if served.inline_rows else "thread",
        "batching": not served.inline_rows and served.measured.batching_pays,
        "row_seconds": served.measured.one,
        "route": lineup.route,
        "missing": lineup.missing,
    }


def _json(value: Any, *, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def _refused(request: Request, error: RequestError) -> Response:
    v2 = request.url.path == "/v2" or request.url.path.startswith("/v2/")
    body = v2_refusal(error) if v2 else plain_refusal(error)
    return Response(body, error.status, error.headers, media_type="application/json")


def _http(request: Request, error: HTTPException) -> Response:
    """Starlette's own refusals, in our words."""
    if error.status_code == MethodError.status:
        allowed = (error.headers or {}).get("Allow", "")
        said: RequestError = MethodError(
            "this address does not take that method",
            expected=allowed,
            got=request.method,
            headers={"Allow": allowed},
        )
    else:
        said = PathError(
            "nothing is at this address", expected="see /docs for what is", got=request.url.path
        )
    return _refused(request, said)
