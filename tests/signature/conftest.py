"""Settings of the property tests."""

from __future__ import annotations

from hypothesis import settings

# The first example pays for imports, and the machine may be busy: time is not what is tested.
settings.register_profile("steady", deadline=None)
settings.load_profile("steady")
