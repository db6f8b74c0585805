"""The parts of `proxy`: serving, what to set, its health, and the service that keeps it running."""
