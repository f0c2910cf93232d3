"""MLflow's model registry behind a few verbs of ours. MLflow's names stay in this file.

Importing this module imports MLflow, which takes seconds: call `environment.prepare` first and
import it only when the registry is really asked something.
"""

from __future__ import annotations

import fcntl
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from requests.exceptions import RequestException
from sqlalchemy.exc import SQLAlchemyError

from interlock.errors import ConfigurationError, ConflictError, RegistryError, UnknownError
from interlock.package import Package
from interlock.registry import address, marks
from interlock.registry.marks import Facts
from interlock.registry.version import Version

EXPERIMENT = "interlock"
FOLDER = "package"
"""Where in a run's artefacts the package is."""

ERRORS: dict[str, type[RegistryError | ConfigurationError]] = {
    "ABORTED": ConflictError,
    "ALREADY_EXISTS": ConflictError,
    "BAD_REQUEST": RegistryError,
    "CANCELLED": RegistryError,
    "CUSTOMER_UNAUTHORIZED": RegistryError,
    "DATA_LOSS": RegistryError,
    "DEADLINE_EXCEEDED": RegistryError,
    "ENDPOINT_NOT_FOUND": RegistryError,
    "INTERNAL_ERROR": RegistryError,
    "INVALID_PARAMETER_VALUE": ConfigurationError,
    "INVALID_STATE": RegistryError,
    "NOT_FOUND": UnknownError,
    "NOT_IMPLEMENTED": RegistryError,
    "PERMISSION_DENIED": RegistryError,
    "REQUEST_LIMIT_EXCEEDED": RegistryError,
    "RESOURCE_ALREADY_EXISTS": ConflictError,
    "RESOURCE_CONFLICT": ConflictError,
    "RESOURCE_DOES_NOT_EXIST": UnknownError,
    "RESOURCE_EXHAUSTED": RegistryError,
    "TEMPORARILY_UNAVAILABLE": RegistryError,
    "UNAUTHENTICATED": RegistryError,
}
"""MLflow's error codes and what they are to us; a code that is not here is a RegistryError."""

_PAGE = 1000
_NOT_IN_METRIC_NAMES = re.compile(r"[^A-Za-z0-9_\-. /]")


