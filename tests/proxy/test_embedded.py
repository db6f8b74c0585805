"""Models that run on this machine, served through the proxy: started by the first request, gone with the proxy."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from tests.support.processes import children
from tests.support.proxy import RunningProxy, running_proxy, until
from tests.support.upstream import DEADLINE, Upstream

from llmledger.paths import find_paths
from llmledger.proxy.embedded import Embedded

QUESTION = [{"role": "user", "content": "Say hello."}]


@pytest.fixture
def embedding(tmp_path: Path, upstream: Upstream, smollm2_file: Path) -> Iterator[RunningProxy]:
    """The proxy with one kept model, and a file that is none."""
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "smollm2.gguf").symlink_to(smollm2_file)
    (folder / "broken.gguf").write_bytes(b"GGUF and nothing else")
    embedded = Embedded(folder, os.environ)
    with running_proxy(tmp_path, upstream, embedded=embedded, address_of=lambda _: None) as proxy:
        yield proxy
    assert children(os.getpid(), str(tmp_path)) == []


def is_dead(pid: int) -> bool:
    """Whether a child has ended: also the last of its threads, which may outlive the first for a moment."""
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state == "Z" and len(list(Path(f"/proc/{pid}/task").iterdir())) == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_openai_sdk_talks_to_a_model_of_this_machine(embedding: RunningProxy, tmp_path: Path) -> None:
    """Whole and streamed: the first call starts the model, the second finds it; local, exact, and 0, which is a price."""
    openai = pytest.importorskip("openai")
    with openai.OpenAI(base_url=f"{embedding.url}/local/v1", api_key="none", max_retries=0, timeout=120) as client:
        assert [model.id for model in client.models.list()] == ["broken", "smollm2"]
        assert children(os.getpid(), str(tmp_path)) == []
        asked = {"model": "smollm2", "messages": QUESTION, "max_tokens": 12, "temperature": 0}
        whole = client.chat.completions.create(**asked).choices[0].message.content
        (process,) = children(os.getpid(), str(tmp_path))
        chunks = list(client.chat.completions.create(**asked, stream=True))
        assert children(os.getpid(), str(tmp_path)) == [process]

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole
    rows = embedding.rows(2)
    said = [
        (row["provider"], row["model"], row["billing"], row["cost_usd"], row["usage_quality"], row["cost_source"])
        for row in rows
    ]
    assert said == [("local", "smollm2", "local", "0", "exact", "computed")] * 2
    assert rows[0]["output_tokens"] == rows[1]["output_tokens"] > 0


def test_a_model_that_died_is_started_again(embedding: RunningProxy, tmp_path: Path) -> None:
    """The next request finds it gone, and waits for a new one."""
    url, body = f"{embedding.url}/local/v1/chat/completions", {"messages": QUESTION, "max_tokens": 2}
    asked = body | {"model": "local/smollm2"}
    assert httpx.post(url, json=asked, timeout=120).status_code == 200
    (process,) = children(os.getpid(), str(tmp_path))
    os.kill(process, signal.SIGKILL)
    until(lambda: is_dead(process))

    assert httpx.post(url, json=asked, timeout=120).status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/v1/chat/completions", {"model": "larger"}, 404, "there is: broken, smollm2"),
        ("/v1/chat/completions", {}, 404, "None"),
        ("/v1/chat/completions", {"model": "/etc/hosts.gguf"}, 404, "no model is called"),
        ("/v1/chat/completions", {"model": "broken"}, 502, "broken.gguf cannot be loaded"),
    ],
)
def test_what_cannot_be_started_is_told_and_makes_no_row(
    embedding: RunningProxy, path: str, body: dict[str, str], status: int, said: str
) -> None:
    """Nothing was asked of a model; the error names those that there are."""
    answer = httpx.post(f"{embedding.url}/local{path}", json=body, timeout=60)

    assert (answer.status_code, answer.json()["error"]["type"]) == (status, "llmledger_proxy")
    assert said in answer.json()["error"]["message"]
    assert embedding.rows(0) == []


def test_a_model_does_not_outlive_a_proxy_that_is_killed(home: Path, smollm2_file: Path) -> None:
    """SIGKILL leaves nobody to end it: it ends by itself."""
    environ = {**os.environ, "HOME": str(home)}
    paths = find_paths(environ)
    paths.models.mkdir(parents=True)
    (paths.models / "smollm2.gguf").symlink_to(smollm2_file)
    command = [sys.executable, "-m", "llmledger", "proxy", "--port", "0"]
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True, cwd=home) as proxy:
        assert proxy.stderr is not None
        url = proxy.stderr.readline().split("Listening on ")[1].split(". Give")[0]
        body = {"model": "smollm2", "messages": QUESTION, "max_tokens": 2}
        assert httpx.post(f"{url}/local/v1/chat/completions", json=body, timeout=120).status_code == 200
        (process,) = children(proxy.pid, "_child.py")
        with closing(sqlite3.connect(paths.ledger)) as connection:
            until(
                lambda: connection.execute("SELECT billing, cost_usd FROM requests_v1").fetchall() == [("local", "0")]
            )
        proxy.kill()
        proxy.wait(DEADLINE)
    until(lambda: not Path(f"/proc/{process}").exists())
