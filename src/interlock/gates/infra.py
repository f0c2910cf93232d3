"""`infra`: the real server, from the package alone, on the staging holdout.

It is started in a clean process and directory, replays the rows, bears the policy's load, loses a
worker, is restarted and rolled back. What it answered to the rows is judged by nobody here, but
stated: it is the model's quality as users would have met it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from interlock.data import score
from interlock.errors import ServerError
from interlock.evidence.compare import Bound, bound
from interlock.evidence.verdict import worst
from interlock.gates import isolation, replay, rollback, stress
from interlock.gates.case import Case
from interlock.gates.finding import Finding, Interval, Intervals
from interlock.gates.replay import Heard, Subject
from interlock.gates.server import Server, serving
from interlock.gates.step import Step

GATE = "infra"
_WORKERS = 2  # so that one can be lost


def check(case: Case) -> Finding:
    """Take the steps one after the other; one that fails keeps none of the others from being taken.

    Raises
    ------
    EvidenceError, ConfigurationError
        When there are no staging rows, or none that the signature accepts.
    ServerError
        When the server cannot be started at all.
    """
    subject = Subject.of(case.challenger, case.staging())
    with serving(case.challenger.path, case.scratch, workers=_WORKERS) as server:
        steps = [*_served(case, subject, server)]
    steps.append(_taken("rollback", lambda: rollback.rehearse(case)))
    troubled = [step for step in steps if step.verdict != "passed"]
    return Finding(
        gate=GATE,
        verdict=worst(step.verdict for step in steps),
        sentence=" ".join(step.sentence for step in troubled) or _praise(steps),
        # No look at a holdout is paid for: no verdict rests on how good the answers are.
        figures={"staging rows": {"digest": case.staging().digest, **case.origin("staging")}}
        | _figures(steps),
        plots=tuple(plot for step in steps for plot in step.plots),
    )


def _served(case: Case, subject: Subject, server: Server) -> Iterator[Step]:
    rules = case.policy.gates.infra
    yield _taken("isolation", lambda: isolation.look(server, case.folder, case.scratch))
    try:
        heard = replay.hear(server.url, subject)
    except ServerError as error:
        yield Step("replay", "failed", f"The staging rows cannot be replayed: {error}")
        return
    yield replay.judge(subject, heard, rules.tolerance)
    yield quality(case, subject, heard)
    asked = stress.requests(subject)
    yield _taken("load", lambda: stress.steady(server, asked, rules))
    yield _taken("lost worker", lambda: stress.lost_worker(server, asked, rules))
    yield _taken("restart", lambda: stress.restart(server, subject, heard, rules))


def _taken(name: str, step: Callable[[], Step]) -> Step:
    """What came of `step`; a server that does not answer while it is taken has failed it."""
    try:
        return step()
    except ServerError as error:
        return Step(name, "failed", f"The server failed at this step ({name}): {error}")


def quality(case: Case, subject: Subject, heard: Heard) -> Step:
    """The primary metric of what the server answered, with its interval: stated, not judged."""
    rows = subject.rows
    output = subject.package.signature.output
    scored = score.pair(output, heard.alone, rows, scale=case.scale)
    metric = case.metric()
    rules = case.policy.gates.champion
    found = bound(
        metric,
        scored,
        limit=0.0,
        alpha=rules.alpha,
        strata=scored.codes if scored.labels is not None else None,
        groups=rows.group,
        resamples=rules.resamples,
    )
    told = [_figure(found.figure), f"from {_figure(found.low)} to {_figure(found.high)}"]
    return Step(
        "quality",
        "passed",
        f"{metric.name} on staging is {told[0]} ({told[1]}, each limit with"
        f" {1 - rules.alpha:.0%} confidence).",
        figures={
            "metric": metric.name,
            "figure": found.figure,
            "low": found.low,
            "high": found.high,
        },
        plots=_quality_plot(found),
    )


def _quality_plot(found: Bound) -> tuple[Intervals, ...]:
    if found.figure is None:
        return ()
    line = Interval(label=found.metric, point=found.figure, low=found.low, high=found.high)
    return (
        Intervals(
            title="Quality on the staging holdout",
            note="Of the answers that came over HTTP. Stated, not judged.",
            axis=found.metric,
            intervals=(line,),
        ),
    )


def _praise(steps: list[Step]) -> str:
    """What matters most; the table of the report has all of it."""
    told = {step.name: step.sentence for step in steps}
    most = " ".join(told[name] for name in ("replay", "quality", "rollback"))
    return f"All {len(steps)} steps passed. {most}"


def _figures(steps: list[Step]) -> dict[str, object]:
    table = [
        {"step": step.name, "verdict": step.verdict, "what was seen": step.sentence}
        for step in steps
    ]
    return {"steps": table, **{step.name: step.figures for step in steps if step.figures}}


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g}"
