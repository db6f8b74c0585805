"""OpenAI's usage export: floats that are counts, input that includes the cached part."""

from pathlib import Path

import pytest
from tests.support.statement_files import read_text

from llmledger.errors import InputFileError

HEADER = "start_time,end_time,start_time_iso,num_model_requests,model,batch,service_tier,input_tokens,output_tokens,input_cached_tokens,input_cache_write_tokens\n"


def test_uncached_input_is_what_neither_cache_has(tmp_path: Path) -> None:
    """1,000 in, 300 of them read and 100 written: 600 fresh."""
    [line] = read_text(tmp_path, HEADER + "1790726400,1790812800,,3.0,demo,FALSE,default,1000.0,50,300,100\n")

    assert line.quantities == {
        "input_tokens": 600,
        "cache_read_tokens": 300,
        "cache_write_tokens": 100,
        "output_tokens": 50,
    }
    assert (line.requests, line.amount) == (3, None)


@pytest.mark.parametrize("cells", ["1000,50,2000,0", "1.5,50,0,0"], ids=["more cached than input", "half a token"])
def test_impossible_counts_are_errors(tmp_path: Path, cells: str) -> None:
    """A part larger than its whole is refused."""
    with pytest.raises(InputFileError, match="line 2, input_tokens"):
        read_text(tmp_path, HEADER + f"1790726400,1790812800,,3,demo,FALSE,default,{cells}\n")


def test_audio_and_long_writes_are_apart_since_they_have_prices_of_their_own(tmp_path: Path) -> None:
    """1,000 in = 300 read + 100 written (of them 30 for 12 hours) + 600 fresh, 50 of them heard: 550 of text."""
    header = HEADER.strip() + ",input_cache_write_12h_tokens,input_audio_tokens,output_audio_tokens\n"
    [line] = read_text(tmp_path, header + "1790726400,1790812800,,3,demo,FALSE,default,1000,50,300,100,30,50,20\n")

    assert line.quantities == {
        "input_tokens": 550,
        "input_audio_tokens": 50,
        "cache_read_tokens": 300,
        "cache_write_tokens": 70,
        "cache_write_12h_tokens": 30,
        "output_tokens": 30,
        "output_audio_tokens": 20,
    }
