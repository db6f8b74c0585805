"""Every text model that litellm's list prices by the token is known to the table by the same name."""

import subprocess
import sys
from datetime import UTC, datetime

import pytest
from pricing._generate.litellm_list import LitellmModel, read_list

from llmledger.core.usage import Usage
from llmledger.core.words import Outcome
from llmledger.pricebook import load, packaged_folder

pytestmark = pytest.mark.slow

AT = datetime(2026, 11, 21, tzinfo=UTC)
WHEEL = "litellm==1.109.1"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[LitellmModel]:
    """The list inside the wheel, which is installed alone into a scratch folder."""
    folder = tmp_path_factory.mktemp("litellm")
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), WHEEL]
    done = subprocess.run(install, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"NO LIST TO COMPARE WITH, SO THIS PROVES NOTHING TODAY: {done.stderr[-300:]}")
    return list(read_list(folder))


def test_every_text_key_resolves(models: list[LitellmModel]) -> None:
    """Breadth is counted, not claimed; what has no believable price is known and unpriced, never guessed."""
    book = load([packaged_folder()])
    texts = [model for model in models if model.is_text]

    unknown = [model.key for model in texts if book.entry(model.provider, model.model, at=AT) is None]

    assert len(texts) >= 3_521
    assert unknown == []


def test_most_of_them_have_a_price_and_none_is_zero_by_accident(models: list[LitellmModel]) -> None:
    """A thousand tokens each way: priced or stated free; the rest says that it is unpriced."""
    book = load([packaged_folder()])
    usage = Usage(input_tokens=1000, output_tokens=1000)
    outcomes = {model.key: book.price(model.provider, model.model, usage, at=AT) for model in models if model.is_text}

    unpriced = [key for key, cost in outcomes.items() if cost.outcome is Outcome.UNPRICED]

    assert len(unpriced) < len(outcomes) // 10
    assert all(cost.nanousd is None for cost in outcomes.values() if cost.outcome is Outcome.UNPRICED)
    zeros = {key for key, cost in outcomes.items() if cost.outcome is Outcome.PRICED and not cost.nanousd}
    assert {
        key for key in zeros if "/lyria-" not in key
    } == set()  # songs are billed by the piece, their tokens are not
