"""Anthropic's Console usage export: exact tokens, both headers."""

from pathlib import Path

from tests.support.statement_files import read_text


def test_columns_are_found_by_name_in_any_order(tmp_path: Path) -> None:
    """Shuffled columns and a new one change nothing."""
    text = "new,usage_output_tokens,usage_input_tokens_no_cache,model_version,usage_date_utc\nx,5,7,demo-sonnet-9,2026-10-14\n"
    [line] = read_text(tmp_path, text)

    assert line.quantities == {"input_tokens": 7, "output_tokens": 5}
    assert line.model == "demo-sonnet-9"
