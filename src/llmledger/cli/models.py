"""`llmledger models`: what can be run here, why the rest cannot, and the models that run inside this program."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmledger.cli._context import surroundings
from llmledger.cli._options import JsonOption
from llmledger.cli._render import Column, envelope, note, out, table
from llmledger.errors import UsageError

if TYPE_CHECKING:
    from llmledger.local.store import LocalModel
    from llmledger.operations.list_models import Offer

SUMMARY = "What can be run here and what is missing for the rest; fetch and remove local models."

app = typer.Typer(add_completion=False, rich_markup_mode=None)
COLUMNS = (
    Column("Provider"),
    Column("Models", right=True, priority=1),
    Column("State"),
    Column("Why", shrinks=True),
    Column("To use it", priority=2),
)


@app.callback(invoke_without_command=True)
def overview(context: typer.Context, json: JsonOption = False) -> None:
    """What can be run here, why the rest cannot, and what to do about it.

    Asks the model servers of this machine; sends nothing elsewhere.
    """
    if context.invoked_subcommand is not None:
        return
    offers = _offers()
    if json:
        out(envelope("llmledger.models/1", {"rows": [_offer_object(offer) for offer in offers]}))
        return
    rows = [
        [offer.provider, f"{len(offer.models):,}", offer.state.value, offer.reason, _step(offer)] for offer in offers
    ]
    out(table(COLUMNS, rows))
    note("A key: set its variable, or store it with llmledger config set-key PROVIDER", style_name="dim")
    note("The models of one: llmledger models list --provider NAME", style_name="dim")


@app.command("list")
def list_(
    provider: Annotated[
        str | None, typer.Option("--provider", metavar="NAME", help="Of this provider, ready or not.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """The models that can be run here, one a line: as `run -m` takes them."""
    offers = _offers()
    if provider is not None and provider not in {offer.provider for offer in offers}:
        from llmledger.local.store import unknown

        raise unknown(provider, [offer.provider for offer in offers], what="no provider that `run` can use")
    chosen = [offer for offer in offers if (offer.provider == provider if provider else offer.state != "missing")]
    names = [f"{offer.provider}/{model}" for offer in chosen for model in offer.models]
    if json:
        out(envelope("llmledger.models.list/1", {"rows": names}))
        return
    for name in names:
        out(name)
    if not names:
        note("None. What is missing: llmledger models", style_name="dim")


@app.command()
def pull(
    what: Annotated[
        str, typer.Argument(metavar="NAME|FILE|URL", help="Such as smollm2, ./model.gguf, https://.../model.gguf.")
    ],
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="What to call it; its file's name by default.")
    ] = None,
    sha256: Annotated[
        str | None, typer.Option("--sha256", metavar="HASH", help="What the file must be; needed with a URL.")
    ] = None,
) -> None:
    """Fetch a model that runs inside this program; a file of yours is linked, not copied."""
    from llmledger.local.fetch import link_file, require_hash
    from llmledger.local.store import PULLABLE, SUFFIX, require_name, unknown

    what = what.removeprefix("local/")
    if what.startswith(("http://", "https://")):
        model = _from_url(what, require_name(name or _stem(what)), sha256)
    elif what.endswith(SUFFIX):
        path = Path(what).expanduser()
        if sha256 is not None and path.is_file():
            require_hash(path, sha256)
        model = link_file(path, surroundings().paths.models, require_name(name or _stem(what)))
    elif what in PULLABLE:
        from llmledger.cli._run.model import pull as pull_by_name

        model = pull_by_name(what)
    else:
        raise unknown(what, list(PULLABLE), what="no model that can be fetched")
    _tell(model)


@app.command()
def remove(name: Annotated[str, typer.Argument(metavar="NAME", help="Such as smollm2.")]) -> None:
    """Remove a model that runs inside this program; a linked file of yours stays."""
    from llmledger.local import store

    gone = store.remove(surroundings().paths.models, name.removeprefix("local/"))
    out(f"Removed local/{gone.name}" + (" (a link; the file stays)" if gone.is_link else f", {_size(gone)}"))


def _offers() -> "tuple[Offer, ...]":
    from llmledger.cli._addresses import address_of
    from llmledger.cli._run.model import key_of
    from llmledger.cli._run.send import price_book
    from llmledger.local.server import is_available
    from llmledger.local.store import installed
    from llmledger.operations.backends import look_at_all
    from llmledger.operations.list_models import Here, list_models

    book = price_book()
    providers = {name: found for name in book.provider_names() if (found := book.provider(name)) is not None}
    urls = {name: url for name, one in providers.items() if one.local and (url := address_of(one)) is not None}
    keys = {name: key.source for name, one in providers.items() if not one.local and (key := key_of(one)) is not None}
    here = Here(
        key_sources=keys,
        backends=look_at_all(providers, urls, now=surroundings().now),
        local_models=installed(surroundings().paths.models),
        can_run_local=is_available(),
    )
    return list_models(book, here)


def _step(offer: "Offer") -> str:
    """What to do, where the reason does not say it already: the variable of a missing key does."""
    step = offer.next_step or ""
    return "" if step.startswith("llmledger config set-key") else step.removeprefix("llmledger ")


def _offer_object(offer: "Offer") -> dict[str, object]:
    return {
        "provider": offer.provider,
        "state": offer.state,
        "reason": offer.reason,
        "next_step": offer.next_step,
        "models": list(offer.models),
    }


def _from_url(url: str, name: str, sha256: str | None) -> "LocalModel":
    from llmledger.operations.download_model import download_model

    if sha256 is None:
        raise UsageError("a model from a URL needs --sha256", hint="Its publisher states it beside the file.")
    from llmledger.cli._render import progress

    with progress(f"local/{name}, MB") as bar:
        return download_model(
            url,
            surroundings().paths.models,
            name,
            expected_sha256=sha256,
            now=surroundings().now,
            on_megabyte=bar.advance,
        )


def _stem(what: str) -> str:
    return what.partition("?")[0].rstrip("/").rpartition("/")[2].removesuffix(".gguf")


def _tell(model: "LocalModel") -> None:
    out(f"local/{model.name}: {_size(model)}. Run it: llmledger run -m local/{model.name} PROMPT")


def _size(model: "LocalModel") -> str:
    return f"{max(1, model.size_bytes // 1_000_000):,} MB"
