"""The right to be forgotten: a person's name goes from everywhere, and every total stays."""

import json
import sqlite3

from llmledger.ledger.retention import Hold, transaction

ERASED = "erased"
"""What stands where the name stood: their requests still count, for nobody in particular."""


def erase_user(connection: sqlite3.Connection, name: str, *, hold: Hold) -> int:
    """Take a user's name out of attributions and tags, and remove the texts of their requests.

    Returns in how many places it stood. Rows and roll-ups point to attributions, so nothing else changes.
    """
    with hold(), transaction(connection):
        texts = connection.execute(
            "DELETE FROM contents WHERE request_id IN (SELECT r.request_id FROM requests r "
            "JOIN attributions w ON w.id = r.attribution_id WHERE w.user = ?)",
            (name,),
        ).rowcount
        # A new random digest: nobody who knows the name can find the entry by computing it.
        places = connection.execute(
            "UPDATE attributions SET user = ?, digest = randomblob(16) WHERE user = ?", (ERASED, name)
        ).rowcount
        tagged = connection.execute(
            "SELECT id, tags FROM sessions WHERE EXISTS (SELECT 1 FROM json_each(tags) t WHERE t.value = ?)", (name,)
        ).fetchall()
        for number, text in tagged:
            tags = {key: ERASED if value == name else value for key, value in json.loads(text).items()}
            connection.execute(
                "UPDATE sessions SET tags = ?, digest = randomblob(16) WHERE id = ?", (json.dumps(tags), number)
            )
    return texts + places + len(tagged)
