"""Rollouts: from one version to the next by evidence, and back by it."""
