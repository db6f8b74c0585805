"""The parts of `connect`: the tools that there are, and the change of their settings."""
