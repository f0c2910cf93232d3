"""Training a project's model under Interlock's splits, and the search for better parameters.

A project needs nothing from here but, at most, `Pruned`.
"""

from interlock.train.pruned import Pruned

__all__ = ["Pruned"]
