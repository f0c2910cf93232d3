"""Rows with known truth: read from where the policy says, split, checked for leaks, and answered.

For training and for judging. Nothing that serves imports this: it loads pandas.
"""
