"""The pytest plugin in fresh projects with the real pytest: what is collected, how it ends, and with xdist."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

# pytester forgets all modules that a run in this process imports. PyYAML's parser, in C, cannot be imported twice.
import ringfence.cluster
import ringfence.render.answers
import ringfence.sources.manifests.yaml_documents  # noqa: F401
from tests.lab.sandboxes import in_sandbox

pytest_plugins = ["pytester"]

SETTINGS = """\
[pytest]
ringfence_manifests = k8s
addopts = -p no:cacheprovider -p no:cov -p no:hypothesispytest -p no:playwright
"""

FIRST = "the API may reach the database"
MANIFESTS = sorted((Path(__file__).parents[1] / "examples" / "three-tier").glob("*.yaml"))

TESTS = """\
apiVersion: ringfence/v1
kind: ReachabilityTest
tests:
- name: the API may reach the database
  from: prod/api
  to: prod/db
  port: 3306
  expect: allow
- name: "the web :: may not [TCP]"
  from: prod/web
  to: prod/db
  port: 3306
  expect: deny
- {name: later, from: prod/web, to: prod/db, expect: deny, skip: not yet}
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with manifests, and one file of tests among other YAML."""
    pytester.makefile(".ini", pytest=SETTINGS)
    (pytester.path / "k8s").mkdir()
    for file in MANIFESTS:
        (pytester.path / "k8s" / file.name).write_text(file.read_text())
    (pytester.path / "tests").mkdir()
    (pytester.path / "tests" / "db.yaml").write_text(TESTS)
    (pytester.path / "tests" / "other.yaml").write_text("a: [1, 2\n")
    (pytester.path / "tests" / "values.yml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    return pytester


def run(project: pytest.Pytester, *words: str) -> pytest.RunResult:
    return project.runpytest_inprocess(*words)


def test_the_tests_of_a_file_run_beside_those_in_python(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        from ringfence.testing import assert_denied

        def test_in_python(ringfence_cluster):
            assert_denied(ringfence_cluster, "prod/web", "prod/db", port=3306)
        """
    )
    ended = run(project, "-v")
    ended.assert_outcomes(passed=3, skipped=1)
    ended.stdout.fnmatch_lines(
        [
            "tests/db.yaml::the API may reach the database PASSED*",
            "tests/db.yaml::the web : may not [[]TCP] PASSED*",
            "tests/db.yaml::later SKIPPED (not yet)*",
        ]
    )


def test_a_test_that_fails_says_why_with_its_place_and_without_a_traceback(project: pytest.Pytester) -> None:
    (project.path / "tests" / "db.yaml").write_text(TESTS.replace("expect: deny\n- {", "expect: allow\n- {"))
    ended = run(project)
    ended.assert_outcomes(passed=1, failed=1, skipped=1)
    text = ended.stdout.str()
    assert "tests/db.yaml:9: prod/web may not reach prod/db on TCP 3306" in text
    assert "no peer selects prod/web" in text
    assert "Traceback" not in text
    assert "runtest" not in text


def test_the_kernel_judges_the_tests_as_well(project: pytest.Pytester) -> None:
    in_sandbox(lambda: None)
    ended = run(project, "--ringfence-lab", "--junit-xml=out.xml")
    ended.assert_outcomes(passed=2, skipped=1)
    properties = ElementTree.parse(project.path / "out.xml").getroot().iter("property")
    assert [(one.get("name"), (one.get("value") or "").split(" (")[0]) for one in properties] == [
        *[("static", "passed"), ("kernel", "passed")] * 2,
        *[("static", "skipped"), ("kernel", "not tested")],
    ]


def test_a_laboratory_that_can_test_nothing_is_a_failure(project: pytest.Pytester) -> None:
    in_sandbox(lambda: None)
    isolated = "tests:\n- {name: isolated, pods: prod/db, isolated: ingress}\n"
    (project.path / "tests" / "db.yaml").write_text(TESTS.split("tests:")[0] + isolated)
    run(project).assert_outcomes(passed=1)
    ended = run(project, "--ringfence-lab")
    ended.assert_outcomes(failed=1)
    assert "the laboratory could test nothing" in ended.stdout.str()


