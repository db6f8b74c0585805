"""Who may import whom, enforced by walking the syntax trees.

Changing a rule here is a decision about the design, not the repair of a test.
"""

import ast
import subprocess
import sys

import pytest
from tests.support.source import FILES, FORMATS, SOURCE, all_imports, file_of, imports, part_of, target_part, tree
from tests.support.unmeasured import unmeasured

pytestmark = pytest.mark.unmeasured

LAYERS = (
    {"__main__"},
    {"cli"},
    {"__init__", "api", "transport", "proxy", "web"},
    {"operations"},
    {
        "dialects",
        "statements",
        "importers",
        "exporters",
        "reports",
        "ledger",
        "pricebook",
        "upstream",
        "local",
        "tokenizers",
        "clients",
    },
    {"core"},
    {"errors", "_version"},
)
"""Imports only point down; the members of a layer are strangers to each other."""

SETTINGS = {"config", "config_file", "home_zone", "keys", "paths"}
"""Read where a program starts, and handed down as values."""
READS_SETTINGS = {"cli", "proxy", "web", "transport", "api", "__init__", "__main__", *SETTINGS}


def rank(part: str) -> int:
    return next((number for number, layer in enumerate(LAYERS) if part in layer), -1)


def test_every_part_of_the_package_has_a_place_in_the_layers() -> None:
    """A new folder says where it stands before anything imports it."""
    parts = {part_of(path) for path in FILES}

    assert {part for part in parts if rank(part) < 0} <= SETTINGS


def test_imports_point_down() -> None:
    """No layer knows the layers above it, and neighbours are strangers."""
    wrong = []
    for found in all_imports():
        own, other = part_of(found.importer), target_part(found.target)
        if other is None or other == own or other in SETTINGS or own in SETTINGS:
            continue
        if rank(other) <= rank(own) and not _is_public_root(own, other):
            wrong.append(found.where)

    assert wrong == []


def _is_public_root(own: str, other: str) -> bool:
    return own == "__init__" and other in ("api", "transport")


def test_settings_are_read_at_the_start_only() -> None:
    """Config and paths are handed down as values."""
    wrong = [
        found.where
        for found in all_imports()
        if target_part(found.target) in SETTINGS and part_of(found.importer) not in READS_SETTINGS
    ]

    assert wrong == []


def test_settings_know_only_the_core() -> None:
    """Config and paths stand on core and errors."""
    wrong = [
        found.where
        for found in all_imports()
        if part_of(found.importer) in SETTINGS and target_part(found.target) not in (None, "core", "errors", *SETTINGS)
    ]

    assert wrong == []


def test_the_core_stands_on_the_standard_library() -> None:
    """And on the parts of it that read neither files nor clocks nor chance."""
    banned = {"os", "sqlite3", "random", "logging", "time", "socket", "subprocess", "secrets", "uuid", "pathlib"}
    wrong = [
        found.where
        for found in all_imports()
        if part_of(found.importer) == "core"
        and (
            target_part(found.target) not in (None, "core", "errors")
            or found.target.split(".")[0] in banned
            or found.target.split(".")[0] not in {*sys.stdlib_module_names, "llmledger"}
        )
    ]

    assert wrong == []


@pytest.mark.parametrize(
    ("modules", "allowed"),
    [
        (("typer", "rich"), ("cli",)),
        (("click", "unittest", "pytest", "tests"), ()),
        (("sqlite_utils",), ("ledger", "importers")),
        (("httpx", "httpx2", "httpcore"), ("upstream", "transport")),
        (("aiohttp", "uvicorn"), ("upstream", "proxy")),
        (("xllamacpp",), ("local",)),
    ],
    ids=lambda value: value[0] if value else "nowhere",
)
def test_libraries_stay_in_their_corner(modules: tuple[str, ...], allowed: tuple[str, ...]) -> None:
    """The terminal in cli, SQL in the ledger (and where other tools' databases are imported), HTTP in upstream."""
    wrong = [
        found.where
        for found in all_imports()
        if found.target.split(".")[0] in modules and part_of(found.importer) not in allowed
    ]

    assert wrong == []


def test_sql_is_spoken_in_the_ledger_alone() -> None:
    """And where other tools' databases are imported; elsewhere a connection is only handed on."""
    wrong = [
        f"{path.relative_to(SOURCE)}:{node.lineno}"
        for path in FILES
        if part_of(path) not in ("ledger", "importers")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in ("execute", "executemany", "executescript", "cursor")
    ]

    assert wrong == []


def test_the_ledger_computes_no_cost() -> None:
    """It stores what it is given: no rates, no pricing."""
    wrong = [
        found.where
        for found in all_imports()
        if part_of(found.importer) == "ledger" and found.target in ("llmledger.core.pricing", "llmledger.core.rates")
    ]

    assert wrong == []


def test_the_proxy_and_the_web_do_not_meet() -> None:
    """And the proxy writes no reports, reads no statements and exports nothing."""
    strangers = {"proxy": {"web", "reports", "statements", "exporters"}, "web": {"proxy"}}
    wrong = [
        found.where
        for found in all_imports()
        if target_part(found.target) in strangers.get(part_of(found.importer), set())
    ]

    assert wrong == []


def test_a_format_knows_no_other_format() -> None:
    """What two formats share lies in an underscored file of their folder."""
    wrong = []
    for found in all_imports():
        own, target = part_of(found.importer), file_of(found.target)
        if own not in FORMATS or target is None or part_of(target) != own or target == found.importer:
            continue
        if not found.importer.name.startswith("_") and not target.name.startswith("_"):
            wrong.append(found.where)

    assert wrong == []


def test_the_package_does_not_import_its_own_root() -> None:
    """`from llmledger import x` inside the package would load everything and hide who needs what."""
    wrong = [found.where for found in all_imports() if found.target == "llmledger"]

    assert wrong == []


def test_there_is_no_cycle() -> None:
    """Not even one that an import inside a function or under TYPE_CHECKING hides."""
    graph = {path: {target for found in imports(path) if (target := file_of(found.target))} - {path} for path in FILES}
    while leaves := [path for path, needed in graph.items() if not needed & graph.keys()]:
        for path in leaves:
            del graph[path]

    assert sorted(str(path.relative_to(SOURCE)) for path in graph) == []


_IMPORT_EACH = """
import importlib, os, sys, warnings
# What others wrote is loaded once, so that each child only imports what is ours.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    for name in "typer rich.table httpx pydantic sqlite_utils aiohttp uvicorn tomli_w unittest zipfile csv".split():
        importlib.import_module(name)
failed = []
for name in sys.argv[1:]:
    child = os.fork()
    if not child:
        try:
            importlib.import_module(name)
        except BaseException as problem:
            print(name, type(problem).__name__, problem, flush=True)
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        failed.append(name)
sys.exit(bool(failed))
"""


def test_every_module_can_be_imported_alone() -> None:
    """In an interpreter where nothing else of ours was imported, with warnings as errors."""
    names = []
    for path in FILES:
        relative = path.relative_to(SOURCE.parent).with_suffix("")
        parts = relative.parts[:-1] if relative.name == "__init__" else relative.parts
        if relative.name != "__main__":
            names.append(".".join(parts))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _IMPORT_EACH, *names],
        capture_output=True,
        text=True,
        check=False,
        env=unmeasured(),
    )

    assert (done.stdout, done.returncode) == ("", 0), done.stderr
