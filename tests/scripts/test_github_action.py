"""The script of action.yml, in a real git repository, with a server that plays GitHub's API of comments."""

import importlib.util
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.analysis.differences.clusters import DB, WORKLOADS
from tests.sources.git_repositories import GitRepository

SCRIPT = Path(__file__).parents[2] / "scripts" / "github_action.py"
OPENED = DB.replace("      podSelector: {matchLabels: {app: web}}\n", "")
BOT = "github-actions[bot]"
MARKER = "<!-- ringfence:diff:1 -->"


def _script() -> Any:
    spec = importlib.util.spec_from_file_location("github_action", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


action = _script()


class GitHub:
    """The comments of a pull request; `may_write` is what the token is for."""

    def __init__(self) -> None:
        self.comments: list[dict[str, Any]] = []
        self.written: list[str] = []
        self.may_write = True
        self.redirects = False

    def add(self, login: str, body: str) -> None:
        self.comments.append({"id": len(self.comments) + 1, "user": {"login": login}, "body": body})

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        route, _, query = path.partition("?")
        if self.redirects:
            return 302, {}
        if route == "/user" or (method != "GET" and not self.may_write):
            return 403, {}
        if method == "GET" and route == "/repos/o/r/issues/7/comments":
            page = int(query.rpartition("page=")[2])
            return 200, self.comments[(page - 1) * 100 : page * 100]
        self.written.append(f"{method} {route}")
        if method == "POST" and route == "/repos/o/r/issues/7/comments":
            self.add(BOT, body["body"])
            return 201, {}
        self.comments[int(route.rpartition("/")[2]) - 1]["body"] = body["body"]
        return 200, {}


@pytest.fixture
def github() -> Iterator[tuple[GitHub, str]]:
    """The comments, and the address of the server."""
    state = GitHub()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            assert self.headers["Authorization"] == "Bearer secret"
            code, answer = state.answer(self.command, self.path, body)
            self.send_response(code)
            if code == 302:
                self.send_header("Location", "https://elsewhere.example/")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        do_GET = do_POST = do_PATCH = handle_any

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield state, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def comments(address: str) -> Any:
    return action.Comments({"GITHUB_API_URL": address, "GITHUB_REPOSITORY": "o/r", "INPUT_TOKEN": "secret"}, 7)


def test_a_comment_is_written_once_and_then_updated_in_place(github: tuple[GitHub, str]) -> None:
    state, address = github
    state.comments += [{"id": n, "user": {"login": "somebody"}, "body": "a remark"} for n in range(1, 121)]
    for text in ("first", "second", "second"):
        comments(address).keep(f"{MARKER}\n{text}\n", is_news=True)
    assert state.comments[-1]["body"] == f"{MARKER}\nsecond"
    assert state.written == ["POST /repos/o/r/issues/7/comments", "PATCH /repos/o/r/issues/comments/121"]


def test_a_comment_of_somebody_else_that_starts_the_same_is_left_alone(github: tuple[GitHub, str]) -> None:
    state, address = github
    state.add("mallory", f"{MARKER}\nall is well")
    comments(address).keep(f"{MARKER}\n1 opened\n", is_news=True)
    assert [one["body"] for one in state.comments] == [f"{MARKER}\nall is well", f"{MARKER}\n1 opened"]


def test_nothing_is_written_where_nothing_changed_but_an_earlier_comment_is_updated(github: tuple[GitHub, str]) -> None:
    state, address = github
    comments(address).keep(f"{MARKER}\nno change\n", is_news=False)
    assert state.comments == []
    state.add(BOT, f"{MARKER}\n1 opened")
    comments(address).keep(f"{MARKER}\nno change\n", is_news=False)
    assert state.comments[0]["body"] == f"{MARKER}\nno change"


def test_the_token_is_sent_nowhere_else(github: tuple[GitHub, str]) -> None:
    state, address = github
    state.redirects = True
    with pytest.raises(action.ActionError, match="answered with 302"):
        comments(address).keep(f"{MARKER}\n1 opened\n", is_news=True)


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, github: tuple[GitHub, str]) -> dict[str, str]:
    """What a runner gives to the action in a pull request that opens connections."""
    repository = GitRepository(tmp_path)
    repository.write("k8s/all.yaml", f"{WORKLOADS}---\n{DB}")
    base = repository.commit()
    repository.write("k8s/all.yaml", f"{WORKLOADS}---\n{OPENED}")
    repository.commit()
    monkeypatch.chdir(tmp_path)
    runner = tmp_path / ".git" / "runner"
    runner.mkdir()
    event = {"pull_request": {"number": 7, "title": "$(touch pwned) `touch pwned`", "base": {"sha": base}}}
    (runner / "event.json").write_text(json.dumps(event))
    return {
        "GITHUB_EVENT_PATH": str(runner / "event.json"),
        "GITHUB_STEP_SUMMARY": str(runner / "summary"),
        "GITHUB_OUTPUT": str(runner / "output"),
        "GITHUB_API_URL": github[1],
        "GITHUB_REPOSITORY": "o/r",
        "RUNNER_TEMP": str(runner),
        "INPUT_PATH": "k8s\n",
        "INPUT_FAIL_ON": "closed, opened",
        "INPUT_TOKEN": "secret",
    }


def test_a_pull_request_gets_a_summary_annotations_outputs_and_a_comment(
    env: dict[str, str], github: tuple[GitHub, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert action.main(env) == 1
    comment = github[0].comments[0]["body"]
    assert "### 1 opened, 0 closed" in comment
    assert Path(env["GITHUB_STEP_SUMMARY"]).read_text().strip() == comment
    report = Path(env["RUNNER_TEMP"]) / "ringfence-diff.md"
    assert Path(env["GITHUB_OUTPUT"]).read_text() == f"opened=1\nclosed=0\nchanged=true\nreport={report}\n"
    assert capsys.readouterr().out.startswith("::error file=k8s/all.yaml,line=")


@pytest.mark.takes_long
def test_a_fork_whose_token_may_not_write_has_the_summary(
    env: dict[str, str], github: tuple[GitHub, str], capsys: pytest.CaptureFixture[str]
) -> None:
    github[0].may_write = False
    assert action.main(env | {"INPUT_FAIL_ON": "none"}) == 0
    assert "the summary of this step says the same" in capsys.readouterr().out
    assert "### 1 opened" in Path(env["GITHUB_STEP_SUMMARY"]).read_text()
    assert github[0].comments == []


@pytest.mark.parametrize(
    ("event", "inputs", "compared"),
    [
        pytest.param({"before": "a" * 40}, {}, f"{'a' * 40}..HEAD", id="a push"),
        pytest.param({"pull_request": {"base": {"sha": "b"}}}, {}, "b...HEAD", id="a pull request"),
        pytest.param({}, {"INPUT_FROM": "v1", "INPUT_TO": "v2"}, "v1...v2", id="revisions that are named"),
    ],
)
def test_what_is_compared(event: Any, inputs: dict[str, str], compared: str) -> None:
    assert action._compared(event, inputs) == compared


def test_a_new_branch_has_nothing_to_compare_with(env: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    Path(env["GITHUB_EVENT_PATH"]).write_text(json.dumps({"before": action.NO_COMMIT}))
    assert action.main(env) == 2
    assert "::error title=ringfence::the event does not say what to compare with" in capsys.readouterr().out


def test_a_revision_that_looks_like_an_option_is_none(env: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert action.main(env | {"INPUT_FROM": "--output=pwned"}) == 2
    assert not Path("pwned").exists()
    assert "output=pwned" in capsys.readouterr().err
