"""The whole table: each provider's header and models from all sources, written as files."""

import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from llmledger.pricebook.genai import read_installed
from llmledger.pricebook.writer import file_text

FACTS = Path(__file__).parent / "providers.toml"


def write_table(out: Path, *, checked: date, litellm: Path | None) -> str:
    """Write every provider's file and VERSION.toml; returns one line of what was written."""
    facts = tomllib.loads(FACTS.read_text(encoding="utf-8"))
    files = {one.name: (one.header, one.models) for one in read_installed(checked)}
    for name, told in facts.items():
        header, models = files.get(name, (_plain_header(name, checked), []))
        files[name] = _with_facts(header, models, told, checked)
    for name, (header, models) in files.items():
        (out / f"{name}.toml").write_text(file_text(header, models), encoding="utf-8")
    (out / "VERSION.toml").write_text(_version_text(checked), encoding="utf-8")
    return f"{sum(len(models) for _, models in files.values())} models of {len(files)} providers"


def _plain_header(name: str, checked: date) -> dict[str, Any]:
    return {"schema": 1, "provider": name, "title": name, "checked": checked}


def _with_facts(
    header: Mapping[str, Any], models: list[dict[str, Any]], told: Mapping[str, Any], checked: date
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    told = dict(told)
    excepts = told.pop("except", [])
    if told.get("local"):
        models = [_free_model(excepts, checked)]
    return {**header, **told}, models


def _free_model(excepts: list[str], checked: date) -> dict[str, Any]:
    """Whatever runs on this machine is free: a stated zero."""
    period = {"free": True, "source": "nobody bills a model that runs on this machine", "checked": checked}
    return {"id": "any", "any": True, "except": excepts, "period": [period]}


def _version_text(checked: date) -> str:
    return f'schema = 1\nversion = "{checked:%Y.%m.%d}"\n'
