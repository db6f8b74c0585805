"""Migrations run once, whole or not at all, whoever else opens the file at the same moment."""

import sqlite3
import threading

import pytest
from tests.support.builders import NOON, a_finished

from llmledger.ledger import open_ledger
from llmledger.ledger.connection import open_for_writing
from llmledger.ledger.migrations import MIGRATIONS, SCHEMA, Birth, migrate, schema_of, statements

BIRTH = Birth(home_zone="UTC", created_ms=0)
NEXT = SCHEMA + 1


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "ledger.db"
    with open_ledger(path, now=lambda: NOON) as ledger:
        ledger.record(a_finished(nanousd=7))
    return path


def _add_a_table(connection: sqlite3.Connection, _: Birth) -> None:
    connection.execute("CREATE TABLE added (id INTEGER PRIMARY KEY) STRICT")
    connection.execute("INSERT INTO added VALUES (NULL)")


def _fail(connection: sqlite3.Connection, _: Birth) -> None:
    connection.execute("CREATE TABLE half (id INTEGER PRIMARY KEY) STRICT")
    raise sqlite3.OperationalError("the process died here")


def facts(connection):
    return connection.execute("SELECT count(*), sum(cost_nanousd) FROM requests").fetchone()


def test_a_migration_keeps_row_counts_and_sums(path):
    """And its number is written with it."""
    connection = open_for_writing(path)
    before = facts(connection)
    assert migrate(connection, path, BIRTH, {**MIGRATIONS, NEXT: _add_a_table}) == 1
    assert (schema_of(connection), facts(connection)) == (NEXT, before)
    assert migrate(connection, path, BIRTH, {**MIGRATIONS, NEXT: _add_a_table}) == 0
    connection.close()


def test_a_migration_that_fails_leaves_the_file_as_it_was(path):
    """One transaction: no half table, no number."""
    connection = open_for_writing(path)
    with pytest.raises(sqlite3.OperationalError, match="died here"):
        migrate(connection, path, BIRTH, {**MIGRATIONS, NEXT: _fail})
    assert schema_of(connection) == SCHEMA
    assert connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'half'").fetchone() is None
    assert migrate(connection, path, BIRTH, {**MIGRATIONS, NEXT: _add_a_table}) == 1
    connection.close()


def test_of_many_that_open_an_old_ledger_one_migrates_it(path):
    """What is pending is read again inside the transaction."""
    ran, barrier = [], threading.Barrier(8)

    def open_and_migrate() -> None:
        connection = open_for_writing(path, busy_s=30)
        barrier.wait()
        ran.append(migrate(connection, path, BIRTH, {**MIGRATIONS, NEXT: _add_a_table}))
        connection.close()

    threads = [threading.Thread(target=open_and_migrate) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ran) == [0] * 7 + [1]
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM added").fetchone() == (1,)
    connection.close()


def test_a_script_is_taken_apart_into_whole_statements():
    """A trigger's body and a comment behind a semicolon do not end or extend a statement."""
    trigger = "CREATE TRIGGER c BEFORE DELETE ON a\nBEGIN\n  SELECT 1;\n  SELECT 2;\nEND;\n"
    script = f"CREATE TABLE a (b); -- why; because\n{trigger}"
    assert [statement.split("(")[0].split(" BEFORE")[0] for statement in statements(script)] == [
        "CREATE TABLE a ",
        "CREATE TRIGGER c",
    ]
