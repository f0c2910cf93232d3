"""What a policy will do, in a few lines for a person who has just written it."""

from __future__ import annotations

from interlock.policy.policy import Policy
from interlock.policy.rollout import Rollout
from interlock.policy.training import Splits


def summary(policy: Policy) -> dict[str, str]:
    r"""A sentence by topic.

    >>> from interlock.policy import parse
    >>> summary(parse('[model]\nname = "ecg"'))["rollout"]
    'canary: 5%, 10%, 25%, 50%, 100%'
    """
    return {
        "model": policy.model.name,
        "rows": _rows(policy),
        "splits": _splits(policy.splits),
        "training": _training(policy),
        "judged by": policy.metrics.primary or "the metric of its task",
        "challenger": _challenger(policy),
        "for staging": ", ".join(policy.gates.needs.staging) or "no gate",
        "for champion": ", ".join(policy.gates.needs.champion) or "no gate",
        "rollout": _rollout(policy.rollout),
        "subject": policy.journal.subject or "the header Interlock-Subject, or the routing key",
        "labels": _labels(policy),
        "digest": policy.digest,
    }


def _rows(policy: Policy) -> str:
    data = policy.data
    if not data.source:
        return "none: data.source says where they are"
    files = {"holdout": data.holdout, "staging": data.staging}
    apart = "".join(f"; {part} from {file}" for part, file in files.items() if file)
    return f"{data.source}, answer in {data.label}{apart}"


def _splits(splits: Splits) -> str:
    shares = ", ".join(f"{part} {_percent(share)}" for part, share in splits.shares().items())
    return f"by {splits.by}: {shares}"


def _training(policy: Policy) -> str:
    return f"{policy.train.fit}; {policy.tune.trials} trials of {policy.tune.space}"


def _challenger(policy: Policy) -> str:
    champion = policy.gates.champion
    if champion.margin > 0:
        wanted = f"at most {champion.margin:g} worse than the champion"
    elif champion.margin < 0:
        wanted = f"better than the champion by {-champion.margin:g}"
    else:
        wanted = "better than the champion"
    return f"{wanted}, with a chance of {_percent(champion.alpha)} to pass wrongly"


def _rollout(rollout: Rollout) -> str:
    way = {
        "shadow": "answers compared, not given, then all of the traffic",
        "canary": ", ".join(map(_percent, rollout.steps)),
        "ab": f"{_percent(rollout.split)} for {rollout.end:g} s",
        "blue-green": f"all at once, the old version at hand for {rollout.warm:g} s",
        "recreate": "all at once",
    }[rollout.strategy]
    first = "shadow, then " if rollout.shadow_first and rollout.strategy != "shadow" else ""
    return f"{first}{rollout.strategy}: {way}"


def _labels(policy: Policy) -> str:
    counted = (
        "each request by itself" if policy.labels.unit == "row" else "a routing key's rows as one"
    )
    if policy.labels.maturity == 0:
        return f"count as they come, {counted}"
    return f"count {policy.labels.maturity:g} s after the prediction, {counted}"


def _percent(share: float) -> str:
    return f"{100 * share:.10g}%"
