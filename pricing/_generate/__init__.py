"""Writes the packaged price table; no part of the installed program."""
