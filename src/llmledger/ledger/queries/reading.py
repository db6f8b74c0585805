"""One question being answered from one ledger: what every source of an answer needs to know."""

import sqlite3
from dataclasses import dataclass

from llmledger.core.report import Question
from llmledger.ledger.queries.filter import Allowed, Dictionaries, allowed_ids, read_dictionaries
from llmledger.ledger.queries.plan import Facts
from llmledger.ledger.queries.shape import Groups, Shape, needs_attributions, shape_of


@dataclass(frozen=True, slots=True)
class Reading:
    """A question, where it is read, and the groups that fill up."""

    connection: sqlite3.Connection
    shape: Shape
    dictionaries: Dictionaries
    allowed: Allowed
    groups: Groups
    facts: Facts

    @property
    def question(self) -> Question:
        """What is asked."""
        return self.shape.question


def start_reading(connection: sqlite3.Connection, question: Question, facts: Facts) -> Reading:
    """Read the dictionaries that a question needs, and resolve its filters."""
    shape = shape_of(question)
    dictionaries = read_dictionaries(connection, attributions=needs_attributions(question))
    allowed = allowed_ids(question.selection, dictionaries)
    return Reading(connection, shape, dictionaries, allowed, Groups(shape, dictionaries), facts)
