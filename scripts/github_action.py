#!/usr/bin/env python3
"""What action.yml runs: compare two revisions, write the summary of the step, and keep one comment up to date.

Everything that comes from the event is data here, never a part of a command. The summary is written first: a pull
request from a fork has a token that cannot write comments, and its reviewers read the summary instead.

Sources: "Workflow commands for GitHub Actions" (the files of outputs and of the summary); "REST API endpoints for issue
comments"; "Events that trigger workflows".
"""

import json
import os
import shlex
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Environment = Mapping[str, str]

NO_COMMIT = "0" * 40
"""What the event of a push says was there before a new branch."""

_BOT = "github-actions[bot]"
_SECONDS = 30
_PAGE = 100


class ActionError(Exception):
    """What the author of the workflow has to correct."""


class NoPermissionError(ActionError):
    """The token may not do it."""


def main(env: Environment) -> int:
    """Run the action. The exit code is that of `ringfence diff`, or 2 if the action itself cannot work."""
    try:
        event = json.loads(Path(env["GITHUB_EVENT_PATH"]).read_text())
        compared = _compared(event, env)
        ran = _diff(env, compared, "json", *_fail_on(env))
        sys.stderr.write(ran.stderr)
        if not ran.stdout:
            return ran.returncode or 2
        comment = _diff(env, compared, "markdown", "--fail-on=none").stdout
        print(_diff(env, compared, "github", "--fail-on=none").stdout, end="")
        found = json.loads(ran.stdout)
        _write_results(env, found, comment)
        _keep_comment(env, event, comment, is_news=not found["same"] or bool(found["notRead"] or found["problems"]))
    except ActionError as error:
        _annotate("error", str(error))
        return 2
    return ran.returncode


# --- the comparison ---------------------------------------------------------------------------------------------------


def _compared(event: Any, env: Environment) -> str:
    """The revisions, as git writes a range."""
    to = env.get("INPUT_TO") or "HEAD"
    if named := env.get("INPUT_FROM"):
        return f"{named}...{to}"
    if "pull_request" in event:
        return f"{event['pull_request']['base']['sha']}...{to}"
    before = event.get("before", NO_COMMIT)
    if before == NO_COMMIT:
        raise ActionError("the event does not say what to compare with: name a revision in the input `from`")
    return f"{before}..{to}"


def _fail_on(env: Environment) -> Iterator[str]:
    for what in (env.get("INPUT_FAIL_ON") or "none").replace(",", " ").split():
        yield f"--fail-on={what}"


def _diff(env: Environment, compared: str, output: str, *options: str) -> subprocess.CompletedProcess[str]:
    paths = [f"--filename={path}" for path in map(str.strip, env.get("INPUT_PATH", ".").splitlines()) if path]
    words = ["diff", "--recursive", *paths, *shlex.split(env.get("INPUT_ARGS", "")), f"--output={output}", *options]
    # Behind `--` nothing is an option, whatever a revision is called.
    command = [sys.executable, "-m", "ringfence", *words, "--", compared]
    return subprocess.run(command, capture_output=True, text=True, check=False)


# --- results ----------------------------------------------------------------------------------------------------------


def _write_results(env: Environment, found: Any, comment: str) -> None:
    report = Path(env["RUNNER_TEMP"]) / "ringfence-diff.md"
    report.write_text(comment)
    outputs = {
        "opened": found["summary"]["opened"],
        "closed": found["summary"]["closed"],
        "changed": str(not found["same"]).lower(),
        "report": report,
    }
    with Path(env["GITHUB_STEP_SUMMARY"]).open("a") as summary:
        summary.write(comment)
    with Path(env["GITHUB_OUTPUT"]).open("a") as file:
        file.writelines(f"{name}={value}\n" for name, value in outputs.items())


def _annotate(level: str, message: str) -> None:
    escaped = message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    print(f"::{level} title=ringfence::{escaped}")


# --- the comment ------------------------------------------------------------------------------------------------------


def _keep_comment(env: Environment, event: Any, comment: str, *, is_news: bool) -> None:
    """Update the comment of the pull request, or write one if there is something to say."""
    wanted = env.get("INPUT_COMMENT") or "auto"
    if wanted not in ("auto", "always", "never"):
        raise ActionError(f"the input `comment` is {wanted!r}: use auto, always or never")
    if wanted == "never" or "pull_request" not in event:
        return
    comments = Comments(env, int(event["pull_request"]["number"]))
    try:
        comments.keep(comment, is_news=is_news)
    except NoPermissionError as error:
        if wanted == "always":
            raise
        _annotate("notice", f"{error}; the summary of this step says the same as the comment would")


class Comments:
    """The comments of one pull request."""

    def __init__(self, env: Environment, number: int) -> None:
        self._api = env.get("GITHUB_API_URL", "https://api.github.com")
        self._repository = f"/repos/{env['GITHUB_REPOSITORY']}"
        self._issue = f"{self._repository}/issues/{number}/comments"
        self._token = env.get("INPUT_TOKEN", "")

    def keep(self, text: str, *, is_news: bool) -> None:
        """Update the comment that starts as `text` does, or write it if there is none and it is news.

        Anybody can write a comment that starts so: only one by the owner of the token counts.
        """
        marker, author = text.partition("\n")[0], self._author()
        for one in self._all():
            if one["body"].startswith(marker) and (one.get("user") or {}).get("login") == author:
                if one["body"] != text.strip():
                    self._ask("PATCH", f"{self._repository}/issues/comments/{int(one['id'])}", {"body": text.strip()})
                return
        if is_news:
            self._ask("POST", self._issue, {"body": text.strip()})

    def _author(self) -> str:
        """Who writes with this token. The token of a workflow may not ask."""
        try:
            return str(self._ask("GET", "/user")["login"])
        except NoPermissionError:
            return _BOT

    def _all(self) -> Iterator[Any]:
        page = 1
        while True:
            some = self._ask("GET", f"{self._issue}?per_page={_PAGE}&page={page}")
            yield from some
            if len(some) < _PAGE:
                return
            page += 1

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self._api}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
            },
        )
        try:
            with _OPENER.open(request, timeout=_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            error.close()
            message = f"{method} {path.partition('?')[0]} was answered with {error.code} {error.reason}"
            if error.code in (401, 403, 404):
                raise NoPermissionError(
                    f"{message}: the token may not write comments (`permissions: pull-requests: write`)"
                ) from None
            raise ActionError(message) from None
        except (OSError, ValueError) as error:
            raise ActionError(f"{method} {path.partition('?')[0]} failed: {error}") from None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The token goes to the API alone: a redirect to elsewhere is an error."""

    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


if __name__ == "__main__":
    sys.exit(main(os.environ))
