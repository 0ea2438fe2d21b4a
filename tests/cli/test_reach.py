"""`sources` and `destinations`: who can reach an endpoint, and what it can reach."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ringfence.cli import cli

EXAMPLE = Path(__file__).parents[2] / "examples" / "three-tier"
POLICY = EXAMPLE / "db-policy.yaml"
UNKNOWN = "assumption: the address of {} is not known: it is assumed not to lie in ipBlock 192.168.5.10/32\n"


def run(*words: str, path: Path = EXAMPLE) -> Result:
    return CliRunner().invoke(cli, [*words, "-f", str(path)])


def test_sources_lists_who_can_reach_a_destination_and_by_which_rule() -> None:
    result = run("sources", "prod/db", "-p", "3306")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "SOURCE     TRAFFIC    EGRESS         INGRESS\n"
        f"prod/api   TCP 3306   not isolated   prod/db-policy ingress[0] ({POLICY}:17)\n"
    )


def test_destinations_lists_what_a_source_can_reach() -> None:
    result = run("destinations", "prod/db")
    assert result.exit_code == 0
    assert result.stdout == (
        f"DESTINATION       TRAFFIC   {'EGRESS':{len(str(POLICY)) + 33}}INGRESS\n"
        f"192.168.5.10/32   TCP 80    prod/db-policy egress[0] ({POLICY}:26)   "
        "no policy applies\n"
    )
    assert result.stderr == "".join(map(UNKNOWN.format, ("prod/api", "prod/web", "staging/api")))


def test_without_a_port_all_traffic_is_listed() -> None:
    result = run("sources", "web", "-n", "prod", "-o", "csv")
    assert result.stdout == (
        "source,traffic,egress,ingress\n"
        "prod/api,all traffic,not isolated,not isolated\n"
        "staging/api,all traffic,not isolated,not isolated\n"
        "any address,all traffic,no policy applies,not isolated\n"
    )


def test_what_passes_for_a_part_of_several_pods_is_printed() -> None:
    result = run("sources", "prod/*", "-p", "3306", "-o", "markdown")
    assert "| any address | partly TCP 3306 |" in result.stdout


def test_a_list_that_is_empty_is_no_failure() -> None:
    result = run("sources", "prod/db", "-p", "22")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "Nothing is allowed.\n")


def test_a_policy_file_alone_is_enough() -> None:
    result = run("destinations", "pod:prod/role=db", path=POLICY)
    assert result.stdout.splitlines()[1].startswith("192.168.5.10/32   TCP 80 ")


@pytest.mark.parametrize("words", [["sources", "prod/db"], ["destinations", "prod/db", "-p", "80"]])
def test_as_json(words: list[str]) -> None:
    found = json.loads(run(*words, "-o", "json").stdout)
    assert found["problems"] == []
    assert (found["port"], found["protocol"]) == ((80, "TCP") if "-p" in words else (None, None))


def test_no_assumptions_makes_a_list_that_depends_on_one_undecided() -> None:
    assert run("destinations", "prod/db", "--no-assumptions").exit_code == 3
    assert run("sources", "prod/db", "--no-assumptions").exit_code == 0
    result = run("destinations", "prod/db", "--no-assumptions", "-o", "json")
    assert (result.exit_code, result.stderr.count("assumption: ")) == (3, 3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("sources prod/wbe", "error: prod/wbe: there is no pod or workload wbe in namespace prod; did you mean web?\n"),
        ("sources db -n prdo", "error: db: there is no pod or workload db in namespace prdo; there is prod/db\n"),
        ("destinations prod/db:80", "error: prod/db:80: a port is not part of an endpoint: use prod/db with -p 80\n"),
        ("sources prod/svc/db -p 22", "error: prod/Service/db has no port 22/TCP; its ports: 3306/TCP\n"),
    ],
)
def test_an_unusable_question_is_an_error(words: str, message: str) -> None:
    result = run(*words.split())
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", message)


def test_pods_that_do_not_exist_yet_are_listed_behind_those_that_do() -> None:
    result = run("sources", "prod/db", "-p", "3306", "--possible")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = [line.split("   ")[0] for line in result.stdout.splitlines()]
    assert lines == ["SOURCE", "prod/api", "pods with name=api-pod,role!=db of namespace prod"]
    other_port = run("sources", "prod/db", "-p", "80", "--possible")
    assert "pods with" not in other_port.stdout
    assert "Nothing is allowed." in other_port.stderr


def test_of_pods_that_are_not_exposed_alike_each_line_says_whose_it_is() -> None:
    text = run("destinations", "prod/*", "-p", "3306", "--possible", "-o", "csv").stdout
    assert "pods with role=db of namespace prod (prod/api),TCP 3306,,\n" in text
    assert "any pod of any namespace other than prod (prod/web),TCP 3306,,\n" in text


def test_possible_pods_in_json_have_an_example() -> None:
    (found,) = json.loads(run("sources", "prod/db", "--possible", "-o", "json").stdout)["possiblePods"]
    assert found["workloads"] == [{"namespace": "prod", "kind": "Pod", "name": "db"}]
    assert found["example"]["labels"] == {"name": "api-pod"}


def test_possible_pods_of_addresses_are_an_error() -> None:
    assert run("sources", "internet", "--possible").exit_code == 2
