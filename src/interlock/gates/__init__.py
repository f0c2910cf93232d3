"""Gates: one file a check that a version must pass, one runner, one report.

A gate is a function ``check(case) -> Finding``. It looks and says what it saw; it moves nothing.
"""
