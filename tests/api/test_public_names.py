"""The public surface holds still, costs nothing to import, and describes itself."""

import subprocess
import sys
from datetime import UTC, datetime

import pytest
from tests.support.unmeasured import unmeasured

import llmledger
from llmledger.errors import UsageError

AT = datetime(2026, 11, 21, tzinfo=UTC)


def test_every_public_name_can_be_had() -> None:
    """What `__all__` promises is there, and nothing else answers."""
    for name in llmledger.__all__:
        assert getattr(llmledger, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = llmledger.nonsense


def test_importing_the_package_imports_nothing_heavy() -> None:
    """A program pays only for what it uses."""
    heavy = ["pydantic", "sqlite3", "httpx", "typer", "rich", "sqlite_utils", "asyncio"]
    code = f"import sys, llmledger; print([m for m in {heavy!r} if m in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=unmeasured())

    assert done.stdout.strip() == "[]"


def test_prices_are_asked_by_name_or_by_provider_and_name() -> None:
    """1,000,000 in at $3 and 100,000 out at $15/M: $4.50, either way."""
    usage = llmledger.Usage(input_tokens=1_000_000, output_tokens=100_000)

    one = llmledger.price("anthropic/claude-sonnet-4-5", usage, at=AT)
    two = llmledger.price("claude-sonnet-4-5", usage, at=AT, provider="anthropic")
    three = llmledger.price("anthropic/claude-sonnet-4-5", usage, at=AT, provider="anthropic")

    assert one == two == three
    assert one.price_version is not None


def test_pricing_is_total() -> None:
    """Unknown models come back unpriced with the reason, and only a naive time is an error."""
    cost = llmledger.price("lark-2", llmledger.Usage(input_tokens=1), at=AT, provider="stealth")

    assert cost.nanousd is None
    assert cost.usd is None
    assert cost.reason
    with pytest.raises(ValueError, match="aware"):
        llmledger.price("lark-2", llmledger.Usage(), at=datetime(2026, 11, 21))


@pytest.mark.parametrize("name", ["usage", "cost", "request", "recorded", "report", "usage_stats", "named_stats"])
def test_results_have_json_schemas(name: str) -> None:
    """An object schema with properties for each result."""
    schema = llmledger.json_schema(name)

    assert "properties" in schema or "$ref" in schema or "$defs" in schema


def test_an_unknown_schema_names_the_known_ones() -> None:
    """One clear line."""
    with pytest.raises(UsageError, match="no schema"):
        llmledger.json_schema("nonsense")
