"""Figures and splits: pure numpy, no input or output."""
