"""Anthropic's Usage and Cost Analytics API (beta): rows of cost or of usage, each with the group that it is about.

https://platform.claude.com/docs/en/api/beta/organization/analytics
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from llmledger.core.statement import EXACT, Format, LineKind, StatementLine
from llmledger.statements._anthropic import context_of, meter_of
from llmledger.statements._contract import Head, Part
from llmledger.statements._pages import Item, items

SUMMARY = "Anthropic Usage and Cost Analytics API (JSON): cost, or usage, by any group"
FORMAT = Format(provider="anthropic")

_CENTS = Decimal(100)


def recognises(head: Head) -> bool:
    """By a group beside the list amount of a cost, or beside the total of a usage."""
    if not head.keys >= {"starting_at", "ending_at", "group"}:
        return False
    return head.keys >= {"cost", "list_amount"} or head.keys >= {"usage", "uncached_input_tokens"}


def read(parts: Sequence[Part]) -> Iterator[StatementLine]:
    """Yield one line per row; amounts are fractional cents after discount and before credits."""
    for part in parts:
        for row in items(part):
            group = row.item("group")
            if group.text("rbac_group_id"):
                raise row.error("rbac_group_id", "groups share members, so that their rows bill the same twice")
            yield _cost(row, group) if "cost" in row.values else _usage(row, group)


def _cost(row: Item, group: Item) -> StatementLine:
    cost = row.item("cost")
    cents, listed = cost.decimal("amount"), cost.decimal("list_amount")
    if cents is None:
        raise row.error("amount", "there is no amount")
    cost_type, token_type = group.text("cost_type"), group.text("token_type")
    meter, kind = meter_of(cost_type, token_type) if cost_type or token_type else (None, LineKind.USAGE)
    if cost_type in ("token", "tokens") and not token_type:
        kind = LineKind.USAGE
    return _line(row, group)._replace(
        meter=meter,
        requests=cost.whole("requests") or None,
        amount=EXACT.divide(cents, _CENTS),
        list_amount=None if listed is None else EXACT.divide(listed, _CENTS),
        currency=cost.text("currency").upper() or "USD",
        kind=kind,
        label=" ".join(filter(None, (cost_type, token_type))) or group.text("product"),
    )


def _usage(row: Item, group: Item) -> StatementLine:
    usage = row.item("usage")
    creation = usage.item("cache_creation")
    found = {
        "input_tokens": usage.whole("uncached_input_tokens"),
        "cache_write_tokens": creation.whole("ephemeral_5m_input_tokens"),
        "cache_write_1h_tokens": creation.whole("ephemeral_1h_input_tokens"),
        "cache_read_tokens": usage.whole("cache_read_input_tokens"),
        "output_tokens": usage.whole("output_tokens"),
        "web_searches": usage.item("server_tool_use").whole("web_search_requests"),
    }
    return _line(row, group)._replace(
        quantities={unit: quantity for unit, quantity in found.items() if quantity},
        requests=usage.whole("requests") or None,
        label=group.text("product"),
    )


def _line(row: Item, group: Item) -> StatementLine:
    return StatementLine(
        number=row.number,
        since=row.instant("starting_at"),
        until=row.instant("ending_at"),
        provider="anthropic",
        model=group.text("model"),
        key=group.text("api_key_id") or None,
        project=group.text("workspace_id") or None,
        context=context_of(
            group.text("service_tier"),
            group.text("context_window"),
            group.text("inference_geo"),
            group.text("speed"),
        ),
    )
