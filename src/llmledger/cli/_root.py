"""The root command: knows its commands by their files, imports and builds the one that is invoked."""

import importlib
import sys
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperOption
from typer.main import get_command

from llmledger._version import VERSION
from llmledger.cli._boundary import BoundedGroup
from llmledger.cli._commands import EXIT_CODES, command_names, file_of, sections, summary
from llmledger.cli._completion import is_asked, offer_values
from llmledger.cli._context import choose_color
from llmledger.errors import UsageError

if TYPE_CHECKING:
    from typer._click.core import Command, Context
    from typer._click.formatting import HelpFormatter


class RootGroup(BoundedGroup):
    """`llmledger`: knows its commands by their files, and builds the one that is invoked."""

    def list_commands(self, ctx: "Context") -> list[str]:
        """Every command, in the order of the help."""
        return command_names()

    def get_command(self, ctx: "Context", cmd_name: str) -> "Command | None":
        """Import and build one command."""
        if cmd_name not in command_names():
            return None
        if cmd_name not in self.commands:
            self.commands[cmd_name] = build(cmd_name)
        return self.commands[cmd_name]

    def resolve_command(self, ctx: "Context", args: list[str]) -> tuple[str | None, "Command | None", list[str]]:
        """Find the command meant; raises UsageError with the nearest name."""
        name = args[0]
        if not name.startswith("-") and name not in command_names() and not ctx.resilient_parsing:
            from difflib import get_close_matches

            close = get_close_matches(name, command_names(), n=1)
            hint = f"Did you mean {close[0]!r}?" if close else "See: llmledger --help"
            raise UsageError(f"no command {name!r}", hint=hint)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """List the commands with their summaries, importing none of them."""
        for title, names in sections():
            with formatter.section(title):
                formatter.write_dl([(name, summary(name)) for name in names])


def build(name: str) -> "Command":
    """Import a command's file and make its Typer command of it: its `app`, or its function `command`."""
    module = importlib.import_module(f"llmledger.cli.{file_of(name).stem}")
    app: typer.Typer | None = getattr(module, "app", None)
    if app is None:
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(name, help=module.command.__doc__ or module.SUMMARY)(module.command)
    built = get_command(app)
    built.name = name
    built.help = built.help or module.SUMMARY
    _accept_color(built)
    _tell_whole_summaries(built)
    if is_asked():
        offer_values(built)
    return built


def _accept_color(built: "Command") -> None:
    """Let every command take `--color`, wherever it stands."""
    for child in getattr(built, "commands", {}).values():
        _accept_color(child)
    if not hasattr(built, "commands") or getattr(built, "invoke_without_command", False):
        built.params.append(_color_option())


def _tell_whole_summaries(built: "Command") -> None:
    """Let a list of sub-commands have their whole first sentences: Typer cuts them to one line."""
    for child in getattr(built, "commands", {}).values():
        _tell_whole_summaries(child)
        paragraph = " ".join((child.help or "").partition("\n\n")[0].split())
        sentence, stop, _ = f"{paragraph} ".partition(". ")
        child.short_help = f"{sentence.strip()}{stop.strip()}"


def _color_option() -> TyperOption:
    return TyperOption(
        param_decls=["--color"],
        metavar="WHEN",
        help="Colour: auto, always or never.",
        expose_value=False,
        is_eager=True,
        callback=_choose_color,
    )


def _choose_color(_ctx: "Context", _param: Any, value: str | None) -> None:
    if value is not None:
        choose_color(value)


def _show_version(value: bool) -> None:
    if value:
        sys.stdout.write(f"llmledger {VERSION}\n")
        raise typer.Exit


def _root(
    ctx: typer.Context,
    version: bool = typer.Option(False, "--version", "-V", help="Print the version.", callback=_show_version),
) -> None:
    """An exact local ledger of every LLM request: run, proxy, report, reconcile."""
    if ctx.invoked_subcommand is None:
        from llmledger.cli import _start

        _start.show()


def root() -> RootGroup:
    """The root command, without any of its commands built yet."""
    codes = " · ".join(f"{int(code)} {meaning}" for code, meaning in EXIT_CODES.items())
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.callback(
        cls=RootGroup,
        invoke_without_command=True,
        epilog=f"Exit codes: {codes}. Data goes to stdout, the rest to stderr.",
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )(_root)
    if is_asked():
        from typer._completion_classes import completion_init

        completion_init()
    group = get_command(app)
    if not isinstance(group, RootGroup):
        raise TypeError("the root command must be a RootGroup")
    return group
