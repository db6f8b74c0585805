"""`llmledger config`: where the settings are, what they say, and how to change one."""

from typing import Annotated

import typer

from llmledger.cli._context import surroundings
from llmledger.cli._render import json_text, note, out
from llmledger.errors import AnswerIsNo, UsageError

SUMMARY = "Show and change settings, and store API keys."

app = typer.Typer(add_completion=False, rich_markup_mode=None, help="Show and change settings, and store API keys.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="section.key, such as run.model.", show_default=False)]
ProviderName = Annotated[str, typer.Argument(metavar="PROVIDER", help="Such as openai.", show_default=False)]


@app.command("path")
def path() -> None:
    """Print the path of the settings file; it need not exist."""
    out(str(surroundings().paths.config_file))


@app.command("show")
def show(
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Print every setting with its value, whether it was set or is the default; keys by name only."""
    from dataclasses import asdict

    from llmledger.keys import read_keys

    world = surroundings()
    settings = asdict(world.config)
    settings["fx"] = {name: {str(day): rate for day, rate in rates.items()} for name, rates in settings["fx"].items()}
    settings["keys"] = dict.fromkeys(read_keys(world.paths.keys_file), "stored")
    if json:
        out(json_text(settings))
        return
    note(str(world.paths.config_file) + ("" if world.paths.config_file.exists() else " (not there: all is default)"))
    for name, value in _flat("", settings):
        out(f"{name} = {value}")


def _flat(prefix: str, value: object) -> list[tuple[str, str]]:
    if isinstance(value, dict) and value:
        return [pair for key, inner in value.items() for pair in _flat(f"{prefix}.{key}" if prefix else key, inner)]
    return [(prefix, "(not set)" if value is None or value in ({}, (), []) else json_text(value, indent=None))]


@app.command("get")
def get(name: Name) -> None:
    """Print one setting as the file has it; exit code 1 when it is not set there."""
    from llmledger.config import read_settings
    from llmledger.config_file import value_at

    value = value_at(read_settings(surroundings().paths.config_file), name)
    if value is None:
        raise AnswerIsNo(f"{name} is not set", hint="See all settings with their defaults: llmledger config show")
    out(value if isinstance(value, str) else json_text(value, indent=None))


@app.command("set")
def set_(
    name: Name,
    value: Annotated[
        str, typer.Argument(metavar="VALUE", help="As it is written in TOML; text needs no quotes.", show_default=False)
    ],
) -> None:
    """Change one setting; the rest of the file stays as it is written."""
    from llmledger.config_file import set_value

    path = surroundings().paths.config_file
    set_value(path, name, value)
    note(f"{name} is set in {path}")


@app.command("set-key")
def set_key(
    provider: ProviderName,
    remove: Annotated[bool, typer.Option("--remove", help="Forget the stored key.")] = False,
) -> None:
    """Store the API key of a provider, typed unseen or piped in, in a file that only you may read."""
    from llmledger.keys import remove_key, store_key

    world = surroundings()
    name = _known_provider(provider)
    path = world.paths.keys_file
    if remove:
        if not remove_key(path, name):
            raise AnswerIsNo(f"there is no stored key of {name}")
        note(f"the key of {name} is forgotten")
        return
    key = (
        world.read_stdin().strip()
        if world.stdin_is_piped()
        else typer.prompt(f"Key of {name}", hide_input=True, err=True)
    )
    store_key(path, name, key.strip())
    note(f"the key of {name} is in {path}")


def _known_provider(name: str) -> str:
    """A provider of the price table, under its own name; raises UsageError with the nearest one."""
    from difflib import get_close_matches

    from llmledger.pricebook import load

    names = load(surroundings().pricing_folders()).provider_names()
    if name not in names:
        close = get_close_matches(name, names, n=1)
        raise UsageError(
            f"no provider {name!r}", hint=f"Did you mean {close[0]}?" if close else "See: llmledger models"
        )
    return name
