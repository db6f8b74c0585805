"""Prices out of the JSON list in litellm's wheel, as tables in our own schema.

Its conventions: one flat object a model; a price is USD per token (second, image, character ...); the name of a field
carries kind, context tier and mode, as in `cache_read_input_token_cost_above_272k_tokens_priority`. It holds no
history.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from pricing._generate.litellm_windows import windows

from llmledger.core.usage import UNIT_BY_PRICE_KEY, K, M
from llmledger.pricebook.genai import exact

LIST = "litellm/model_prices_and_context_window_backup.json"
HOUR = 3600

PROVIDERS: Mapping[str, str] = {
    "amazon_nova": "amazon_nova",
    "azure_text": "azure",
    "bedrock_converse": "bedrock",
    "bigmodel": "zhipuai",
    "cohere_chat": "cohere",
    "fireworks_ai": "fireworks",
    "fireworks_ai-embedding-models": "fireworks",
    "scx-ai": "scx_ai",
    "text-completion-codestral": "codestral",
    "text-completion-inception": "inception",
    "text-completion-openai": "openai",
    "together_ai": "together",
}
"""Their provider names to ours, where they differ; every `vertex_ai-*` is vertex_ai."""

ZERO_IS_UNKNOWN = frozenset(
    {
        "chatgpt",
        "cloudflare",
        "cohere",
        "databricks",
        "github_copilot",
        "microsoft_365_copilot",
        "sagemaker",
        "vertex_ai",
    }
)
"""Providers whose zeros mean a subscription, a bill for machines, or that nobody looked."""

RUN_AT_HOME = frozenset({"lemonade", "ollama"})

FIELDS: Mapping[str, tuple[str, int]] = {
    "input_cost_per_token": ("input", M),
    "output_cost_per_token": ("output", M),
    "cache_read_input_token_cost": ("cache_read", M),
    "input_cost_per_token_cache_hit": ("cache_read", M),
    "cache_creation_input_token_cost": ("cache_write", M),
    "cache_creation_input_token_cost_above_1hr": ("cache_write_1h", M),
    "cache_creation_input_token_cost_above_12hr": ("cache_write_12h", M),
    "input_cost_per_audio_token": ("input_audio", M),
    "output_cost_per_audio_token": ("output_audio", M),
    "input_cost_per_image_token": ("input_image", M),
    "output_cost_per_image_token": ("output_image", M),
    "input_cost_per_video_token": ("input_video", M),
    "output_cost_per_video_token": ("output_video", M),
    "cache_read_input_audio_token_cost": ("cache_read_audio", M),
    "cache_read_input_image_token_cost": ("cache_read_image", M),
    "output_cost_per_reasoning_token": ("reasoning", M),
    "citation_cost_per_token": ("citation", M),
    "input_cost_per_request": ("per_1k_requests", K),
    "google_maps_grounding_cost_per_query": ("per_1k_maps_searches", K),
    "code_interpreter_cost_per_session": ("per_1k_code_sessions", K),
    "input_cost_per_text_message": ("per_1k_text_messages", K),
    "input_cost_per_image": ("per_1k_images", K),
    "output_cost_per_image": ("per_1k_output_images", K),
    "input_cost_per_pixel": ("per_1m_input_pixels", M),
    "output_cost_per_pixel": ("per_1m_output_pixels", M),
    "input_cost_per_character": ("per_1m_characters", M),
    "output_cost_per_character": ("per_1m_output_characters", M),
    "ocr_cost_per_page": ("per_1k_pages", K),
    "annotation_cost_per_page": ("per_1k_annotated_pages", K),
    "cost_per_second": ("per_hour_compute", HOUR),
    "output_cost_per_video_per_second": ("per_hour_video", HOUR),
    "input_cost_per_audio_per_second": ("per_hour_input_audio", HOUR),
}
"""Field to price key and scale. Those that depend on the model's mode are below."""

SECONDS: Mapping[tuple[str, str], str] = {
    ("input_cost_per_second", "audio_transcription"): "per_hour_audio",
    ("input_cost_per_second", "realtime"): "per_hour_input_audio",
    ("input_cost_per_second", "chat"): "per_hour_compute",
    ("output_cost_per_second", "audio_speech"): "per_hour_output_audio",
    ("output_cost_per_second", "video_generation"): "per_hour_video",
}

MODES: Mapping[str, dict[str, str]] = {
    "batches": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
    "balanced": {"service_tier": "balanced"},
    "ultrafast": {"service_tier": "ultrafast"},
}

STATED_ZERO = {"free": True}

