"""For whom a request is: what one source leaves open, the next one says."""

from llmledger.core.request import Attribution


def test_what_is_said_counts_and_the_rest_comes_from_beneath() -> None:
    """Each field by itself, each tag by itself; nothing is lost and nothing written over."""
    said = Attribution(project="acme", tags={"stage": "test"})
    beneath = Attribution(project="other", user="ann", tags={"stage": "live", "run": "7"})

    assert said.over(beneath) == Attribution(project="acme", user="ann", tags={"stage": "test", "run": "7"})
    assert said.over(Attribution()) == said
    assert Attribution().over(beneath) == beneath
