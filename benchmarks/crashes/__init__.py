"""Servers that are killed under load, and what is on record of their answers afterwards."""
