"""Making models: the project that `interlock init` writes."""
