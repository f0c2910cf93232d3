"""Analysis: from evidence to findings. Pure, and valid however often it is asked.

A metric fails when the capital won against "it is no worse than allowed" reaches one over its
alpha. What has not failed has passed as soon as there was anything to see; only quality has to be
shown, the more of it the more traffic is to come.
"""

from __future__ import annotations

import math

from interlock.evidence.sequential import Bets, Side
from interlock.evidence.verdict import Verdict
from interlock.rollout import alphas
from interlock.rollout.evidence import Evidence
from interlock.rollout.finding import Analysis, Finding
from interlock.rollout.plan import Step
from interlock.rollout.rules import Rules

_SLOW = 0.01  # of the champion's requests took longer than the reference, by its making


def analyse(evidence: Evidence, rules: Rules, step: Step, share: float) -> Analysis:
    """What `evidence` says at `step`, after which the version is to get `share` of the traffic."""
    table = rules.rollout
    alpha = alphas.shares(table.alpha_rollback, table.floor)
    findings = [
        _errors(evidence, rules, alpha["errors"]),
        _latency(evidence, rules, step, alpha["latency"]),
        _answers(evidence, rules, alpha["answers"]),
        _quality(
            evidence, rules, alone=step.comparison == "before", share=share, alpha=alpha["quality"]
        ),
        *(
            floor(metric, evidence.floors.get(metric), rules, alpha[f"floor {metric}"])
            for metric in table.floor
        ),
    ]
    return Analysis(
        findings=tuple(findings),
        bound=evidence.quality.bound(table.alpha_promote, "below"),
        requests=evidence.requests - evidence.requests_before,
        rows=evidence.rows - evidence.rows_before,
    )


def _errors(evidence: Evidence, rules: Rules, alpha: float) -> Finding:
    seen = evidence.errors
    known = evidence.reference.failed if evidence.reference else 0.0
    limit = min(1.0, known * rules.rollout.errors + rules.rollout.error_share)
    # Beside the champion, and alone: two tests, half of the alpha each.
    beside, alone = seen.log_evidence(), evidence.failing.log_evidence(limit, "above")
    told = (
        f"{seen.errors} of {_many(seen.requests, 'request')} failed,"
        f" {seen.champion_errors} of the champion's {seen.champion_requests}"
    )
    against = f"{_odds(max(beside, alone))} against its failing no more often"
    verdict = _verdict(evidence, max(beside, alone), alpha / 2)
    return Finding(
        metric="errors",
        verdict=verdict,
        sentence=f"{told}; the evidence is {against}, {_needed(alpha / 2)}",
        figures={"failed": float(seen.errors), "requests": float(seen.requests)},
    )


def _latency(evidence: Evidence, rules: Rules, step: Step, alpha: float) -> Finding:
    if evidence.reference is None:
        told = "the champion has answered too little to tell what is slow"
        return Finding(metric="latency", verdict="inconclusive", sentence=told, needed=False)
    limit, allowed = evidence.reference.slow, rules.rollout.slower
    beside = evidence.slow.log_evidence(allowed, "above")
    alone = evidence.slow_alone.log_evidence(min(1.0, _SLOW + allowed), "above")
    seen = evidence.slow if step.comparison != "before" else evidence.slow_alone
    if not len(seen):
        told = "a shadow's latency says nothing" if step.shadow else "nothing was timed yet"
        needed = step.comparison == "before"
        verdict = _failed(max(beside, alone), alpha / 2) or "inconclusive"
        return Finding(metric="latency", verdict=verdict, sentence=told, needed=needed)
    more = " more than of the champion's" if seen is evidence.slow else ""
    return Finding(
        metric="latency",
        verdict=_verdict(evidence, max(beside, alone), alpha / 2),
        sentence=f"{seen.mean:.1%} of its requests{more} took over {1000 * limit:.3g} ms, which"
        f" 1% of the champion's did before; {allowed:.0%} more are allowed; the evidence against"
        f" that is {_odds(max(beside, alone))}, {_needed(alpha / 2)}",
        figures={"slower": seen.mean, "limit": limit},
    )


def _answers(evidence: Evidence, rules: Rules, alpha: float) -> Finding:
    allowed = rules.rollout.shift
    seen = {cell: bets for cell, bets in evidence.shift.items() if len(bets)}
    if not seen:
        told = "its answers were not compared with the champion's yet"
        return Finding(metric="answers", verdict="inconclusive", sentence=told, needed=False)
    places = {cell: place for place, cell in enumerate(evidence.shift)}
    # How far each class is over what it would take, so that the one to be told of is found.
    over = {
        cell: _moved(bets, allowed) + math.log(alphas.of_class(alpha, places[cell]))
        for cell, bets in seen.items()
    }
    most = max(over, key=lambda cell: (over[cell], abs(seen[cell].mean)))
    mean = seen[most].mean
    return Finding(
        metric="answers",
        verdict="failed" if over[most] >= 0 else "passed",
        sentence=f"it answers {_named(most, evidence)} {abs(mean):.1%} of the time"
        f" {'more' if mean >= 0 else 'less'} often than the champion; up to {allowed:.0%} are"
        f" allowed; the evidence against that is {_odds(_moved(seen[most], allowed))},"
        f" {_needed(alphas.of_class(alpha, places[most]))}",
        needed=False,
        figures={"moved": mean},
    )


