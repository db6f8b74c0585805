"""The whole table: each provider's header and models from all sources, written as files."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from pricing._generate.joining import Joined, join
from pricing._generate.litellm_list import PROVIDERS, LitellmModel, read_list
from pricing._generate.past import Issue

from llmledger.pricebook._file import read_file
from llmledger.pricebook.genai import PROVIDER_NAMES, read_installed
from llmledger.pricebook.tables import model_table
from llmledger.pricebook.writer import file_text

HERE = Path(__file__).parent
FACTS = HERE / "providers.toml"
ADDRESSES = "litellm/llms/openai_like/providers.json"
CORRECTIONS = HERE / "corrections.toml"
MORE_ALIASES = {
    "vertex": "vertex_ai",
    "x_ai": "xai",
    "grok": "xai",
    "amazon-bedrock": "bedrock",
    "moonshot_ai": "moonshot",
}


def write_table(out: Path, *, checked: date, litellm: Path, older: Sequence[tuple[date, Path]] = ()) -> str:
    """Write every provider's file and VERSION.toml; returns one line of what was written.

    `older` are earlier issues of litellm and the days by which they were out.
    """
    facts = tomllib.loads(FACTS.read_text(encoding="utf-8"))
    files = {one.name: Joined(one.name, one.header, one.models) for one in read_installed(checked)}
    issues = [*(_issue(day, folder) for day, folder in sorted(older)), _issue(checked, litellm)]
    listed = {name for issue in issues for name in issue.by_provider}
    for name in sorted({*facts, *listed} - files.keys()):
        files[name] = Joined(name, {"schema": 1, "provider": name, "title": _title(name), "checked": checked})
    addresses = _addresses(litellm)
    prefixes = _prefixes()
    for name, joined in files.items():
        _add_facts(joined, facts.get(name, addresses.get(name, {})), prefixes.get(name, []), checked)
    for name in sorted(listed):
        join(files[name], [issue.of(name) for issue in issues], checked=checked)
    _correct(files, checked)
    for name, joined in files.items():
        keep_known(joined, out / f"{name}.toml")
        (out / f"{name}.toml").write_text(file_text(joined.header, joined.models), encoding="utf-8")
    (out / "VERSION.toml").write_text(_version_text(checked), encoding="utf-8")
    return f"{sum(len(one.models) for one in files.values())} models of {len(files)} providers"


@dataclass(frozen=True, slots=True)
class _WholeIssue:
    day: date
    version: str
    by_provider: Mapping[str, dict[str, LitellmModel]]

    def of(self, provider: str) -> Issue:
        """The part of one provider."""
        return Issue(self.day, self.version, self.by_provider.get(provider, {}))


def _issue(day: date, folder: Path) -> _WholeIssue:
    by_provider: dict[str, dict[str, LitellmModel]] = {}
    for one in read_list(folder):
        by_provider.setdefault(one.provider, {})[one.key] = one
    return _WholeIssue(day, f"litellm {_version_of(folder)}", by_provider)


def _version_of(litellm: Path) -> str:
    return next(one.version for one in distributions(path=[str(litellm)]) if one.name == "litellm")


def _title(name: str) -> str:
    return name.replace("_", " ").title().replace("Ai", "AI")


def _addresses(litellm: Path) -> dict[str, dict[str, Any]]:
    """Where litellm finds providers that speak OpenAI's format, for those that the hand-kept facts do not have."""
    listed = json.loads((litellm / ADDRESSES).read_text(encoding="utf-8"))
    return {
        PROVIDERS.get(name, name.replace("-", "_")): {
            "base_url": facts["base_url"].removesuffix("/v1"),
            "key_variables": [facts["api_key_env"]],
            "dialects": {"/v1/chat/completions": "openai_chat"},
        }
        for name, facts in listed.items()
        if facts["base_url"].endswith("/v1") and "headers" not in facts
    }


def _prefixes() -> dict[str, list[str]]:
    """What the sources put before a model's name, by our provider: it may stand there in requests too."""
    found: dict[str, list[str]] = {}
    for theirs, ours in (*PROVIDERS.items(), *PROVIDER_NAMES.items()):
        found.setdefault(ours, []).append(f"{theirs}/")
    return found


def _add_facts(joined: Joined, told: Mapping[str, Any], prefixes: list[str], checked: date) -> None:
    told = dict(told)
    excepts = told.pop("except", [])
    routes = [*told.pop("routes", []), f"{joined.name}/", *prefixes]
    joined.header = {**joined.header, **told, "routes": list(dict.fromkeys(routes))}
    if told.get("local"):
        joined.models = [_free_model(excepts, checked)]


def _free_model(excepts: list[str], checked: date) -> dict[str, Any]:
    """Whatever runs on this machine is free: a stated zero."""
    period = {"free": True, "source": "nobody bills a model that runs on this machine", "checked": checked}
    return {"id": "any", "any": True, "except": excepts, "period": [period]}


def keep_known(joined: Joined, path: Path) -> None:
    """Keep the models that the file on disk has and the sources have no more: nothing is ever deleted."""
    if not path.exists():
        return
    index = joined.index()
    for entry in read_file(path).entries():
        if index.exact(entry.id.lower()) is None:
            joined.models.append(model_table(entry))


def _correct(files: Mapping[str, Joined], checked: date) -> None:
    """Put hand-kept entries in the place of generated ones: what is known better than both sources have it."""
    corrections = tomllib.loads(CORRECTIONS.read_text(encoding="utf-8"), parse_float=Decimal)
    for provider, held in corrections.items():
        for model in held["model"]:
            for period in model["period"]:
                period["checked"] = checked
            models = files[provider].models
            before = next((one for one in models if one["id"] == model["id"]), {})
            models[:] = [one for one in models if one["id"] != model["id"]]
            models.append({**before, **model})


def _version_text(checked: date) -> str:
    aliases = {**PROVIDERS, **PROVIDER_NAMES, **MORE_ALIASES}
    lines = [f'"{theirs}" = "{ours}"' for theirs, ours in sorted(aliases.items()) if theirs != ours]
    about = "# Written by `python -m pricing._generate`; what is known better than its sources is in its corrections."
    head = [about, "schema = 1", f'version = "{checked:%Y.%m.%d}"', "", "# Other names of providers.", "[aliases]"]
    return "\n".join([*head, *lines]) + "\n"
