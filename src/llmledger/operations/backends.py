"""The model servers on this machine: where they listen, whether they answer, and which models they have."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from llmledger.core.address import parts_of
from llmledger.errors import ConfigError, LedgerError
from llmledger.pricebook.provider import Provider
from llmledger.upstream import http

PATIENCE = http.Patience(connect_s=0.5, silence_s=2, attempts=1)
"""A server on this machine that is up answers at once."""

START: Mapping[str, str] = {
    "ollama": "ollama serve",
    "llamacpp": "llama-server -m MODEL.gguf",
    "vllm": "vllm serve MODEL",
    "lmstudio": "lms server start",
}
"""What starts a server that does not answer."""

_NO_CHAT = ("bert", "embed")
_ELSEWHERE = (":cloud", "-cloud")
"""Models that Ollama only passes on to its own paid service. Source: https://docs.ollama.com/cloud"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """A model server as it was found."""

    provider: Provider
    base_url: str
    answers: bool
    models: tuple[str, ...] = ()
    """What it has, the newest first where it says so."""
    loaded: tuple[str, ...] = ()
    """What it holds in memory, where it says so."""

    @property
    def default_model(self) -> str | None:
        """What a prompt without a model goes to: the loaded model, else the newest; never one that is paid for."""
        return next((name for name in (*self.loaded, *self.models) if _answers_here(name.lower())), None)


def _answers_here(name: str) -> bool:
    """Whether a model answers prompts, and does so on this machine."""
    return not name.endswith(_ELSEWHERE) and not any(word in name for word in _NO_CHAT)


def start_hint(provider: Provider) -> str:
    """What to do when a server on this machine does not answer."""
    start = START.get(provider.name)
    begin = f"Start it: {start}" if start else "Start it"
    moved = f" (or tell where it is: {provider.address_variable})" if provider.address_variable else ""
    return f"{begin}{moved}. Without it there is -m local/smollm2, which runs inside this program."


def address(provider: Provider, environ: Mapping[str, str], configured: str | None = None) -> str | None:
    """Where a provider is reached: as configured, as its own variable says (`OLLAMA_HOST`), else its usual address.

    Raises ConfigError for a variable that holds none.
    """
    if configured:
        return configured
    told = environ.get(provider.address_variable, "").strip() if provider.address_variable else ""
    if not told:
        return provider.base_url
    found = _expanded(told, provider.default_port)
    if found is None:
        raise ConfigError(f"{provider.address_variable} = {told!r} is no address", hint="Give it as http://HOST:PORT.")
    return found


def _expanded(told: str, default_port: int | None) -> str | None:
    """A whole address from the short forms that OLLAMA_HOST may take: `host`, `:port`, `0.0.0.0:port`; None for none."""
    parts = parts_of(told if "://" in told else f"http://{told}")
    if not parts.netloc:
        return None
    host = parts.hostname or "127.0.0.1"
    host = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - an address to listen on is none to call
    usual = {"https": 443, "http": 80}[parts.scheme] if "://" in told and parts.scheme in ("http", "https") else None
    port = parts.port or usual or default_port
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}{f':{port}' if port else ''}{parts.path.rstrip('/')}"


def look(provider: Provider, base_url: str, *, now: Callable[[], datetime]) -> Backend:
    """Ask one server what it has. One that is down, or is something else, is told apart by `answers`, never raised."""
    around = http.Surroundings(now=now, sleep=lambda _seconds: None)

    def ask(path: str) -> Any:
        try:
            status, body = http.get(http.Outgoing(method="GET", url=base_url + path), PATIENCE, around)
            return json.loads(body) if status < 300 else None
        except (LedgerError, ValueError):
            return None

    if provider.name == "ollama":
        tags, running = ask("/api/tags"), ask("/api/ps")
        newest = sorted(_objects(tags, "models"), key=lambda one: str(one.get("modified_at", "")), reverse=True)
        models, loaded = _names(newest, "name"), _names(_objects(running, "models"), "name")
        return Backend(provider=provider, base_url=base_url, answers=tags is not None, models=models, loaded=loaded)
    listed = ask("/v1/models")
    models = _names(_objects(listed, "data"), "id")
    return Backend(provider=provider, base_url=base_url, answers=listed is not None, models=models)


def look_at_all(
    providers: Mapping[str, Provider], urls: Mapping[str, str], *, now: Callable[[], datetime]
) -> list[Backend]:
    """Ask several servers at the same time; in the order given."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=max(1, len(urls))) as pool:
        return list(pool.map(lambda name: look(providers[name], urls[name], now=now), urls))


def _objects(document: Any, key: str) -> list[Mapping[str, Any]]:
    listed = document.get(key) if isinstance(document, dict) else None
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _names(objects: list[Mapping[str, Any]], key: str) -> tuple[str, ...]:
    return tuple(name for one in objects if isinstance(name := one.get(key), str) and name)