def _quality(
    evidence: Evidence, rules: Rules, *, alone: bool, share: float, alpha: float
) -> Finding:
    table, seen = rules.rollout, evidence.quality
    low, high = (seen.bound(table.alpha_promote, side) for side in _SIDES)
    against = seen.log_evidence(table.worse, "above")
    if not len(seen):
        told = _unlabelled(evidence, rules)
        unread = evidence.unread > 0
        verdict: Verdict = "error" if unread else "inconclusive"
        return Finding(metric="quality", verdict=verdict, sentence=told, needed=not alone)
    enough = share * high <= table.margin
    allowed = min(1.0, table.margin / share)
    told = (
        f"over {_many(len(seen), _unit(rules))} its loss is {seen.mean:+.3f} beside the"
        f" champion's (between {low:+.3f} and {high:+.3f}); at {share:.4g} of the traffic up to"
        f" {allowed:+.3g} may be lost; the evidence that it is worse is {_odds(against)},"
        f" {_needed(alpha)}"
    )
    return Finding(
        metric="quality",
        verdict=_failed(against, alpha) or ("passed" if enough or alone else "inconclusive"),
        sentence=told,
        needed=not alone,
        figures={"difference": seen.mean, "low": low, "high": high, "allowed": allowed},
    )


def floor(metric: str, seen: Bets | None, rules: Rules, alpha: float) -> Finding:
    """Whether a version is shown to be under its floor (failed), or over it (passed)."""
    name = f"floor {metric}"
    if seen is None or not len(seen):
        return Finding(
            metric=name, verdict="inconclusive", sentence="no labelled row yet", needed=False
        )
    limit = loss(metric, rules)
    trips, clears = (seen.log_evidence(limit, side) for side in _SIDES)
    passed: Verdict = "passed" if clears >= -math.log(alpha) else "inconclusive"
    low, high = (_figure(metric, seen.bound(alpha, side), rules) for side in _SIDES)
    told = (
        f"{metric} is {_figure(metric, seen.mean, rules):.4g} over"
        f" {_many(len(seen), _unit(rules))}, between {min(low, high):.4g} and {max(low, high):.4g};"
        f" its floor is {rules.rollout.floor[metric]:g}"
    )
    return Finding(
        metric=name,
        verdict=_failed(trips, alpha) or passed,
        sentence=told,
        needed=False,
        figures={"low": min(low, high), "high": max(low, high)},
    )


def loss(metric: str, rules: Rules) -> float:
    """The floor of `metric` as a loss between 0 and 1, which may not be exceeded."""
    bound = rules.rollout.floor[metric]
    return min(1.0, bound / rules.rollout.scale) if metric == "mae" else 1 - bound


_SIDES: tuple[Side, Side] = ("above", "below")


def _figure(metric: str, loss: float, rules: Rules) -> float:
    return loss * rules.rollout.scale if metric == "mae" else 1 - loss


def _verdict(evidence: Evidence, against: float, alpha: float) -> Verdict:
    """What has not failed has passed, once there were requests at this step."""
    seen = evidence.requests > evidence.requests_before
    return _failed(against, alpha) or ("passed" if seen else "inconclusive")


def _failed(against: float, alpha: float) -> Verdict | None:
    return "failed" if against >= -math.log(alpha) else None


def _moved(bets: Bets, allowed: float) -> float:
    return max(bets.log_evidence(allowed, "above"), bets.log_evidence(-allowed, "below"))


def _named(cell: str, evidence: Evidence) -> str:
    edges = evidence.reference.edges if evidence.reference else ()
    return f"numbers of the champion's quarter {int(cell) + 1}" if edges else repr(cell)


def _unlabelled(evidence: Evidence, rules: Rules) -> str:
    if evidence.unread:
        return f"{_many(evidence.unread, 'labelled row')} could not be judged: {evidence.why}"
    if not evidence.requests:
        return "no traffic yet"
    within = f"labels.maturity = {rules.labels.maturity:g} s"
    return f"no request of both versions was labelled within {within}"


def _unit(rules: Rules) -> str:
    return "key" if rules.labels.unit == "key" else "request"


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _odds(log_evidence: float) -> str:
    if log_evidence > math.log(1e6):
        return "over a million to 1"
    odds = math.exp(log_evidence)
    return f"{odds:.0f} to 1" if odds >= 100 else f"{odds:.3g} to 1"


def _needed(alpha: float) -> str:
    return f"and {1 / alpha:.0f} to 1 would fail it"
