"""Nothing is reported to anyone, and nothing written where nobody asked for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

# With any of these set, ONNX Runtime or MLflow would be quiet without us.
QUIETENED = (
    *("ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "MLFLOW_DISABLE_TELEMETRY"),
    *("CI", "GITHUB_ACTIONS", "PYTEST_CURRENT_TEST"),
)
# A session of a graph that adds a number to itself, and what the process has by then.
SCRIPT = """
import importlib, os, sys
from pathlib import Path
importlib.import_module(sys.argv[1])
import onnxruntime
from onnx import parser
graph = parser.parse_model('<ir_version: 8, opset_import: ["": 15]> g (float[n] x) => (float[n] y)'
                           '{ y = Add(x, x) }')
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(graph.SerializeToString(), options)
session.run(None, {"x": [1.0]})
threads = len(os.listdir("/proc/self/task"))
home = os.environ["HOME"]
found = [str(path) for path in Path(home).rglob("*")]
open_ = [link for link in map(os.path.realpath, Path("/proc/self/fd").iterdir())
         if link.startswith(home)]
print(threads, found, open_)
"""


def quiet(home: Path, **variables: str) -> dict[str, str]:
    """The environment of the tests with another home, and without what makes libraries quiet."""
    kept = {name: value for name, value in os.environ.items() if name not in QUIETENED}
    one = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    caches = {"XDG_CACHE_HOME": str(home), "XDG_CONFIG_HOME": str(home)}
    return {**kept, **one, **caches, "HOME": str(home), **variables}


def run(script: str, *arguments: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    "module", ["interlock", "interlock.package", "interlock.serve.supervisor", "interlock.gates"]
)
def test_a_session_starts_no_thread_and_writes_no_file(module: str, tmp_path: Path) -> None:
    """Whichever of our modules comes first, ONNX Runtime keeps to its work."""
    assert run(SCRIPT, module, environment=quiet(tmp_path)) == "1 [] []"


def test_a_build_writes_nothing_at_home(tmp_path: Path) -> None:
    """Beside it there may be threads of Arrow's, which pandas brings along."""
    said = run(SCRIPT, "interlock.package.builder", environment=quiet(tmp_path))
    assert said.endswith(" [] []")


def test_mlflow_has_no_client_that_reports(tmp_path: Path) -> None:
    """Reading an MLflow model with our package alone reports nothing either."""
    script = (
        "import interlock.package.convert.mlflow; from mlflow.telemetry import client; "
        "print(client.get_telemetry_client())"
    )
    assert run(script, environment=quiet(tmp_path)) == "None"


def test_a_user_can_decide_otherwise(tmp_path: Path) -> None:
    """What the environment says already is left as it is."""
    script = "import interlock, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    assert run(script, environment=quiet(tmp_path, ORT_DISABLE_TELEMETRY="0")) == "0"
