"""Plots of a study: how it went, and which parameters mattered."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState


def draw(study: optuna.Study, folder: Path, metric: str) -> list[Path]:
    """PNG files in `folder`: ``history.png``, and ``importance.png`` where it can be told.

    Importance needs two trials with different values, and a parameter that all of them have.
    """
    import matplotlib as mpl  # noqa: PLC0415 - loaded only when something is drawn

    mpl.use("Agg")
    from optuna.visualization import matplotlib as drawn  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    shared = set.intersection(*(set(trial.params) for trial in done)) if done else set()
    files = [
        _save(
            lambda: drawn.plot_optimization_history(study, target_name=metric),
            folder / "history.png",
        )
    ]
    if shared and len({trial.value for trial in done}) > 1:
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        files.append(
            _save(
                lambda: drawn.plot_param_importances(
                    study, evaluator=evaluator, target_name=metric
                ),
                folder / "importance.png",
            )
        )
    return files


def _save(plot: Callable[[], Any], file: Path) -> Path:
    from matplotlib import pyplot as plt  # noqa: PLC0415 - as above

    with warnings.catch_warnings():
        # Optuna calls its own matplotlib plots experimental.
        warnings.simplefilter("ignore")
        figure = plot().get_figure()
        figure.set_size_inches(8, 4.5)
        figure.savefig(file, dpi=120, bbox_inches="tight")
    plt.close(figure)
    return file
