"""The version, in the one place that the build, `--version` and the changelog test read.

A constant, because asking the installed metadata costs more time than all the rest of `llmledger --version`.
"""

VERSION = "0.1.0"