_FIELD = re.compile(
    rf"(?P<kind>{'|'.join(sorted(map(re.escape, FIELDS), key=len, reverse=True))})"
    rf"(?:_above_(?P<above>\d+)k_tokens)?(?:_(?P<mode>{'|'.join(MODES)}))?"
)
_SIZED = re.compile(r"output_cost_per_(?P<what>second|image)_(?P<size>\d[\d.]*[pkK]?)")
_TOKEN_KEYS = tuple(key for key, unit in UNIT_BY_PRICE_KEY.items() if unit.name.endswith("_tokens"))
_WITHOUT_OUTPUT = frozenset({"embedding", "rerank", "moderation", "image_generation", "ocr"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LitellmModel:
    """One key of their list in our schema."""

    key: str
    provider: str
    model: str
    mode: str
    table: dict[str, Any]
    """Prices, tiers and modes; empty when its price cannot be said or believed."""
    url: str | None
    retired: str | None
    note: str | None = None

    @property
    def is_text(self) -> bool:
        """Whether the model is priced by text tokens: the keys that must all resolve."""
        return self.mode in ("chat", "completion", "responses", "embedding", "rerank")


def read_list(folder: Path) -> Iterator[LitellmModel]:
    """Every priced model of the list, sorted by key."""
    listed = json.loads((folder / LIST).read_text(encoding="utf-8"), parse_float=Decimal)
    listed.pop("sample_spec", None)
    for key, facts in sorted(listed.items()):
        theirs = facts.get("litellm_provider")
        if theirs is None:
            continue
        provider = "vertex_ai" if theirs.startswith("vertex_ai") else PROVIDERS.get(theirs, theirs.replace("-", "_"))
        table = _table(facts, provider)
        if table == STATED_ZERO and not _is_stated(key, facts, provider):
            table = {}
        doubt = _disbelief(table, facts.get("mode"))
        yield LitellmModel(
            key=key,
            provider=provider,
            model=_model_name(key, theirs),
            mode=facts.get("mode") or "chat",
            table={} if doubt else table,
            url=facts.get("source"),
            retired=facts.get("deprecation_date"),
            note=doubt,
        )


def _is_stated(key: str, facts: Mapping[str, Any], provider: str) -> bool:
    """Whether a zero is a price and no placeholder: the name says free, a page was read, or nobody bills it."""
    says_free = "free" in re.split(r"[^a-z]", key.lower().rpartition("/")[2])[1:]
    if provider in ZERO_IS_UNKNOWN and not says_free:
        return False
    return says_free or provider in RUN_AT_HOME or facts.get("mode") == "moderation" or bool(facts.get("source"))


def _model_name(key: str, theirs: str) -> str:
    """The key without the provider in front of it."""
    head, slash, rest = key.partition("/")
    family = theirs.split("-", maxsplit=1)[0]
    return rest if slash and head in (theirs, family, "bedrock", "vertex_ai") and rest else key


def _disbelief(table: Mapping[str, Any], mode: str | None) -> str | None:
    """Why a price cannot be right: dearer than twice the dearest model that a vendor lists, or cheaper than any."""
    if mode == "embedding" and table.get("input", 0) > 10:
        return f"litellm has input = {table['input']} USD per 1M tokens for an embedding"
    for key in _TOKEN_KEYS:
        usd = table.get(key)
        if usd is not None and (usd > 300 if key == "input" else usd > 1500):
            return f"litellm has {key} = {usd} USD per 1M tokens, a price per 1,000 taken for one per token"
        if usd and usd < Decimal("0.0015"):
            return f"litellm has {key} = {usd} USD per 1M tokens, a price per step taken for one per token"
    return None


def _table(facts: Mapping[str, Any], provider: str) -> dict[str, Any]:
    base: dict[str, Any] = {}
    tiers: dict[int, dict[str, Any]] = {}
    modes: dict[str, dict[str, Any]] = {name: {} for name in MODES}
    mode_tiers: dict[str, dict[int, dict[str, Any]]] = {name: {} for name in MODES}
    for field, value in facts.items():
        found = _FIELD.fullmatch(field)
        if found is None or not isinstance(value, (int, float, Decimal)):
            continue
        key, scale = FIELDS[found["kind"]]
        above, mode = found["above"], found["mode"]
        target = modes[mode] if mode else base
        if above:
            target = (mode_tiers[mode] if mode else tiers).setdefault(int(above) * K, {})
        target.setdefault(key, exact(Decimal(value) * scale))
    base.update(_odd_units(facts))
    _ranges(facts, base, tiers)
    if facts.get("mode") in _WITHOUT_OUTPUT and not base.get("output"):
        base.pop("output", None)
    base, searches = _searches(facts, provider, base)
    if not any(base.values()):
        has_both = base.get("input") == 0 and (base.get("output") == 0 or facts.get("mode") in _WITHOUT_OUTPUT)
        return dict(STATED_ZERO) if has_both else {}
    if tiers:
        base["tier"] = [{"above": start, **tiers[start]} for start in sorted(tiers)]
    listed = [_mode(MODES[name], modes[name], mode_tiers[name]) for name in MODES if modes[name] or mode_tiers[name]]
    listed += [*searches, *_sizes(facts), *_premiums(facts, base)]
    if base.get("reasoning") == base.get("output") and any(
        "output" in mode and "reasoning" not in mode for mode in listed
    ):
        # Reasoning is output at output's price, in every mode: said of the base alone, the modes would charge the base's.
        base.pop("reasoning", None)
    opened = windows(facts.get("off_peak_pricing"))
    return {**base, **({"mode": listed} if listed else {}), **({"window": opened} if opened else {})}


def _mode(when: Mapping[str, str], prices: Mapping[str, Any], tiers: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    mode: dict[str, Any] = {"when": dict(when), **prices}
    if tiers:
        mode["tier"] = [{"above": start, **tiers[start]} for start in sorted(tiers)]
    return mode


def _odd_units(facts: Mapping[str, Any]) -> Iterator[tuple[str, Decimal]]:
    """Prices whose unit depends on what the model does."""
    mode = facts.get("mode") or "chat"
    for (field, kind), key in SECONDS.items():
        if kind == mode and facts.get(field) and not facts.get("cost_per_second"):
            yield key, exact(Decimal(facts[field]) * HOUR)
    if facts.get("input_cost_per_query"):
        key = "per_1k_search_units" if mode == "rerank" else "per_1k_requests"
        yield key, exact(Decimal(facts["input_cost_per_query"]) * K)


def _ranges(facts: Mapping[str, Any], base: dict[str, Any], tiers: dict[int, dict[str, Any]]) -> None:
    """Ranges of total input, each with all its prices: the first is the base, the others are tiers."""
    for part in facts.get("tiered_pricing") or ():
        if "range" not in part:
            continue
        prices = {FIELDS[name][0]: exact(Decimal(value) * M) for name, value in part.items() if name in FIELDS}
        start = int(part["range"][0])
        if start == 0:
            for key, usd in prices.items():
                base.setdefault(key, usd)
        else:
            tiers.setdefault(start, prices)


def _searches(
    facts: Mapping[str, Any], provider: str, base: dict[str, Any]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The fee of a web search. At Perplexity every request searches, and is billed by the size of its context."""
    sizes = facts.get("search_context_cost_per_query")
    if not isinstance(sizes, dict):
        return base, []
    usd = {name.removeprefix("search_context_size_"): exact(Decimal(value) * K) for name, value in sizes.items()}
    key = "per_1k_requests" if provider == "perplexity" else "per_1k_web_searches"
    usual = "low" if provider == "perplexity" else "medium"
    if usual not in usd or not usd[usual]:
        return base, []
    base.setdefault(key, usd[usual])
    others = [size for size in ("low", "medium", "high") if size in usd and usd[size] != usd[usual]]
    return base, [{"when": {"search_context_size": size}, key: usd[size]} for size in others]


def _sizes(facts: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for field, value in sorted(facts.items()):
        found = _SIZED.fullmatch(field)
        if found is not None and value and found["what"] == "second":
            yield {"when": {"resolution": found["size"]}, "per_hour_video": exact(Decimal(value) * HOUR)}
        elif found is not None and value:
            yield {"when": {"image_size": found["size"]}, "per_1k_output_images": exact(Decimal(value) * K)}


def _premiums(facts: Mapping[str, Any], base: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Multipliers on every token price: data residency, regional endpoints, fast mode."""
    only = [key for key in _TOKEN_KEYS if key in base]
    special = facts.get("provider_specific_entry") or {}
    for name, when in (
        ("us", {"inference_geo": "us"}),
        ("fast", {"speed": "fast"}),
    ):
        if isinstance(special.get(name), (int, Decimal)):
            yield {"when": when, "multiply": Decimal(special[name]), "only": only}
    for field, when in (
        ("regional_processing_uplift_multiplier_eu", {"inference_geo": "eu"}),
        ("regional_processing_uplift_multiplier_us", {"inference_geo": "us"}),
        ("regional_endpoint_uplift_multiplier", {"endpoint": "regional"}),
    ):
        if facts.get(field):
            yield {"when": when, "multiply": Decimal(facts[field]), "only": only}
