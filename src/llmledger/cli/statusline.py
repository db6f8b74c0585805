"""`llmledger statusline`: one line for a prompt or an editor.

Without options it is answered by `llmledger.__main__` before any of this is imported.
"""

from llmledger.cli._context import surroundings
from llmledger.cli._options import LedgerOption, ZoneOption
from llmledger.cli._render import out

SUMMARY = "One line for a prompt: what this session and this day cost so far."


def command(timezone: ZoneOption = None, ledger: LedgerOption = None) -> None:
    """One line for a prompt or an editor: what this session and this day cost so far. It never fails.

    As Claude Code's status line: "statusLine": {"type": "command", "command": "llmledger statusline"}
    """
    from llmledger.operations.status_line import status_line

    world = surroundings()
    hook = world.stdin.buffer.read().decode(errors="replace") if world.stdin_is_piped() else ""
    zone = timezone or world.environ.get("LLMLEDGER_TZ")
    out(status_line(str(world.ledger_path(ledger)), now=world.now(), zone=zone, hook=hook))
