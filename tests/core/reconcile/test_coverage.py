"""How much of what each key was billed the ledger saw: whole where it has as much, in proportion where keys share a lack."""

from llmledger.core.reconcile.cells import Billed, Cell, Side
from llmledger.core.reconcile.coverage import Coverage, Coverages


def a_cell(ledger: int, *, counts: bool = True, **keys: int) -> Cell:
    """A period with so many tokens of some keys, a request per hundred, and so many in the ledger."""
    sides = {key: Side({"input_tokens": tokens}, {}, tokens // 100) for key, tokens in keys.items()}
    total = sum(keys.values())
    billed = Billed({"input_tokens": total}, {}, total // 100, keys=sides, counts_requests=counts)
    return Cell(billed, Side({"input_tokens": ledger}, {}, ledger // 100))


def rows(*cells: Cell) -> tuple[Coverage, ...]:
    """Billed and seen in the same cells."""
    found = Coverages()
    found.bill(cells)
    found.see(cells)
    return found.rows()


def test_a_lack_that_two_keys_share_is_in_proportion_and_says_so() -> None:
    """300 of 400 tokens: three quarters of 100 and of 300; another day on which both are whole stays exact."""
    [one, two] = rows(a_cell(300, a=100, b=300), a_cell(1000, a=100, b=100))

    assert (one.key, one.billed_tokens, one.seen_tokens, one.is_shared) == ("a", 200, 175, True)
    assert (two.key, two.billed_tokens, two.seen_tokens, two.is_shared) == ("b", 400, 325, True)
    assert (one.billed_requests, one.seen_requests) == (2, 1)


def test_what_is_whole_or_of_one_key_is_known() -> None:
    """A day of one key that lacks half, and a day of two keys that lacks nothing."""
    [one, two] = rows(a_cell(50, a=100), a_cell(200, a=100, b=100))

    assert (one.seen_tokens, one.is_shared) == (150, False)
    assert (two.seen_tokens, two.is_shared) == (100, False)


def test_a_key_that_was_taken_away_was_not_seen() -> None:
    """It is billed first, and no cell has it when what was seen is counted."""
    cell = a_cell(100, a=100, b=100)
    found = Coverages()
    found.bill([cell])
    del cell.billed.keys["b"]
    cell.billed.quantity["input_tokens"] = 100
    cell.billed.requests = 1
    found.see([cell])

    assert [(one.key, one.seen_tokens, one.seen_requests) for one in found.rows()] == [("a", 100, 1), ("b", 0, 0)]


def test_requests_that_are_not_counted_are_not_told() -> None:
    """One period without a count is enough."""
    [one] = rows(a_cell(100, a=100), a_cell(0, counts=False, a=100))

    assert (one.billed_requests, one.seen_requests, one.seen_tokens) == (None, None, 100)
