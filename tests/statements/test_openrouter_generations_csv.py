"""OpenRouter's activity log: ids, cached tokens inside the prompt, what other providers bill left out."""

from decimal import Decimal
from pathlib import Path

from tests.support.statement_files import read_text

HEADER = "generation_id,created_at,cost_total,byok_usage_inference,tokens_prompt,tokens_completion,tokens_cached,model_permaslug,cancelled\n"


def test_what_the_users_own_provider_bills_is_not_in_the_amount(tmp_path: Path) -> None:
    """BYOK usage of $0.5 beside a fee of $0.025."""
    [line] = read_text(tmp_path, HEADER + "gen-1,2026-10-14 17:46:40.113,0.025,0.5,10,5,20,demo/m-20260901,false\n")

    assert (line.amount, line.label) == (Decimal("0.025"), "byok")
    assert line.quantities == {"cache_read_tokens": 10, "output_tokens": 5}
