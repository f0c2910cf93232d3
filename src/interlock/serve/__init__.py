"""The HTTP server: a supervisor, its workers, and the bare ASGI application that they run."""
