"""Fetch a statement from a provider's admin API, page by page; the key is used and not kept.

- https://platform.openai.com/docs/api-reference/usage/costs
- https://platform.claude.com/docs/en/api/admin-api/usage-cost/get-cost-report
- https://openrouter.ai/docs/api-reference/analytics/get-activity
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from llmledger.errors import CredentialsError, ProviderError, UsageError
from llmledger.upstream.http import Outgoing, Patience, Surroundings, exchange

PATIENCE = Patience(silence_s=120, attempts=5)
MOST_PAGES = 2_000
MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminApi:
    """Where a provider's admin API is and how it wants to be asked."""

    base_url: str
    path: str
    key_variables: tuple[str, ...]
    who: str
    """Whose key it must be."""


APIS: Mapping[str, AdminApi] = {
    "openai": AdminApi(
        base_url="https://api.openai.com",
        path="/v1/organization/costs",
        key_variables=("OPENAI_ADMIN_KEY",),
        who="an admin key (platform.openai.com/settings/organization/admin-keys; organization owners make them)",
    ),
    "anthropic": AdminApi(
        base_url="https://api.anthropic.com",
        path="/v1/organizations/cost_report",
        key_variables=("ANTHROPIC_ADMIN_KEY",),
        who="an admin key sk-ant-admin... (platform.claude.com/settings/admin-keys; not for individual accounts)",
    ),
    "openrouter": AdminApi(
        base_url="https://openrouter.ai/api",
        path="/v1/activity",
        key_variables=("OPENROUTER_MANAGEMENT_KEY",),
        who="a management key (openrouter.ai/settings/management-keys); it tells the last 30 completed days",
    ),
}


def admin_api(provider: str) -> AdminApi:
    """The admin API of a provider. Raises UsageError when we know none."""
    if provider not in APIS:
        raise UsageError(f"nothing can be fetched from {provider!r}", hint=f"--fetch knows {', '.join(APIS)}.")
    return APIS[provider]


def key_of(provider: str, environ: Mapping[str, str]) -> str:
    """The admin key in the environment. Raises CredentialsError that says whose key it must be."""
    api = admin_api(provider)
    for variable in api.key_variables:
        if environ.get(variable):
            return environ[variable]
    raise CredentialsError(f"{api.key_variables[0]} is not set", hint=f"--fetch {provider} needs {api.who}.")


def fetch(
    provider: str, span: tuple[datetime, datetime], *, key: str, base_url: str | None, around: Surroundings
) -> Iterator[str]:
    """Yield every page of a period as one line of JSON.

    Raises CredentialsError when the key is refused, ProviderError for another answer than pages, UpstreamError for a network
    that fails.
    """
    api = admin_api(provider)
    query, page = _query(provider, span), ""
    seen: set[str] = set()
    for _ in range(MOST_PAGES):
        asked = [*query, ("page", page)] if page else list(query)
        url = f"{base_url or api.base_url}{api.path}?{urlencode(asked)}"
        outgoing = Outgoing(url=url, method="GET", headers=_headers(provider, key), secrets=(key,))
        text, document = _document(provider, api, outgoing, around)
        yield text
        page = str(document.get("next_page") or "")
        if not page or not document.get("has_more"):
            return
        if page in seen:
            raise ProviderError(f"{provider} sent the page {page[:40]!r} twice", hint="Try again later.")
        seen.add(page)
    raise ProviderError(f"{provider} has more than {MOST_PAGES} pages", hint="Fetch a shorter period.")


def _query(provider: str, span: tuple[datetime, datetime]) -> Sequence[tuple[str, str]]:
    since, until = span
    if provider == "openai":
        return (
            ("start_time", str(int(since.timestamp()))),
            ("end_time", str(int(until.timestamp()))),
            ("bucket_width", "1d"),
            ("limit", "180"),
            *(("group_by[]", group) for group in ("line_item", "project_id", "api_key_id")),
        )
    if provider == "anthropic":
        return (
            ("starting_at", since.strftime("%Y-%m-%dT%H:%M:%SZ")),
            ("ending_at", until.strftime("%Y-%m-%dT%H:%M:%SZ")),
            ("bucket_width", "1d"),
            ("limit", "31"),
            *(("group_by[]", group) for group in ("workspace_id", "description")),
        )
    return ()


def _headers(provider: str, key: str) -> dict[str, str]:
    if provider == "anthropic":
        return {"x-api-key": key, "anthropic-version": "2023-06-01"}
    return {"authorization": f"Bearer {key}"}


def _document(provider: str, api: AdminApi, outgoing: Outgoing, around: Surroundings) -> tuple[str, dict[str, Any]]:
    with exchange(outgoing, PATIENCE, around) as answer:
        if answer.status in (401, 403):
            raise CredentialsError(f"{provider} refused the key ({answer.status})", hint=f"It must be {api.who}.")
        if answer.is_error:
            raise ProviderError(f"{provider} answered {answer.status} to {api.path}", hint="Try again later.")
        text = _text(provider, answer.chunks())
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or not isinstance(document.get("data"), list):
        raise ProviderError(f"{provider} answered {api.path} with something else than a page", hint="Try again later.")
    return text.replace("\r", " ").replace("\n", " "), document


def _text(provider: str, chunks: Iterator[bytes]) -> str:
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > MOST_BYTES:
            raise ProviderError(
                f"{provider} sent more than {MOST_BYTES >> 20} MB in one page", hint="Fetch a shorter period."
            )
    return body.decode("utf-8", errors="replace")