def test_a_node_id_an_expression_and_a_marker_choose_tests(project: pytest.Pytester) -> None:
    run(project, "tests/db.yaml::the API may reach the database").assert_outcomes(passed=1)
    run(project, "-k", "API and database").assert_outcomes(passed=1, deselected=2)
    run(project, "-m", "ringfence", "--strict-markers").assert_outcomes(passed=2, skipped=1)
    run(project, "-m", "not ringfence").assert_outcomes(deselected=3)


def test_two_tests_of_one_name_have_different_ids(project: pytest.Pytester) -> None:
    (project.path / "tests" / "db.yaml").write_text(TESTS.replace("the web :: may not [TCP]", FIRST))
    ended = run(project, "-v")
    ended.stdout.fnmatch_lines(["tests/db.yaml::the API may reach the database #2 PASSED*"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TESTS.replace("expect: allow", "expect: alow"), "alow"),
        (TESTS.replace("prod/api", "prod/nobody"), "there is no pod or workload nobody in namespace prod"),
    ],
)
def test_what_says_nothing_about_the_cluster_is_no_success(project: pytest.Pytester, text: str, said: str) -> None:
    (project.path / "tests" / "db.yaml").write_text(text)
    ended = run(project)
    assert ended.ret not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    assert said in ended.stdout.str()


def test_an_error_in_the_manifests_fails_the_tests_with_its_place(project: pytest.Pytester) -> None:
    broken = project.path / "k8s" / "db-policy.yaml"
    broken.write_text(broken.read_text().replace("port: 3306", "port: 99999"))
    ended = run(project)
    ended.assert_outcomes(failed=3)
    assert "k8s/db-policy.yaml:" in ended.stdout.str()
    assert "Traceback" not in ended.stdout.str()


def test_without_manifests_the_tests_are_skipped_and_say_what_is_missing(project: pytest.Pytester) -> None:
    project.makefile(".ini", pytest=SETTINGS.replace("ringfence_manifests = k8s\n", ""))
    ended = run(project, "-rs")
    ended.assert_outcomes(skipped=3)
    ended.stdout.fnmatch_lines(["*set ringfence_manifests in pytest's configuration*"])
    run(project, "--ringfence-manifests", "k8s").assert_outcomes(passed=2, skipped=1)


def test_a_test_that_changes_its_cluster_changes_no_other(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_a="""
        def test_changes(ringfence_cluster):
            ringfence_cluster.leave_out("prod/db-policy")
        """
    )
    run(project, "test_a.py", "tests").assert_outcomes(passed=3, skipped=1)


def test_the_plugin_can_be_switched_off(project: pytest.Pytester) -> None:
    ended = project.runpytest_subprocess("-p", "no:ringfence", "-W", "ignore::pytest.PytestConfigWarning")
    assert ended.ret is pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.mark.takes_long
def test_with_xdist_every_worker_reads_the_manifests_for_itself(project: pytest.Pytester) -> None:
    ended = project.runpytest_subprocess("-n", "2", "-p", "xdist")
    ended.assert_outcomes(passed=2, skipped=1)


@pytest.mark.takes_long
def test_with_xdist_the_kernel_judges_the_tests_of_every_worker(project: pytest.Pytester) -> None:
    in_sandbox(lambda: None)
    ended = project.runpytest_subprocess("-n", "2", "-p", "xdist", "--ringfence-lab", "--junit-xml=out.xml")
    ended.assert_outcomes(passed=2, skipped=1)
    properties = ElementTree.parse(project.path / "out.xml").getroot().iter("property")
    kernel = [(one.get("value") or "").split(" (")[0] for one in properties if one.get("name") == "kernel"]
    assert sorted(kernel) == ["not tested", "passed", "passed"]


def test_importing_the_plugin_and_the_assertions_loads_nothing_heavy() -> None:
    code = "import sys, pytest; before = set(sys.modules); import ringfence.pytest_plugin, ringfence.testing; "
    code += "print(sorted(name for name in set(sys.modules) - before if not name.startswith('ringfence')))"
    code += "; print(sorted(name for name in sys.modules if name.startswith('ringfence')))"
    others, own = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert "msgspec" not in others
    assert "yaml" not in others
    assert "click" not in others
    assert own == str(["ringfence", "ringfence.pytest_plugin", "ringfence.testing", "ringfence.testing.assertions"])
