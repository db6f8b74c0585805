"""Every tool, connected and taken back: nothing else in its settings changes, and undoing is exact."""

import json

import pytest
from tests.support.clients import FOLDER, NOWHERE, PROVIDERS, PROXY, Case, cases, folder_of

from llmledger.clients import _dotenv, _jsonc, _toml_lines, _yaml_lines, load, names
from llmledger.clients._contract import Client, Machine, Proxy
from llmledger.errors import CannotConnect
from llmledger.operations.connect import State, addresses, connect, connect_again, disconnect, state_of

CASES = cases()
REFUSED = cases(refused=True)
AN_EDIT = {
    _jsonc: lambda text: text.replace("{", '{\n  "mine": [1], // mine\n', 1),
    _toml_lines: lambda text: "mine = 1 # mine\n" + text,
    _yaml_lines: lambda text: text + "mine: # mine\n  - 1\n",
    _dotenv: lambda text: "# mine\nMINE=1\n" + text,
}


def ids(case: Case) -> str:
    return f"{case.name}-{case.folder.name}"


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_connecting_changes_what_it_must_and_no_more(case: Case) -> None:
    """The whole file, as a person has read and accepted it."""
    assert case.after is not None, "write it: python -m tests.support.clients"
    assert case.connected(case.before).after == case.after


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_a_connected_tool_says_so_and_changes_no_more(case: Case) -> None:
    """Connecting twice is connecting once; so is another project of the same proxy, as far as the state goes."""
    reading = case.read(case.after)

    assert case.connected(case.after).is_nothing
    assert state_of(reading, PROVIDERS.get) is State.CONNECTED
    assert state_of(case.read(case.after, Proxy(PROXY.url + "/p/acme")), PROVIDERS.get) is State.CONNECTED
    assert all(one.startswith(PROXY.url) for one in addresses(reading))
    assert state_of(case.read(case.before), PROVIDERS.get) is not State.CONNECTED


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_undoing_is_exact(case: Case) -> None:
    """Byte for byte; a file that was not there goes away again."""
    assert disconnect(case.client, case.after, case.record).after == case.before


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_undoing_keeps_what_the_user_has_edited_since(case: Case) -> None:
    """Only our values go; what they were before comes back."""
    client = case.client
    assert client.syntax is not None
    assert case.after is not None
    edit = AN_EDIT[client.syntax]  # type: ignore[index]
    undone = disconnect(client, edit(case.after), case.record)

    assert undone.notes == ()
    assert undone.after is not None
    assert client.syntax.read(undone.after) == client.syntax.read(
        edit(case.before or ("{}" if client.syntax is _jsonc else ""))
    )
    assert "mine" in undone.after.casefold()
    assert PROXY.url not in undone.after


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_undoing_leaves_a_value_that_the_user_has_changed(case: Case) -> None:
    """It is told, and stays."""
    assert case.after is not None
    undone = disconnect(case.client, case.after.replace(":4747/", ":9999/"), case.record)

    assert undone.notes
    assert ":9999/" in (undone.after or "")


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_connecting_for_another_project_remembers_the_first_state(case: Case) -> None:
    """Undoing then leads back to what the user had, not to the first project."""
    proxy = Proxy(PROXY.url + "/p/acme%20inc")
    change, record = connect_again(
        case.read(case.after, proxy), case.record, PROVIDERS.get, lambda text: case.read(text, proxy)
    )

    assert change.before == case.after
    assert "/p/acme%20inc/" in (change.after or "")
    assert disconnect(case.client, change.after, record).after == case.before


@pytest.mark.parametrize("case", [case for case in CASES if case.before], ids=ids)
def test_nothing_of_the_file_is_kept(case: Case) -> None:
    """Settings hold keys: what is written down has only what was put in and what that replaced."""
    canary = "canary" * 3
    text = AN_EDIT[case.client.syntax](case.before).replace("mine", canary)  # type: ignore[index]
    _, record = connect(case.read(text), PROVIDERS.get)

    assert canary not in repr(record)
    kept = "".join(patch.before for patch in record.patches)
    assert len(kept) <= sum(len(edit.before or "") + 4 for edit in record.edits)


@pytest.mark.parametrize("case", REFUSED, ids=ids)
def test_what_cannot_be_changed_safely_is_refused_with_what_to_do(case: Case) -> None:
    """The hint has the lines to write by hand, or says what is in the way."""
    with pytest.raises(CannotConnect) as refused:
        case.connected(case.before)

    assert refused.value.hint


@pytest.mark.parametrize("name", names())
def test_every_tool_has_its_cases_its_page_and_a_sign_that_it_is_here(name: str) -> None:
    """Found by its file name; a summary of one line."""
    client = load(name)

    assert folder_of(name).is_dir()
    assert client.docs.startswith("https://")
    assert client.folders(Machine(NOWHERE, {}, NOWHERE))
    assert client.programs or not client.syntax or client.is_of_a_folder


@pytest.mark.parametrize("name", [name for name in names() if not load(name).syntax])
def test_a_tool_that_is_connected_by_hand_says_how(name: str) -> None:
    """The lines that a person needs."""
    expected = (folder_of(name) / "notes.txt").read_text(encoding="utf-8")

    assert "\n".join(load(name).notes(PROXY)) + "\n" == expected


def test_there_is_no_folder_of_a_tool_that_is_not() -> None:
    """The reverse of the above."""
    assert {folder.name.replace("_", "-") for folder in FOLDER.iterdir()} == set(names())


def test_variables_say_the_same_as_the_settings() -> None:
    """What `with` puts into an environment leads to the same places."""
    told = json.loads(load("opencode").variables(PROXY)["OPENCODE_CONFIG_CONTENT"])
    listed = [f"{key}={value}" for key, value in load("aider").variables(PROXY).items()]

    assert told["provider"]["anthropic"]["options"]["baseURL"] == PROXY.at("anthropic", "/v1")
    assert f"ANTHROPIC_API_BASE={PROXY.at('anthropic')}" in listed
    assert load("goose").variables(PROXY)["OPENAI_HOST"] == PROXY.at("openai")
    assert load("claude-code").variables(PROXY) == {"ENABLE_TOOL_SEARCH": "true"}


def test_settings_are_looked_for_where_the_tool_was_told() -> None:
    """The variables by which tools move their folders."""
    moved = {
        "CLAUDE_CONFIG_DIR": "/x/claude,/y",
        "CODEX_HOME": "/x/codex",
        "CONTINUE_GLOBAL_DIR": "/x/continue",
        "GEMINI_CLI_HOME": "/x",
        "XDG_CONFIG_HOME": "/x/config",
    }
    machine = Machine(NOWHERE, moved, NOWHERE)

    def file(client: Client) -> str:
        assert client.file is not None
        return str(client.file(machine))

    assert [
        file(load(name)) for name in ("claude-code", "codex", "continue", "gemini-cli", "zed", "opencode", "goose")
    ] == [
        "/x/claude/settings.json",
        "/x/codex/config.toml",
        "/x/continue/config.yaml",
        "/x/.gemini/.env",
        "/x/config/zed/settings.json",
        "/x/config/opencode/opencode.json",
        "/x/config/goose/config.yaml",
    ]


def test_no_tool_of_another_name_is_loaded() -> None:
    """A name that is not listed is a KeyError."""
    with pytest.raises(KeyError):
        load("emacs")
