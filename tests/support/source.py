"""The source of the package as syntax trees, for the tests that enforce the house rules."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SOURCE = ROOT / "src" / "llmledger"
FILES = sorted(SOURCE.rglob("*.py"))
FORMATS = ("dialects", "statements", "importers", "exporters", "reports", "clients")
"""Folders with one file per format."""


@dataclass(frozen=True)
class Import:
    """One import of a module, with the place it stands at."""

    importer: Path
    target: str
    line: int

    @property
    def where(self) -> str:
        """The line to look at."""
        return f"{self.importer.relative_to(SOURCE)}:{self.line} imports {self.target}"


@cache
def tree(path: Path) -> ast.Module:
    """A file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports(path: Path) -> tuple[Import, ...]:
    """Every import of a file, also inside functions and under TYPE_CHECKING, with full names."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[Import]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (Import(path, alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                module = f"{node.module}.{alias.name}"
                yield Import(path, module if file_of(module) else node.module, node.lineno)


def file_of(module: str) -> Path | None:
    """The file of a module of ours, None for names that are no module."""
    if not f"{module}.".startswith("llmledger."):
        return None
    place = SOURCE.joinpath(*module.split(".")[1:])
    candidates = (place.with_suffix(".py"), place / "__init__.py") if place != SOURCE else (SOURCE / "__init__.py",)
    return next((path for path in candidates if path.is_file()), None)


def part_of(path: Path) -> str:
    """The top-level part of the package that a file belongs to."""
    first = path.relative_to(SOURCE).parts[0]
    return first.removesuffix(".py")


def target_part(target: str) -> str | None:
    """The part of the package that an import names; None for other packages."""
    root, _, rest = target.partition(".")
    if root != "llmledger":
        return None
    return rest.split(".")[0] or "__init__"


def all_imports() -> list[Import]:
    """Every import of the package."""
    return [found for path in FILES for found in imports(path)]
