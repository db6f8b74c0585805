"""AWS reports: both spellings, Bedrock alone, amounts in thousands."""

from pathlib import Path

import pytest
from tests.support.statement_files import read_text

from llmledger.core.statement import LineKind
from llmledger.errors import InputFileError
from llmledger.statements.aws_cur import usage_of

HEADER = "line_item_usage_start_date,line_item_usage_end_date,line_item_line_item_type,line_item_product_code,line_item_usage_type,line_item_usage_amount,line_item_unblended_cost\n"


@pytest.mark.parametrize(
    ("usage_type", "expected"),
    [
        ("USE1-Nova-output-tokens", ("Nova", "output_tokens", {})),
        ("EUW1-Nova-cache-read-input-token-count-flex", ("Nova", "cache_read_tokens", {"service_tier": "flex"})),
        ("EUW1-Nova-cache-write-tokens-batch", ("Nova", "cache_write_tokens", {"processing": "batch"})),
        ("USE1-a.b-mantle-input-tokens-standard", ("a.b", "input_tokens", {})),
        ("Requests-Tier1", ("", None, {})),
    ],
)
def test_usage_types_are_taken_apart(usage_type: str, expected: tuple[str, str | None, dict[str, str]]) -> None:
    """Region, model, meter, tier."""
    assert usage_of(usage_type) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Demo Sonnet 9 (Amazon Bedrock Edition)", ("Demo Sonnet 9", "input_tokens")), ("", ("", None))],
)
def test_a_marketplace_line_is_known_by_its_service_name(
    tmp_path: Path, name: str, expected: tuple[str, str | None]
) -> None:
    """Its usage type names no model: without the service's name it is reported, not spread over all models."""
    header = HEADER.strip() + ",product/ProductName\n"
    kind = "Usage,AmazonBedrockFoundationModels,USE1-MP:USE1_InputTokenCount-Units,1,3"
    [line] = read_text(tmp_path, f"{header}2026-10-14T10:00:00Z,2026-10-14T11:00:00Z,{kind},{name}\n")

    assert (line.model, line.meter) == expected
    assert line.kind is (LineKind.USAGE if name else LineKind.UNKNOWN)


def test_a_report_without_bedrock_is_no_statement(tmp_path: Path) -> None:
    """Other products are passed over, and nothing is left."""
    with pytest.raises(InputFileError, match="no usable row"):
        read_text(tmp_path, HEADER + "2026-10-14T10:00:00Z,2026-10-14T11:00:00Z,Usage,AmazonS3,Requests,1,0.1\n")
