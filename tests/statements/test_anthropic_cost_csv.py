"""Anthropic's Console cost export: a window in a sign beyond ASCII, tools, batch, discounts."""

from pathlib import Path

import pytest
from tests.support.statement_files import read_text

from llmledger.core.statement import LineKind
from llmledger.errors import InputFileError

HEADER = "usage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,list_price_usd,cost_type,inference_geo,speed\n"


@pytest.mark.parametrize(
    ("cells", "meter", "context"),
    [
        ("message,≤ 200k,output,1,1,token,global,", "output_tokens", {}),
        (
            "message,> 200k,output,1,1,token,us,fast",
            "output_tokens",
            {"context_window": "long", "inference_geo": "us", "speed": "fast"},
        ),
        ("message_batch,,input_cache_write_1h,1,1,token,,", "cache_write_1h_tokens", {"processing": "batch"}),
        ("priority,,input_no_cache,1,1,token,,standard", "input_tokens", {"service_tier": "priority"}),
        ("message,,,1,1,web_search,,", "web_searches", {}),
        ("message,,,1,1,code_execution,,", "code_sessions", {}),
    ],
)
def test_what_a_row_bills_is_told_by_its_types(tmp_path: Path, cells: str, meter: str, context: dict[str, str]) -> None:
    """Token type, cost type, window, place and speed."""
    [line] = read_text(tmp_path, HEADER + f"2026-10-14,Demo Sonnet 9,Default,key,{cells}\n")

    assert (line.meter, dict(line.context), line.kind) == (meter, context, LineKind.USAGE)


def test_an_unknown_cost_type_is_reported(tmp_path: Path) -> None:
    """Session usage has no meter of ours."""
    [line] = read_text(tmp_path, HEADER + "2026-10-14,Demo,Default,key,message,,,1,1,session_usage,,\n")

    assert (line.kind, line.label) == (LineKind.UNKNOWN, "session_usage")


@pytest.mark.parametrize(
    "row", ["2026-13-14,Demo,D,k,message,,output,1,1,token,,\n", "2026-10-14,Demo,D,k,message,,output,,1,token,,\n"]
)
def test_a_day_or_amount_that_is_none_is_an_error(tmp_path: Path, row: str) -> None:
    """An empty amount is unknown, and unknown is not zero."""
    with pytest.raises(InputFileError, match="line 2"):
        read_text(tmp_path, HEADER + row)
