"""Ctrl-C is put off while something is finished."""

import signal
from collections.abc import Iterator

import pytest

from llmledger.cli._interrupt import interrupt_put_off


@pytest.fixture(autouse=True)
def _standard_handler() -> Iterator[None]:
    """As in a terminal, wherever the tests run."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def _press(times: int, done: list[int]) -> None:
    """Press Ctrl-C so often while it is put off; notes each press that was survived."""
    with interrupt_put_off():
        for number in range(1, times + 1):
            signal.raise_signal(signal.SIGINT)
            done.append(number)


def test_ctrl_c_comes_when_the_block_is_done() -> None:
    """And the handler is the standard one again."""
    done: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        _press(1, done)

    assert done == [1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_does_not_wait() -> None:
    """Whoever presses it twice means it."""
    done: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        _press(3, done)

    assert done == [1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_ignored_ctrl_c_stays_ignored() -> None:
    """Shells ignore it for jobs in the background."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with interrupt_put_off():
        signal.raise_signal(signal.SIGINT)

    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
