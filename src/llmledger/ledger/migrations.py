"""Numbered migrations: each runs once, in one transaction, under the ledger's lock.

A released migration is never edited; the next change is the next number.
"""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from llmledger.errors import LedgerForeign, LedgerNewer
from llmledger.ledger.connection import APPLICATION_ID, check_is_ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Birth:
    """What a new ledger is given once and keeps."""

    home_zone: str
    created_ms: int


Migration = Callable[[sqlite3.Connection, Birth], None]


def _migrate_1(connection: sqlite3.Connection, birth: Birth) -> None:
    import secrets

    _execute(connection, "schema_v1.sql", "schema_v1_guards.sql", "schema_v1_views.sql")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    facts = {
        "ledger_id": secrets.token_hex(16),
        "home_zone": birth.home_zone,
        "created_ms": str(birth.created_ms),
        "rolled_request": "0",
        "rolled_adjustment": "0",
    }
    connection.executemany("INSERT INTO meta (key, value) VALUES (?, ?)", facts.items())


def _migrate_2(connection: sqlite3.Connection, _: Birth) -> None:
    _execute(connection, "schema_v2.sql")


def _execute(connection: sqlite3.Connection, *scripts: str) -> None:
    from importlib import resources

    for name in scripts:
        for statement in statements(resources.files(__package__).joinpath(name).read_text(encoding="utf-8")):
            connection.execute(statement)


MIGRATIONS: Mapping[int, Migration] = {1: _migrate_1, 2: _migrate_2}
SCHEMA = max(MIGRATIONS)
"""The schema that this program reads and writes."""


def schema_of(connection: sqlite3.Connection) -> int:
    """The number of the last migration that the file has had; 0 for a new one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def check_schema(connection: sqlite3.Connection, path: Path, *, newest: int = SCHEMA) -> int:
    """Return the file's schema; refuse one that only a newer program understands."""
    found = schema_of(connection)
    if found > newest:
        raise LedgerNewer(
            f"Ledger {path} has schema {found}; this llmledger reads up to {newest}.",
            hint="Update llmledger; the ledger was written by a newer one.",
        )
    return found


def migrate(
    connection: sqlite3.Connection, path: Path, birth: Birth, migrations: Mapping[int, Migration] = MIGRATIONS
) -> int:
    """Bring the file up to the present schema and return how many migrations ran. The caller holds the ledger's lock.

    What is pending is read inside each transaction, so that of many processes that open an old file one migrates it.
    """
    ran = 0
    while True:
        connection.execute("BEGIN IMMEDIATE")
        try:
            check_is_ledger(connection, path)
            found = check_schema(connection, path, newest=max(migrations))
            if found == max(migrations):
                connection.execute("COMMIT")
                return ran
            if found == 0:
                _check_is_blank(connection, path)
            migrations[found + 1](connection, birth)
            connection.execute(f"PRAGMA user_version = {found + 1}")
            connection.execute("COMMIT")
            ran += 1
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _check_is_blank(connection: sqlite3.Connection, path: Path) -> None:
    if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        hint = "Restore a backup, or move the file away; the next `llmledger run` or `import` makes a new one."
        raise LedgerForeign(f"{path} is not a whole ledger: it has tables but no schema number.", hint=hint)


def statements(script: str) -> list[str]:
    """Take a script apart into its statements, triggers whole; `executescript` would commit before them."""
    found: list[str] = []
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if line.split("--")[0].rstrip().endswith(";") and sqlite3.complete_statement(pending):
            found.append(pending.strip())
            pending = ""
    return found
