"""Any arguments lead to an answer or an error, and never to a traceback."""

import re
from pathlib import Path

from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from ringfence.cli import cli

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "three-tier")

endpoints = (
    st.sampled_from(["prod/web", "prod/db", "prod/svc/api", "prod/*", "192.0.2.1", "10.0.0.0/8", "::1", "prod/role=db"])
    | st.text("abpro./*=:0123456789-[]%é\x00\n ", max_size=12)
    | st.text(max_size=8)
)
options = st.sampled_from(
    [
        *(["-p", port] for port in ("80", "0", "-1", "80/", "/TCP", "80/UDP", "١٢", "1e3", " 80", "80/tcp/x", "")),
        *(["-o", name] for name in ("json", "text", "yaml", "dot", "mermaid", "csv", "wide", "name", "")),
        *(["-n", name] for name in ("prod", "", "no such", "*", "prod/web")),
        *(["-l", text] for text in ("app=web", "a in (b", "!", "=,=", "a in ()", "x!=y,", "\n")),
        *([flag] for flag in ("-A", "-R", "--strict", "-v", "--pods", "--no-assumptions", "--show-labels", "--", "-")),
        ["-f", "/dev/null"],
        ["-f", ""],
        ["-f", "/"],
        ["-L", ",,"],
    ]
)
commands = st.sampled_from(["can", "explain", "connections", "matrix", "get", "describe", "validate"])


@given(commands, st.lists(endpoints | st.just("netpol"), max_size=3), st.lists(options, max_size=3))
def test_no_arguments_lead_to_a_traceback(command: str, words: list[str], more: list[list[str]]) -> None:
    arguments = [command, *words, *(word for option in more for word in option), "-f", EXAMPLE]
    result = CliRunner().invoke(cli, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), arguments
    assert result.exit_code in (0, 1, 2, 3)
    if result.exit_code == 2:
        assert re.search("[Ee]rror(:| from server)", result.stderr), "there is a message"
