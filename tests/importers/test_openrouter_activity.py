"""OpenRouter's activity export: an invoice, exact to the request."""

from typing import Any

from tests.support.import_cases import FIXTURES, told


def requests() -> dict[str, Any]:
    """The generations of the export by the last character of their id."""
    found = told("openrouter_activity", FIXTURES / "openrouter_activity" / "activity.csv")["requests"]
    return {request["key"][-1]: request for request in found}


def test_the_charge_is_taken_as_it_stands() -> None:
    """Decimal text, never a float."""
    assert requests()["A"]["reported_usd"] == "0.00123"


def test_a_free_variant_is_free_and_not_unpriced() -> None:
    """An explicit zero."""
    found = requests()["B"]

    assert (found["reported_usd"], found["model"]) == ("0", "demo/free-20260901:free")


def test_what_the_users_own_key_was_billed_is_kept_beside_the_fee() -> None:
    """OpenRouter only estimates it."""
    found = requests()["C"]

    assert (
        found["raw_usage"],
        found["flags"],
        found["status"],
    ) == ({"byok_usage_inference": "0.0042"}, ["byok"], "cancelled")


def test_the_generation_is_the_providers_id() -> None:
    """It joins with what the proxy saw."""
    assert requests()["A"]["provider_request_id"] == "gen-1792000000-demoAAAA"
