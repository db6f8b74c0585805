"""A proxy that runs for one test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.proxy import RunningProxy, running_proxy
from tests.support.upstream import Upstream


@pytest.fixture
def proxy(tmp_path: Path, upstream: Upstream) -> Iterator[RunningProxy]:
    """The proxy before the scripted provider."""
    with running_proxy(tmp_path, upstream) as running:
        yield running
