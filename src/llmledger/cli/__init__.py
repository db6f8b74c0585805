"""The command line: one file per command in this folder, found by listing it, imported only when it is invoked."""

import ast
import importlib
import sys
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperOption
from typer.main import get_command

from llmledger._version import VERSION
from llmledger.cli._boundary import BoundedGroup
from llmledger.cli._context import Surroundings, choose_color, inside, surroundings
from llmledger.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from typer._click.core import Command, Context
    from typer._click.formatting import HelpFormatter

SECTIONS = {
    "Get data in": ("run", "proxy", "with", "connect", "import"),
    "Get answers": ("report", "log", "check", "statusline", "estimate", "reconcile", "export"),
    "Models and prices": ("models", "pricing", "reprice"),
    "Keep house": ("config", "doctor", "assign", "db", "prune"),
}
"""The order of the commands in the help; those not named here follow under "More"."""

EXIT_CODES = {
    ExitCode.OK: "fine",
    ExitCode.ANSWER_IS_NO: "it ran, and the answer is no",
    ExitCode.USAGE: "usage",
    ExitCode.CONFIG: "bad config or file",
    ExitCode.CREDENTIALS: "credentials",
    ExitCode.UPSTREAM: "provider or network",
    ExitCode.LEDGER: "ledger",
    ExitCode.INTERRUPTED: "interrupted",
}


def command_names() -> list[str]:
    """Every command, in the order of the help."""
    found = {path.stem.rstrip("_") for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_")}
    ordered = [name for names in SECTIONS.values() for name in names if name in found]
    return ordered + sorted(found.difference(ordered))


def summary(name: str) -> str:
    """The line that says what a command does, read from its file without importing it."""
    for line in _file(name).read_text(encoding="utf-8").splitlines():
        if line.startswith("SUMMARY"):
            return str(ast.literal_eval(line.partition("=")[2].strip()))
    return ""


def _file(name: str) -> Path:
    folder = Path(__file__).parent
    keyword = folder / f"{name}_.py"
    return keyword if keyword.exists() else folder / f"{name}.py"


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
            close = get_close_matches(name, command_names(), n=1)
            hint = f"Did you mean {close[0]!r}?" if close else "See: llmledger --help"
            raise UsageError(f"no command {name!r}", hint=hint)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """List the commands with their summaries, importing none of them."""
        for title, names in _sections():
            with formatter.section(title):
                formatter.write_dl([(name, summary(name)) for name in names])


def _sections() -> Iterator[tuple[str, list[str]]]:
    names = command_names()
    for title, members in SECTIONS.items():
        present = [name for name in members if name in names]
        if present:
            yield title, present
    rest = [name for name in names if not any(name in members for members in SECTIONS.values())]
    if rest:
        yield "More", rest


def build(name: str) -> "Command":
    """Import a command's file and make its Typer command of it: its `app`, or its function `command`."""
    module = importlib.import_module(f"llmledger.cli.{_file(name).stem}")
    app: typer.Typer | None = getattr(module, "app", None)
    if app is None:
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(name, help=module.command.__doc__ or module.SUMMARY)(module.command)
    built = get_command(app)
    built.name = name
    built.help = built.help or module.SUMMARY
    _accept_color(built)
    return built


def _accept_color(built: "Command") -> None:
    """Let every command take `--color`, wherever it stands."""
    for child in getattr(built, "commands", {}).values():
        _accept_color(child)
    if not hasattr(built, "commands"):
        built.params.append(_color_option())


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
    group = get_command(app)
    if not isinstance(group, RootGroup):
        raise TypeError("the root command must be a RootGroup")
    return group


def run(args: Sequence[str], world: Surroundings | None = None) -> int:
    """Run one command line in a world (the real one by default) and return its exit code."""
    with inside(world or surroundings()):
        code = root().main(list(args), prog_name="llmledger", standalone_mode=False)
    return int(code)
