"""How large, how named, how documented things are, and what nobody may call."""

import ast

import pytest
from tests.support.source import FILES, FORMATS, ROOT, SOURCE, part_of, tree

pytestmark = pytest.mark.unmeasured

ABOVE_THE_LINE = {"cli", "api", "transport", "__init__", "__main__", "paths"}
"""Only these look at the clock, the environment and the places of files."""
OWN_PROCESSES = {"local/_child.py", "operations/_import_apart.py"}
"""Programs of their own, started by us: their streams are ours."""

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}
EXACT = (
    "core/money.py",
    "core/cost.py",
    "core/pricing.py",
    "core/rates.py",
    "core/usage.py",
    *(f"core/reconcile/{name}.py" for name in ("booked", "by_request", "by_sum", "cells", "claims", "compare")),
)


def test_files_and_functions_fit_on_a_few_screens() -> None:
    """No file over 400 lines, tests included; no function over 60."""
    wrong = []
    for path in [*FILES, *sorted((ROOT / "tests").rglob("*.py"))]:
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > 400:
            wrong.append(f"{path.relative_to(ROOT)}: {lines} lines")
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                # A command's parameters are its options, one or two lines each: only its body counts.
                first = node.body[0].lineno if SOURCE / "cli" in path.parents else node.lineno
                length = (node.end_lineno or 0) - first + 1
                if length > 60:
                    wrong.append(f"{path.relative_to(ROOT)}: {node.name} has {length} lines")

    assert wrong == []


def test_functions_below_the_command_line_take_at_most_seven_parameters() -> None:
    """More is a missing value object."""
    wrong = []
    for path in FILES:
        if part_of(path) == "cli":
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                names = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
                if len([name for name in names if name not in ("self", "cls")]) > 7:
                    wrong.append(f"{path.relative_to(SOURCE)}: {node.name}")

    assert [name for name in wrong if not name.startswith("api")] == []


def test_every_file_says_what_it_knows_and_every_public_function_what_it_promises() -> None:
    """A docstring each."""
    wrong = []
    for path in FILES:
        if ast.get_docstring(tree(path)) is None:
            wrong.append(str(path.relative_to(SOURCE)))
        for node in tree(path).body:
            named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            if named and not node.name.startswith("_") and ast.get_docstring(node) is None:
                wrong.append(f"{path.relative_to(SOURCE)}: {node.name}")

    assert wrong == []


def test_every_test_states_its_fact() -> None:
    """One sentence as its docstring."""
    wrong = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and ast.get_docstring(node) is None
    ]

    assert wrong == []


def test_names_say_something() -> None:
    """No drawer for odds and ends."""
    paths = [*FILES, *(ROOT / "tests").rglob("*.py")]

    assert [str(path) for path in paths if {path.stem.strip("_"), path.parent.name} & FORBIDDEN_NAMES] == []


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


CLOCKS = (
    *(f"{prefix}datetime.{call}" for prefix in ("", "datetime.") for call in ("now", "utcnow", "today")),
    *("date.today", "datetime.date.today", "time.time", "time.time_ns"),
)
ENVIRONMENT = ("os.environ", "os.getenv", "os.getcwd", "Path.home", "Path.cwd", "os.path.expanduser")


SPEECH = ("print", "input", "sys.stdout", "sys.stderr", "sys.stdin")


@pytest.mark.parametrize("forbidden", [CLOCKS, ENVIRONMENT, SPEECH], ids=["clock", "place", "speech"])
def test_below_the_command_line_nothing_speaks_or_looks_around(forbidden: tuple[str, ...]) -> None:
    """The present, the environment, the places of files and the terminal are handed down."""
    wrong = [
        f"{path.relative_to(SOURCE)}:{node.lineno} {_dotted(node)}"
        for path in FILES
        if part_of(path) not in ABOVE_THE_LINE and path.relative_to(SOURCE).as_posix() not in OWN_PROCESSES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute | ast.Name) and _dotted(node) in forbidden
    ]

    assert wrong == []


def test_no_float_comes_near_money() -> None:
    """The files that compute money know neither float literals nor the name."""
    wrong = [
        f"{name}:{node.lineno}"
        for name in EXACT
        if (SOURCE / name).exists()
        for node in ast.walk(tree(SOURCE / name))
        if (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Name) and node.id == "float")
    ]

    assert wrong == []


def test_nothing_asks_whether_it_is_being_tested() -> None:
    """The shipped package has no switch for tests."""
    assert [str(path) for path in FILES if "PYTEST" in path.read_text(encoding="utf-8").upper()] == []


def test_every_format_and_every_command_has_a_test_of_its_name() -> None:
    """Or a folder of cases that the contract test goes through; either is found by guessing the path."""
    wrong = []
    for path in FILES:
        part = part_of(path)
        if part in (*FORMATS, "cli") and part != "reports" and "/_" not in path.as_posix():
            name = path.stem.rstrip("_")
            cases = ROOT / "tests" / "fixtures" / part / name
            if not cases.is_dir() and not list((ROOT / "tests" / part).glob(f"test_{name}*.py")):
                wrong.append(str(path.relative_to(SOURCE)))

    assert wrong == []
