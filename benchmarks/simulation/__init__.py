"""Worlds in which the truth is known, to see how often verdicts are wrong."""