class Backend:
    """One MLflow registry at `uri`.

    `artifacts` is where files go when MLflow has no server that decides it; `lock` is a file that
    keeps two first users of an embedded registry apart.

    Every method raises RegistryError when MLflow refuses or cannot be reached, UnknownError when
    the model or version does not exist.
    """

    def __init__(self, uri: str, *, artifacts: Path, lock: Path) -> None:
        self._uri = uri
        self._artifacts = artifacts if address.is_database(uri) else None
        with self._translated(), _held(lock):
            self._client = MlflowClient(uri, registry_uri=uri)

    def models(self) -> list[str]:
        """Names of all registered models, sorted."""
        names: list[str] = []
        token = None
        while True:
            with self._translated():
                page = self._client.search_registered_models(max_results=_PAGE, page_token=token)
            names += [model.name for model in page]
            token = page.token
            if not token:
                return sorted(names)

    def aliases(self, name: str) -> dict[str, int]:
        """MLflow's number of the version that each alias of the model is on."""
        with self._translated():
            model = self._client.get_registered_model(name)
        return {alias: int(number) for alias, number in sorted(model.aliases.items())}

    def versions(self, name: str) -> list[Version]:
        """The model's versions that Interlock registered, oldest first."""
        return self._search(name, self.aliases(name), "")

    def find(self, name: str, *, version: str | None = None, digest: str | None = None) -> Version:
        """The version with this semantic version or digest; the oldest, should there be two."""
        key, value = (marks.VERSION, version) if version is not None else (marks.DIGEST, digest)
        found = self._search(name, self.aliases(name), f" AND tags.`{key}` = '{value}'")
        if not found:
            raise UnknownError(f"{name} has no version with {key} {value}")
        return found[0]

    def behind(self, name: str, alias: str) -> Version | None:
        """The version that `alias` is on; None where Interlock did not register it."""
        with self._translated():
            found = self._client.get_model_version_by_alias(name, alias)
        return _version(found, found.aliases)

    def numbered(self, name: str, number: int) -> Version | None:
        """The version that MLflow numbers so; None where Interlock did not register it."""
        with self._translated():
            found = self._client.get_model_version(name, str(number))
        return _version(found, found.aliases)

    def create(self, package: Package) -> Version:
        """Upload a package and make a version of it: files first, so a version is complete."""
        with self._translated():
            self._ensure_model(package.name)
            run = self._client.create_run(
                self._experiment(), run_name=f"{package.name} {package.version}"
            )
            run_id = run.info.run_id
            for metric, value in _flat(package.manifest.metrics).items():
                self._client.log_metric(run_id, metric, value)
            self._client.log_artifacts(run_id, str(package.path), FOLDER)
            self._client.set_terminated(run_id)
            made = self._client.create_model_version(
                package.name,
                f"{run.info.artifact_uri}/{FOLDER}",
                run_id=run_id,
                tags=marks.tags(package),
                description=package.manifest.description or None,
            )
        version = _version(made, ())
        assert version is not None  # noqa: S101 - it has just been given our tags
        return version

    def discard(self, version: Version) -> None:
        """Take a version back that lost a race, with its run."""
        with self._translated():
            self._client.delete_model_version(version.name, str(version.number))
            self._client.delete_run(version.run)

    def set_alias(self, name: str, alias: str, number: int) -> None:
        """Put `alias` on the version that MLflow numbers `number`."""
        with self._translated():
            self._client.set_registered_model_alias(name, alias, str(number))

    def remove_alias(self, name: str, alias: str) -> None:
        """Take `alias` away; nothing happens when it is not there."""
        with self._translated():
            self._client.delete_registered_model_alias(name, alias)

    def judge(self, version: Version, verdict: str) -> None:
        """Tag a version with what its gates found, in place of what they found before."""
        with self._translated():
            self._client.set_model_version_tag(
                version.name, str(version.number), marks.GATES, verdict
            )

    def upload(self, version: Version, folder: Path, under: str) -> None:
        """Add the files in `folder` to the artefacts of the version's run, under that path."""
        with self._translated():
            self._client.log_artifacts(version.run, str(folder), under)

    def download(self, version: Version, into: Path) -> Path:
        """Fetch the files of `version` to a directory under `into`; returns that directory."""
        with self._translated():
            fetched = self._client.download_artifacts(version.run, FOLDER, str(into))
        return Path(fetched)

    def _search(self, name: str, aliases: Mapping[str, int], condition: str) -> list[Version]:
        found: list[ModelVersion] = []
        token = None
        while True:
            with self._translated():
                page = self._client.search_model_versions(
                    f"name = '{name}'{condition}", max_results=_PAGE, page_token=token
                )
            found += page
            token = page.token
            if not token:
                break
        read = [_version(one, marks.on(aliases, int(one.version))) for one in found]
        return sorted((one for one in read if one), key=lambda version: version.number)

    def _ensure_model(self, name: str) -> None:
        try:
            self._client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _experiment(self, name: str = EXPERIMENT) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        location = str(self._artifacts.resolve()) if self._artifacts else None
        try:
            return str(self._client.create_experiment(name, artifact_location=location))
        except MlflowException as error:
            found = self._client.get_experiment_by_name(name)
            if found is None or error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            return str(found.experiment_id)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except MlflowException as error:
            # Without the cause: MLflow's own message may hold the password.
            raise self._ours(ERRORS.get(error.error_code, RegistryError), error) from None
        except (RequestException, SQLAlchemyError, OSError) as error:
            raise self._ours(RegistryError, error) from None

    def _ours(self, kind: type[RegistryError | ConfigurationError], error: Exception) -> Exception:
        reason = address.scrub(str(error).strip(), self._uri)
        return kind(f"the registry at {address.safe(self._uri)} answered: {reason}")


@contextmanager
def _held(lock: Path) -> Iterator[None]:
    # MLflow creates its tables with fifty migrations and without a lock of its own.
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _version(found: ModelVersion, aliases: Iterable[str]) -> Version | None:
    """None where Interlock did not register it."""
    facts = Facts(
        name=found.name,
        number=int(found.version),
        created=found.creation_timestamp,
        run=found.run_id,
        tags=found.tags,
        aliases=aliases,
    )
    return marks.read(facts)


def _flat(metrics: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """``{"test": {"f1": 0.9}}`` as ``{"test.f1": 0.9}``, in letters that MLflow accepts."""
    return {
        metric_name(f"{split}.{name}"): value
        for split, named in metrics.items()
        for name, value in named.items()
    }


def metric_name(text: str) -> str:
    """`text` in letters that MLflow accepts.

    >>> metric_name("test.recall:größe")
    'test.recall_gr__e'
    """
    return _NOT_IN_METRIC_NAMES.sub("_", text)
