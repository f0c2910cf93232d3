"""The rules of a rollout: what its policy said when it began. They are frozen with it."""

from __future__ import annotations

import msgspec

from interlock.errors import FormatError
from interlock.policy import Labels, Policy, Rollout


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """Tables of a policy, its digest, and whether a person let the version go without evidence."""

    rollout: Rollout = Rollout()
    labels: Labels = Labels()
    policy: str = ""
    forced: bool = False

    def to_json(self) -> str:
        return msgspec.json.encode(self).decode()


def of(policy: Policy, *, forced: bool = False) -> Rules:
    """The rules that `policy` makes."""
    return Rules(rollout=policy.rollout, labels=policy.labels, policy=policy.digest, forced=forced)


def read(text: str) -> Rules:
    """What `Rules.to_json` wrote.

    Raises
    ------
    FormatError
        When a release wrote it that knows more or other rules.
    """
    try:
        return msgspec.json.decode(text, type=Rules)
    except msgspec.DecodeError as error:
        raise FormatError(f"the rules of the rollout are not of this release: {error}") from None
