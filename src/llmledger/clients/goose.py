"""goose: `ANTHROPIC_HOST`, `OPENAI_HOST` and `GOOGLE_HOST` in its `config.yaml`.

By https://block.github.io/goose/docs/guides/config-files (any variable may stand there) and
https://block.github.io/goose/docs/guides/environment-variables (the hosts, without `/v1`).
"""

from collections.abc import Mapping
from typing import Any

from llmledger.clients import _yaml_lines
from llmledger.clients._contract import Client, Proxy, Setting, config_home

SUMMARY = "goose (config.yaml)."

_HOSTS = (("ANTHROPIC_HOST", "anthropic"), ("OPENAI_HOST", "openai"), ("GOOGLE_HOST", "gemini"))


def _wanted(_settings: Any, proxy: Proxy, _beside: Mapping[str, str]) -> tuple[Setting, ...]:
    return tuple(Setting((name,), proxy.at(provider), provider) for name, provider in _HOSTS)


CLIENT = Client(
    title="goose",
    docs="https://block.github.io/goose/docs/guides/config-files",
    programs=("goose",),
    folders=lambda on: (config_home(on) / "goose",),
    file=lambda on: config_home(on) / "goose" / "config.yaml",
    syntax=_yaml_lines,
    wanted=_wanted,
    variables=lambda proxy: {name: proxy.at(provider) for name, provider in _HOSTS},
)
