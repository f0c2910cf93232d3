"""The store of data keys: small, apart from the data, and the place where erasing happens."""

from interlock.journal.keys.store import Erasure, Holding, Kept, Store, opened, there

__all__ = ["Erasure", "Holding", "Kept", "Store", "opened", "there"]
