"""`interlock tune`: search better parameters for the project's model, and package the best."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from interlock import settings
from interlock.cli import train
from interlock.cli.output import Json, err, out, progress, show_rows
from interlock.policy import FILE
from interlock.registry import Registry

if TYPE_CHECKING:
    from interlock.train.study import Study
    from interlock.train.tuner import Tuned

app = typer.Typer(add_completion=False)

_INTERRUPTED = 130


@app.command()
def tune(
    *,
    policy: train.PolicyFile = Path(FILE),
    out_dir: train.Out = None,
    previous: train.Previous = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Trials to finish in all. Default: the policy's.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0, help="Seconds for all trials. Default: the policy's.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Forget the trials of an earlier search.")
    ] = False,
    register: train.Register = False,
    as_json: Json = False,
) -> None:
    """Search parameters on validation, choose among the best on test, and build the package.

    A search that was stopped or killed goes on where it was.
    """
    # What trains takes seconds to import.
    from interlock.train import study  # noqa: PLC0415
    from interlock.train.job import Job  # noqa: PLC0415

    job = Job.read(policy)
    rules = job.policy.tune
    wanted = trials or rules.trials
    limit = rules.timeout if timeout is None else timeout
    current = settings.read()
    with (
        closing(Registry(current)) as registry,
        study.opened(job, current.home / "tune", fresh=fresh) as opened,
    ):
        try:
            tuned = _tune(
                job, registry, opened, trials=wanted, timeout=limit, before=previous, out=out_dir
            )
        except KeyboardInterrupt:
            _say_goodbye(opened, wanted)
            raise typer.Exit(_INTERRUPTED) from None
        if register:
            registry.register(tuned.trained.package.path)
    _show(tuned, registered=register, as_json=as_json)


def _tune(job: Any, registry: Registry, opened: Study, *, trials: int, **options: Any) -> Tuned:
    from interlock.train.tuner import Tuner  # noqa: PLC0415

    done = len(opened.finished())
    if done:
        err.print(f"going on with {done} finished trials; --fresh would forget them")
    with progress("tune", trials) as advance:
        advance(min(done, trials))

        def heard(best: float | None) -> None:
            advance(1, note="" if best is None else f"(best {best:.4f})")

        tuner = Tuner(job, registry, opened, heard=heard, notify=lambda step: advance(0, note=step))
        return tuner.tune(trials=trials, **options)


def _say_goodbye(opened: Study, trials: int) -> None:
    done = len(opened.finished())
    err.print(f"stopped after {done} of {trials} trials; the same command goes on from there")


def _show(tuned: Tuned, *, registered: bool, as_json: bool) -> None:
    candidates = [candidate._asdict() for candidate in tuned.selected.candidates]
    chosen = tuned.selected.trial
    if not as_json:
        show_rows([_line(one, chosen) for one in candidates], as_json=False, empty="")
        out.print()
    train.show(
        tuned.trained,
        registered=registered,
        as_json=as_json,
        study=tuned.study,
        trial=chosen,
        candidates=candidates,
        plots=tuned.folder,
    )
    if not as_json:
        out.print(f"plots and all trials are in {tuned.folder}", markup=False)


def _line(candidate: dict[str, Any], chosen: int) -> dict[str, str]:
    parameters = candidate["parameters"]
    return {
        "trial": f"{candidate['trial']}{' *' if candidate['trial'] == chosen else ''}",
        "validation": f"{candidate['validation']:.4f}",
        "test": f"{candidate['test']:.4f}",
        "parameters": ", ".join(f"{name}={_short(value)}" for name, value in parameters.items()),
    }


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
