"""Recognising statements by content: one reader answers, damaged and foreign files get one clear line."""

import zipfile
from pathlib import Path

import pytest
from tests.support.statement_files import gzipped, read_file, read_text, zipped

from llmledger import statements
from llmledger.errors import InputFileError
from llmledger.statements import recognise

OPENAI = "start_time,end_time,amount_value,amount_currency,line_item\n1790726400,1790812800,0.5,usd,\n"
OPENROUTER = "Date,Slug,Usage,BYOK Usage,Requests,Prompt Tokens,Completion Tokens\n2026-10-14,m,1,0,1,5,6\n"


def test_a_pdf_is_recognised_and_answered(tmp_path: Path) -> None:
    """Where to get the lines stands in the hint."""
    path = tmp_path / "invoice.pdf"
    path.write_bytes(b"\n%PDF-1.4")
    with pytest.raises(InputFileError, match="PDF invoice") as error:
        recognise(path)

    hint = str(error.value.hint)
    providers = (
        "openai",
        "anthropic",
        "openrouter",
        "deepseek",
        "google",
        "aws",
        "azure",
        "xai",
        "mistral, groq, cerebras",
    )
    assert [name for name in providers if f"\n{name}: " not in hint] == []
    assert "platform.claude.com" in hint


@pytest.mark.parametrize(
    ("name", "content", "only"),
    [
        ("Anthropic-2026-10.pdf", b"%PDF-1.7", "anthropic"),
        ("invoice.pdf", b"%PDF-1.7 (OpenAI, LLC)", "openai"),
        ("invoice.pdf", b"%PDF-1.7 (Amazon Web Services EMEA)", "aws"),
        ("invoice.pdf", b"%PDF-1.7 (Groq, Inc.)", "mistral, groq, cerebras"),
    ],
)
def test_a_pdf_that_names_its_provider_is_answered_for_that_one(
    tmp_path: Path, name: str, content: bytes, only: str
) -> None:
    """The file's name or what can be read of it; nothing about the others."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputFileError) as error:
        recognise(path)

    hint = str(error.value.hint)
    assert f"\n{only}: " in hint
    assert ("openrouter.ai" in hint, "\nazure: " in hint) == (False, False)
    assert f"--provider {'NAME' if ',' in only else only} " in hint


def test_parquet_and_spreadsheets_are_told_what_to_be_saved_as(tmp_path: Path) -> None:
    """What clouds and desktops write, and we do not read."""
    with pytest.raises(InputFileError, match="is a Parquet file"):
        read_text(tmp_path, b"PAR1\x15\x04", name="focus.parquet")
    with pytest.raises(InputFileError, match="is a spreadsheet"):
        read_file(zipped(tmp_path / "cost.xlsx", {"[Content_Types].xml": "<Types/>", "xl/workbook.xml": "<w/>"}))


@pytest.mark.parametrize(
    "bucket",
    [
        '{"object": "bucket", "start_time": 1790726400, "end_time": 1790812800, "results": []}',
        '{"starting_at": "2026-10-14T00:00:00Z", "ending_at": "2026-10-15T00:00:00Z", "results": []}',
    ],
    ids=["openai", "anthropic"],
)
def test_a_report_of_a_period_without_usage_has_no_usable_row(tmp_path: Path, bucket: str) -> None:
    """It is known by its buckets, though nothing is in them."""
    with pytest.raises(InputFileError, match="no usable row"):
        read_text(tmp_path, '{"object": "page", "data": [' + bucket + '], "has_more": false, "next_page": null}')


def test_a_file_that_two_readers_know_names_both(tmp_path: Path) -> None:
    """Nobody guesses which is meant."""
    both = "date,slug,byok usage,amount_value,amount_currency,line_item\n1,2,3,4,5,6\n"
    with pytest.raises(InputFileError, match="both openai_cost_csv and openrouter_daily_csv"):
        read_text(tmp_path, both)


@pytest.mark.parametrize(
    "content",
    [b"\n\n", b"hello", b'{"a": 1}', b"\xff\xfe", b"a,b\n1,2\n", b"\x00\x01\x02", b'"' * 200_000, b"a" * 200_000],
    ids=["blank", "text", "json", "bom", "table", "binary", "quotes", "one long cell"],
)
def test_a_foreign_file_is_in_no_format_that_we_know(tmp_path: Path, content: bytes) -> None:
    """The hint offers rules."""
    with pytest.raises(InputFileError, match="no format that we know") as error:
        read_text(tmp_path, content)

    assert "--init-rules" in str(error.value.hint)


def test_a_zip_may_hold_statements_of_several_formats(tmp_path: Path) -> None:
    """Each is a statement of its own, with its own identity; what is none is passed over."""
    path = zipped(
        tmp_path / "all.zip",
        {"a/cost.csv": OPENAI, "b/day.csv": OPENROUTER, "readme.txt": "hello", ".DS_Store": "x", "d/": ""},
    )
    found = recognise(path)

    assert [statement.format_name for statement, _ in found] == ["openai_cost_csv", "openrouter_daily_csv"]
    assert len({statement.sha256 for statement, _ in found}) == 2


@pytest.mark.parametrize(("encoding", "bom"), [("utf-8", b"\xef\xbb\xbf"), ("utf-16", b"")], ids=["utf-8", "utf-16"])
def test_byte_order_marks_and_carriage_returns_do_not_matter(tmp_path: Path, encoding: str, bom: bytes) -> None:
    """What a spreadsheet saved reads like the original."""
    text = bom + OPENAI.replace("\n", "\r\n").encode(encoding)

    assert read_text(tmp_path, text)[0].amount is not None


def test_text_that_is_not_utf_8_is_a_clear_error(tmp_path: Path) -> None:
    """Latin-1 beyond the first 64 KB."""
    rows = "1790726400,1790812800,0.5,usd,\n" * 3_000
    with pytest.raises(InputFileError, match="not UTF-8"):
        read_text(tmp_path, (OPENAI + rows).encode() + "1790726400,1790812800,0.5,usd,é\n".encode("latin-1"))


def test_a_cut_gzip_is_a_clear_error(tmp_path: Path) -> None:
    """Whether it is cut in its head or behind it."""
    whole = gzipped(tmp_path / "a.csv.gz", OPENAI + "1790726400,1790812800,0.5,usd,\n" * 20_000).read_bytes()
    for length in (12, len(whole) - 9):
        cut = tmp_path / f"{length}.csv.gz"
        cut.write_bytes(whole[:length])
        with pytest.raises(InputFileError):
            read_file(cut)


def test_a_gzip_with_a_wrong_checksum_is_a_clear_error(tmp_path: Path) -> None:
    """Its end tells that something in it changed."""
    path = gzipped(tmp_path / "a.csv.gz", OPENAI + "1790726400,1790812800,0.5,usd,\n" * 20_000)
    path.write_bytes(path.read_bytes()[:-8] + bytes(8))
    with pytest.raises(InputFileError):
        read_file(path)


def test_a_damaged_zip_is_a_clear_error(tmp_path: Path) -> None:
    """A ZIP in name only, and one whose member is damaged."""
    broken = tmp_path / "b.zip"
    broken.write_bytes(b"PK\x03\x04nothing")
    with pytest.raises(InputFileError, match="unpacked"):
        read_file(broken)

    path = tmp_path / "c.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("cost.csv", OPENAI + "1790726400,1790812800,0.5,usd,\n" * 20_000)
    raw = bytearray(path.read_bytes())
    raw[400_000] ^= 1
    path.write_bytes(bytes(raw))
    with pytest.raises(InputFileError):
        read_file(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (OPENAI + "\0,1,2,3,4\n", "no readable table|not a number"),
        (OPENAI + '"' + "x" * 200_000 + '",1,2,3,4\n', "no readable table"),
        (OPENAI.replace("line_item", "line_item,line_item", 1), "twice"),
        (OPENAI.replace("start_time", "begin", 1), "lacks the columns start_time"),
    ],
    ids=["NUL", "a cell without end", "a column twice", "a column missing"],
)
def test_a_table_that_cannot_be_read_is_a_clear_error(tmp_path: Path, text: str, words: str) -> None:
    """Never a traceback."""
    with pytest.raises(InputFileError, match=words):
        read_text(tmp_path, text)


def test_blank_rows_and_trailing_commas_are_passed_over(tmp_path: Path) -> None:
    """They mean nothing."""
    text = "\n\n" + OPENAI + "\n,,\n1790726400,1790812800,0.5,usd,,,\n"

    assert len(read_text(tmp_path, text)) == 2


def test_thousands_that_may_be_decimals_are_refused(tmp_path: Path) -> None:
    """In a table with semicolons 1.234 may be a thousand or one and a bit."""
    text = OPENAI.replace(",", ";").replace("0.5", "1.234")
    with pytest.raises(InputFileError, match="thousands or decimals"):
        read_text(tmp_path, text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """By its name alone."""
    with pytest.raises(InputFileError, match=r"nowhere\.csv cannot be read"):
        recognise(tmp_path / "nowhere.csv")


def test_too_much_json_is_refused(tmp_path: Path) -> None:
    """A page is held in memory, so it has a bound."""
    path, text = tmp_path / "statement.json", '{"object": "organization.costs.result", "data": []}'
    path.write_text(text)
    ((_, (part,)),) = recognise(path)

    assert len([*part.documents(at_most=len(text))]) == 1
    with pytest.raises(InputFileError, match=r"statement\.json is larger than"):
        list(part.documents(at_most=len(text) - 1))


def test_the_folder_is_the_list_of_formats() -> None:
    """Names come without importing anything."""
    assert "focus" in statements.names()
    assert all(not name.startswith("_") for name in statements.names())
