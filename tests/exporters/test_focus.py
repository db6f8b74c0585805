"""FOCUS 1.2: one row per meter, costs that add up, units and times as the specification writes them."""

import csv
import io
import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from llmledger.core.export import Table
from llmledger.core.spreadsheet import harmless
from llmledger.core.usage import UNIT_BY_CODE
from llmledger.exporters import focus, load

REQUEST: dict[str, Any] = {
    "request_id": "00ff",
    "started_at": "2026-10-14T23:59:59.500Z",
    "provider": "anthropic",
    "model": "claude-sonnet-4-5",
    "billing": "api",
    "requests": 1,
    "client": None,
    "user": "ada",
    "team": None,
    "project": "web",
    "operation": None,
    "app": None,
    "key": "ab…4f2a",
    "host": None,
    "tags": '{"env": "dev"}',
    "cost_nanousd": 3_600_000_000 + 3_600_000,
    "components": '{"i": [1200000, 3600000000], "o": [240, 3600000]}',
    "price_context": '{"service_tier": "standard"}',
    "rate": "anthropic/claude-sonnet-4-5@2025-09-29",
}

QUANTITIES = st.one_of(
    st.integers(-(10**12), 10**12),
    st.integers(0, 10**6),
    st.decimals(0, 10**6, places=6).map(lambda exact: f"{exact:f}"),
)
_TEXTS = st.sampled_from([None, "", "a", "%s", "100%", '"q",\n', "=1+1", "Zoë 東"])
ODD_REQUESTS = st.fixed_dictionaries(
    {
        **{name: st.just(value) for name, value in REQUEST.items()},
        **dict.fromkeys(("user", "project", "key", "rate", "team", "host", "model"), _TEXTS),
        "provider": _TEXTS.map(lambda text: text or "x"),
        "billing": st.sampled_from(["api", "subscription"]),
        "tags": st.sampled_from([None, "{}", '{"env": "%d"}']),
        "price_context": st.sampled_from([None, '{"a": "%s"}']),
        "started_at": st.sampled_from(["2026-10-14T23:59:59.500Z", "2025-12-31T00:00:00.000Z"]),
        "cost_nanousd": st.sampled_from([None, 0, 5, 3_603_600_000]),
        "requests": st.sampled_from([0, 1]),
    }
)


def rows_of(*requests: dict[str, Any]) -> list[dict[str, str]]:
    """The rows of an export."""
    table = Table(tuple(REQUEST), [[request[name] for name in REQUEST] for request in requests])
    return list(csv.DictReader(io.StringIO("".join(load("focus").write(table)))))


def test_each_meter_is_a_row_and_the_costs_add_up() -> None:
    """1.2 x 1,000,000 tokens at $3 = $3.6; 240 tokens at $15 per 1M = $0.0036."""
    first, second = rows_of(REQUEST)

    assert (first["SkuMeter"], first["ConsumedQuantity"], first["ConsumedUnit"]) == (
        "Input Tokens",
        "1200000.0",
        "Tokens",
    )
    assert (first["PricingQuantity"], first["PricingUnit"], first["ListUnitPrice"]) == ("1.2", "1000000 Tokens", "3.0")
    assert (first["BilledCost"], second["BilledCost"]) == ("3.6", "0.0036")
    assert Decimal(second["ListUnitPrice"]) * Decimal(second["PricingQuantity"]) == Decimal(second["ListCost"])
    assert sum(Decimal(row["EffectiveCost"]) for row in (first, second)) == Decimal("3.6036")


def test_periods_are_half_open_in_utc_and_both_pairs_of_provider_columns_are_there() -> None:
    """The day and the month of the request; 1.3 renamed the provider's columns."""
    row = rows_of(REQUEST)[0]

    assert (row["ChargePeriodStart"], row["ChargePeriodEnd"]) == ("2026-10-14T00:00:00Z", "2026-10-15T00:00:00Z")
    assert (row["BillingPeriodStart"], row["BillingPeriodEnd"]) == ("2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z")
    assert {row[name] for name in ("ProviderName", "PublisherName", "ServiceProviderName", "HostProviderName")} == {
        "anthropic"
    }
    assert json.loads(row["Tags"]) == {"env": "dev", "llmledger/user": "ada", "llmledger/project": "web"}
    assert json.loads(row["SkuPriceDetails"]) == {"x_service_tier": "standard"}
    assert (row["SubAccountId"], row["SubAccountType"]) == ("web", "Project")


def test_what_a_subscription_covers_has_a_list_cost_and_is_not_billed() -> None:
    """Plan value is never money."""
    row = rows_of({**REQUEST, "billing": "subscription"})[0]

    assert (row["ListCost"], row["BilledCost"], row["EffectiveCost"], row["ContractedUnitPrice"]) == (
        "3.6",
        "0.0",
        "0.0",
        "0.0",
    )


