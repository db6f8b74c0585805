"""DeepSeek: requests worked by hand. Prices: https://api-docs.deepseek.com/quick_start/pricing"""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from llmledger.core.cost import Cost


def test_v4_flash_off_peak_with_cache_hits(cost_of: Callable[..., Cost]) -> None:
    """$0.15 miss, $0.003 hit, $0.60 out: 500 x 150 + 1500 x 3 + 100 x 600."""
    cost = cost_of("deepseek/deepseek-v4-flash", input_tokens=2000, cache_read_tokens=1500, output_tokens=100)

    assert cost.nanousd == 75_000 + 4_500 + 60_000


def test_v4_pro_in_peak_hours(cost_of: Callable[..., Cost]) -> None:
    """Twice $0.66 in and $1.98 out, on a Monday at 02:00 UTC: 1000 x 1320 + 100 x 3960."""
    monday = datetime(2026, 11, 16, 2, tzinfo=UTC)

    assert (
        cost_of("deepseek/deepseek-v4-pro", at=monday, input_tokens=1000, output_tokens=100).nanousd
        == 1_320_000 + 396_000
    )


@pytest.mark.parametrize(
    ("instant", "per_token"),
    [
        ("2026-11-16T00:59:59+00:00", 150),
        ("2026-11-16T01:00:00+00:00", 300),
        ("2026-11-16T03:59:59+00:00", 300),
        ("2026-11-16T04:00:00+00:00", 150),
        ("2026-11-16T05:59:59+00:00", 150),
        ("2026-11-16T06:00:00+00:00", 300),
        ("2026-11-16T09:59:59+00:00", 300),
        ("2026-11-16T10:00:00+00:00", 150),
        ("2026-11-20T02:00:00+00:00", 300),
        ("2026-11-21T02:00:00+00:00", 150),
        ("2026-11-22T07:00:00+00:00", 150),
    ],
)
def test_peak_hours_at_their_edges_on_weekdays_only(cost_of: Callable[..., Cost], instant: str, per_token: int) -> None:
    """01:00 to 04:00 and 06:00 to 10:00 UTC, Monday to Friday: tokentelemetry#307."""
    at = datetime.fromisoformat(instant)

    assert cost_of("deepseek/deepseek-v4-flash", at=at, input_tokens=1000, output_tokens=0).nanousd == 1000 * per_token


@pytest.mark.parametrize(
    ("instant", "per_token"),
    [
        ("2026-08-15T02:00:00+00:00", 140),  # a Saturday in the old hours of the new peak: the flat price
        ("2026-08-16T15:59:59+00:00", 140),
        ("2026-08-16T16:00:00+00:00", 220),
        ("2026-08-17T02:00:00+00:00", 440),
        ("2026-08-22T02:00:00+00:00", 440),  # a Saturday before the weekday rule
        ("2026-08-29T02:00:00+00:00", 220),  # a Saturday after it
        ("2026-09-09T12:00:00+00:00", 220),
        ("2026-09-10T12:00:00+00:00", 150),
    ],
)
def test_every_step_of_v4_flash(cost_of: Callable[..., Cost], instant: str, per_token: int) -> None:
    """A change at an hour, windows that begin with it, weekdays a week later: Wei-Shaw/sub2api#6097."""
    at = datetime.fromisoformat(instant)

    assert cost_of("deepseek/deepseek-v4-flash", at=at, input_tokens=1000, output_tokens=0).nanousd == 1000 * per_token


def test_an_unknown_version_is_not_the_known_one(cost_of: Callable[..., Cost]) -> None:
    """deepseek-chat-v9 is no deepseek-chat."""
    assert cost_of("deepseek/deepseek-chat-v9", input_tokens=1000, output_tokens=0).nanousd is None
