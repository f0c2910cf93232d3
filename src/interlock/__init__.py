"""Interlock: takes a trained machine-learning model to production and keeps it good there."""

__version__ = "0.1.0"