def test_a_stated_cost_without_matching_components_is_one_meter() -> None:
    """The request itself, at what the provider said."""
    (row,) = rows_of({**REQUEST, "cost_nanousd": 5_000_000_000, "project": None, "model": "", "tags": None})

    assert (row["SkuMeter"], row["BilledCost"], row["ConsumedQuantity"]) == ("Billed Requests", "5.0", "1.0")
    assert (row["SubAccountId"], row["SubAccountType"], row["SkuId"]) == ("", "", "unnamed")


def test_unpriced_requests_and_duplicates_have_no_row() -> None:
    """The specification has no unknown cost."""
    assert rows_of({**REQUEST, "cost_nanousd": None}, {**REQUEST, "requests": 0}) == []


def test_a_free_component_without_quantity_has_a_price_of_zero() -> None:
    """No division by nothing; durations are exact decimals."""
    rows = rows_of({**REQUEST, "cost_nanousd": 10, "components": '{"i": [0, 0], "as": ["0.5", 10]}'})

    assert (rows[0]["ListUnitPrice"], rows[1]["ConsumedUnit"], rows[1]["ConsumedQuantity"]) == ("0.0", "Seconds", "0.5")


def test_strings_are_ascii_and_the_tags_keep_every_name() -> None:
    """The specification's StringHandling; a key's fingerprint has an ellipsis, a project an accent."""
    row = rows_of({**REQUEST, "project": "Zürich 東", "model": "modèle", "user": "Zoë", "rate": None})[0]

    assert all(value.isascii() for value in row.values())
    assert row["BillingAccountId"] == row["BillingAccountName"] == "anthropic:ab...4f2a"
    assert (row["SubAccountId"], row["SubAccountName"]) == ("Z\\xfcrich \\u6771", "Zurich \\u6771")
    assert (row["SkuId"], row["SkuPriceId"]) == ("mod\\xe8le", "mod\\xe8le/input_tokens")
    assert json.loads(row["Tags"])["llmledger/user"] == "Zoë"
    assert json.loads(row["Tags"])["llmledger/project"] == "Zürich 東"


@given(nanousd=st.integers(-(10**15), 10**15), quantity=QUANTITIES, code=st.sampled_from(sorted(UNIT_BY_CODE)))
@example(nanousd=3, quantity=2_000_000, code="rq")  # 1.5 of the last place: to the even 2
@example(nanousd=5, quantity=2_000_000, code="rq")  # 2.5: to 2 as well
def test_every_number_is_exact_to_twelve_places(nanousd: int, quantity: int | str, code: str) -> None:
    """Rounded half to even from exact fractions, as the long way over decimals has it."""
    components = json.dumps({code: [quantity, nanousd]})
    (row,) = rows_of({**REQUEST, "cost_nanousd": nanousd, "components": components})

    amount, unit = Fraction(quantity), UNIT_BY_CODE[code]
    listed = Fraction(nanousd, 10**9)
    assert row["BilledCost"] == row["ListCost"] == row["EffectiveCost"] == decimal(listed)
    assert row["ConsumedQuantity"] == decimal(amount)
    assert row["PricingQuantity"] == decimal(amount / unit.per)
    price = decimal(listed / (amount / unit.per)) if amount else "0.0"
    assert row["ListUnitPrice"] == row["ContractedUnitPrice"] == row["PricingCurrencyListUnitPrice"] == price


def decimal(exact: Fraction) -> str:
    """A number with a point, and at most twelve places after it."""
    text = f"{(Decimal(round(exact * 10**12)) / 10**12).normalize():f}"
    return text if "." in text else f"{text}.0"


@given(some=st.lists(ODD_REQUESTS, min_size=2, max_size=8))
def test_a_request_is_written_as_if_it_were_the_only_one(some: list[dict[str, Any]]) -> None:
    """What requests share is written once: none gets what is another's."""
    alone = [rows_of(request) for request in some]
    # As another process would have it, which has seen none of them.
    focus._form.cache_clear()
    focus._tags.cache_clear()

    assert rows_of(*some) == [row for rows in alone for row in rows]


@given(request=ODD_REQUESTS)
def test_odd_texts_stay_in_their_columns_and_are_no_formulas(request: dict[str, Any]) -> None:
    """Percent signs, quotes, line breaks and signs of a sum."""
    for row in rows_of(request):
        model = (request["model"] or "unnamed").encode("ascii", "backslashreplace").decode()
        assert row["SkuId"] == (harmless(model))
        project = request["project"]
        assert row["SubAccountId"] == ("" if project is None else harmless(_ascii(project)))
        assert row["SkuPriceId"].removeprefix("'") == f"{_ascii(request['rate'] or model)}/{row['x_TokenType']}"
        assert json.loads(row["Tags"]).get("llmledger/user") == request["user"]
        assert set(row) == set(focus.COLUMNS) and row["x_RequestId"] == request["request_id"]


def _ascii(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()
