"""`test`: exit codes, selections, and several outputs at once."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result
from tests.render.json_shapes import fits, schema, strict
from tests.testing.worlds import HEAD, THREE_TIER

from ringfence.cli import cli

ALLOWED = "{name: api reaches db, from: prod/api, to: prod/db, port: 3306, expect: allow}"
DENIED = "{name: web reaches db, from: prod/web, to: prod/db, port: 3306, expect: allow}"
VOID = "{name: nobody reaches db, from: prod/nobody, to: prod/db, expect: deny}"
ASSUMED = "{name: spaces, to: prod/db, expect: {only-from: [prod/api]}}"
SKIPPED = "{name: later, from: prod/web, to: prod/db, expect: allow, skip: not yet}"
UNREAD = (
    "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: guard, namespace: prod}\n"
    "spec: {endpointSelector: {}, ingress: [{}]}\n"
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("GITLAB_CI", raising=False)
    monkeypatch.chdir(tmp_path)


def written(*tests: str, file: str = "t.yaml") -> str:
    Path(file).write_text(f"{HEAD}tests:\n" + "".join(f"- {one}\n" for one in tests))
    return file


def run(*words: str, stdin: str = "") -> Result:
    return CliRunner().invoke(cli, ["test", *words, "-f", str(THREE_TIER)], input=stdin)


@pytest.mark.parametrize(
    ("tests", "exit_code"),
    [
        pytest.param([ALLOWED], 0, id="all hold"),
        pytest.param([ALLOWED, SKIPPED], 0, id="one is skipped"),
        pytest.param([ALLOWED, DENIED], 1, id="one fails"),
        pytest.param([DENIED, VOID], 2, id="one says nothing"),
        pytest.param([ALLOWED, "{from: x/y}"], 2, id="one cannot be read"),
    ],
)
def test_exit_code(tests: list[str], exit_code: int) -> None:
    assert run(written(*tests)).exit_code == exit_code


def test_an_answer_on_an_assumption_has_an_exit_code_of_its_own() -> None:
    Path("unread.yaml").write_text(UNREAD)
    result = run(written(ALLOWED), "-f", "unread.yaml")
    assert result.exit_code == 3
    assert "? CiliumNetworkPolicy.cilium.io prod/guard" in result.stdout


def test_text_names_every_test_and_why_it_fails() -> None:
    lines = run(written(ALLOWED, DENIED, VOID, SKIPPED)).stdout.splitlines()
    assert lines[:4] == [
        "t.yaml",
        "  ✓ api reaches db",
        "  ✗ web reaches db  (t.yaml:5)",
        "      prod/web may not reach prod/db on TCP 3306",
    ]
    assert "      the smallest edit that would allow it, checked by the engine:" in lines
    assert lines[-4:] == [
        "  ! nobody reaches db  (t.yaml:6)",
        "      prod/nobody: there is no pod or workload nobody in namespace prod",
        "  - later  (skipped: not yet)",
        "4 tests: 1 passed, 1 failed, 1 error, 1 skipped",
    ]
    assert run(written(ALLOWED), "-q").stdout == "1 test: 1 passed\n"


def test_the_current_folder_is_searched_without_a_path() -> None:
    Path("deep").mkdir()
    written(ALLOWED, file="deep/a.yaml")
    assert run().stdout.splitlines()[0] == "deep/a.yaml"
    assert run("-").exit_code == 2
    assert run("-", stdin=Path("deep/a.yaml").read_text()).exit_code == 0


# --- which tests ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("api", ["api"]),
        ("REACHES DB", ["api", "web", "nobody"]),
        ("reaches and not (web or nobody)", ["api"]),
        ("'api reaches' or later", ["api", "later"]),
        ("t.yaml and not reaches", ["later"]),
    ],
)
def test_an_expression_selects_tests(expression: str, names: list[str]) -> None:
    printed = json.loads(run(written(ALLOWED, DENIED, VOID, SKIPPED), "-k", expression, "-o", "json").stdout)
    assert [one["name"].split()[0] for one in printed["tests"]] == names


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("nothing", "-k 'nothing' matches none of 1 tests"),
        ("and", "is not an expression, at 'and'"),
        ("(api", "is not an expression, at its end"),
        ("api)", "is not an expression, at ')'"),
        ("api 'x", "a quote is not closed"),
        ("not " * 200 + "x", "more than 100 levels deep"),
    ],
)
def test_an_expression_that_selects_nothing_is_an_error(expression: str, message: str) -> None:
    result = run(written(ALLOWED), "-k", expression)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_a_run_stops_after_so_many_failures() -> None:
    file = written(DENIED, ALLOWED, VOID, DENIED)
    first = run(file, "-x")
    assert first.stdout.endswith("1 test: 1 failed\n")
    assert "stopped after 1: 3 tests were not run" in first.stderr
    assert run(file, "--maxfail", "2").stdout.endswith("3 tests: 1 passed, 1 failed, 1 error\n")


def test_those_that_failed_last_time_are_run_again() -> None:
    file = written(ALLOWED, DENIED, VOID)
    assert "no test is known to have failed" in run(file, "--last-failed").stderr
    again = run(file, "--last-failed", "-q")
    assert "running 2 of 3 tests" in again.stderr
    assert again.stdout.endswith("2 tests: 1 failed, 1 error\n")
    run(file, "--last-failed", "-x")
    assert run(file, "--last-failed").stdout.endswith("2 tests: 1 failed, 1 error\n"), "what was not run stays"
    written(ALLOWED, DENIED.replace("expect: allow", "expect: deny"), VOID)
    run(file)
    assert run(file, "--last-failed").stdout.endswith("1 test: 1 error\n")


def test_a_cache_that_is_damaged_or_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    file = written(DENIED)
    run(file)
    (cache,) = (tmp_path / "cache").rglob("*.json")
    for content in ("{", "[1]", '[["a"]]', "null"):
        cache.write_text(content)
        assert run(file, "--last-failed").exit_code == 1
    cache.unlink()
    cache.mkdir()
    assert run(file).exit_code == 1


# --- outputs ----------------------------------------------------------------------------------------------------------


def test_several_outputs_are_written_at_once() -> None:
    file = written(ALLOWED, DENIED, VOID, SKIPPED)
    outputs = ("-o", "text", "-o", "junit=out.xml", "-o", "tap=out.tap", "-o", "json=out.json", "-o", "github=out.txt")
    assert run(file, *outputs).stdout.endswith("4 tests: 1 passed, 1 failed, 1 error, 1 skipped\n")
    (suite,) = ElementTree.parse("out.xml").getroot()
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["4", "1", "1", "1"]
    assert Path("out.tap").read_text().startswith("TAP version 14\n1..4\nok 1 - api reaches db\nnot ok 2 - web")
    assert "ok 4 - later # SKIP not yet\n" in Path("out.tap").read_text()
    _, _, of_void = Path("out.tap").read_text().partition("not ok 3 - ")
    assert 'severity: "error"' in of_void
    assert "details" not in of_void, "the message says all"
    assert Path("out.txt").read_text().count("::error file=t.yaml,line=") == 2
    assert fits(json.loads(Path("out.json").read_text()), strict(schema("test")))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("-o xml", "'xml' is not one of text, json, junit, tap, github"),
        ("-o junit=", "'junit=' names no file"),
        ("-o tap -o tap", "a format is given twice"),
        ("-o json=a -o tap=a", "two outputs have the same file"),
        ("-o junit=no/such/folder.xml", "-o junit=no/such/folder.xml: cannot be written: No such file"),
        ("--maxfail 0", "0 is not in the range"),
    ],
)
def test_a_wrong_option_is_an_error(words: str, message: str) -> None:
    result = run(written(ALLOWED), *words.split())
    assert result.exit_code == 2
    assert message in result.stderr


def test_several_outputs_can_be_printed_one_after_the_other() -> None:
    lines = run(written(ALLOWED), "-o", "text", "-o", "github").stdout.splitlines()
    assert lines == ["t.yaml", "  ✓ api reaches db", "1 test: 1 passed", "::notice title=tests::1 test: 1 passed"]


def test_tests_and_manifests_cannot_both_come_from_standard_input() -> None:
    result = CliRunner().invoke(cli, ["test", "-", "-f", "-"])
    assert (result.exit_code, "cannot both be read" in result.stderr) == (2, True)


@pytest.mark.parametrize(("environment", "has_places"), [("", False), ("true", True)])
def test_gitlab_reads_where_a_test_is_written(
    environment: str, has_places: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITLAB_CI", environment)
    ((case,),) = ElementTree.fromstring(run(written(ALLOWED), "-o", "junit").stdout)
    assert (case.get("file"), case.get("line")) == (("t.yaml", "4") if has_places else (None, None))
    ((case,),) = ElementTree.fromstring(run("t.yaml", "-o", "junit", "--junit-flavour", "gitlab").stdout)
    assert case.get("file") == "t.yaml"


def test_an_error_in_the_input_is_in_every_report() -> None:
    Path("bad.yaml").write_text(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: A}\nspec: {}\n"
    )
    result = run(written(ALLOWED), "-f", "bad.yaml", "-o", "junit=out.xml", "-o", "tap=out.tap", "-o", "github")
    assert result.exit_code == 2
    suites = ElementTree.parse("out.xml").getroot()
    assert [suite.get("errors") for suite in suites] == ["0", "1"]
    assert "not ok 2 - NetworkPolicy default/A can be read" in Path("out.tap").read_text()
    assert "::error file=bad.yaml,line=3" in result.stdout


def test_junit_has_no_absolute_path_and_no_two_cases_of_one_name(tmp_path: Path) -> None:
    other = DENIED.replace("prod/web", "staging/api")
    file = written(DENIED, other, DENIED)
    policies = tmp_path / "k8s"
    policies.mkdir()
    for one in THREE_TIER.glob("*.yaml"):
        (policies / one.name).write_text(one.read_text())
    absolute = str(tmp_path / file)
    words = ["test", absolute, "-f", str(policies), "-o", "junit"]
    printed = CliRunner().invoke(cli, words).stdout
    assert str(tmp_path) not in printed
    (suite,) = ElementTree.fromstring(printed)
    assert [case.get("classname") for case in suite] == ["t"] * 3
    assert [case.get("name") for case in suite] == [
        "web reaches db",
        "web reaches db [staging/api -> prod/db on TCP 3306: allow]",
        "web reaches db [prod/web -> prod/db on TCP 3306: allow]",
    ]
    assert [case[0].get("type") for case in suite] == ["allow-expected"] * 3


@pytest.mark.parametrize("name", ["a\x1b[31mb", "]]> & <x>", "# not a directive", "::error::x", "a\\nb\\r"])
def test_hostile_names_are_only_names(name: str) -> None:
    Path("t.json").write_text(
        json.dumps(
            {
                "apiVersion": "ringfence/v1",
                "kind": "ReachabilityTest",
                "tests": [{"name": name, "from": "prod/web", "to": "prod/db", "port": 3306, "expect": "allow"}],
            }
        )
    )
    result = run("t.json", "-o", "junit=out.xml", "-o", "tap=out.tap", "-o", "github=out.txt")
    assert result.exit_code == 1
    assert len(ElementTree.parse("out.xml").getroot()[0]) == 1
    tap = Path("out.tap").read_text().splitlines()
    assert tap[2].startswith("not ok 1 - ")
    assert " #" not in tap[2].replace("\\#", "")
    assert [line[:2] for line in Path("out.txt").read_text().splitlines()] == ["::", "::"]
    assert "\x1b" not in result.stdout
