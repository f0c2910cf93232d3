"""The table of the journal."""

from __future__ import annotations

import pytest

from interlock.errors import PolicyError
from interlock.policy import parse
from interlock.policy.summary import summary

MODEL = '[model]\nname = "visit"\n'


def test_the_subject_goes_into_every_build() -> None:
    """A package built by the policy carries it."""
    policy = parse(f'{MODEL}[journal]\nsubject = "patient"')
    assert policy.build_options()["subject"] == "patient"
    assert summary(policy)["subject"] == "patient"
    assert policy.digest != parse(MODEL).digest


def test_without_it_the_caller_says_whom_a_request_is_about() -> None:
    """The summary tells by which headers."""
    policy = parse(MODEL)
    assert policy.build_options()["subject"] == ""
    assert summary(policy)["subject"] == "the header Interlock-Subject, or the routing key"


def test_another_key_is_refused_by_name() -> None:
    """A slip of the pen would leave people without a key of their own."""
    with pytest.raises(PolicyError, match=r"journal.*subjct"):
        parse(f'{MODEL}[journal]\nsubjct = "patient"')
