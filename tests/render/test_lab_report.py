"""What the laboratory found, for people and for programs."""

import json
from xml.etree import ElementTree

import pytest

from ringfence.render import lab
from ringfence.render.lab import Denial, Isolating, NodeRow, Outcome, PodRow, Report, ServiceRow, Situation

INGRESS = Denial("ingress", (Isolating("prod/db-policy", "db.yaml:3"),))
EGRESS = Denial("egress", (Isolating("prod/deny-all", "all.yaml:1"), Isolating("prod/dns", "all.yaml:9")))


def outcome(
    source: str, destination: str, port: int, *denials: Denial, observed: bool | None = None, **fields: object
) -> Outcome:
    """A probe that agrees, unless `observed` says otherwise."""
    expected = not denials
    settings = {"protocol": "TCP", "family": None, **fields}
    return Outcome(
        source=source,
        destination=destination,
        port=port,
        expected=expected,
        observed=expected if observed is None else observed,
        denials=denials,
        **settings,  # type: ignore[arg-type]
    )


AS_EXPECTED = Report(
    (
        outcome("prod/web", "prod/db", 3306, INGRESS),
        outcome("prod/web", "prod/db", 53, EGRESS, INGRESS, protocol="UDP"),
        outcome("prod/db", "prod/web", 80),
        outcome("192.0.2.1", "prod/db", 3306, INGRESS),
        outcome("192.0.2.1", "prod/web", 80),
    )
)
SURPRISING = Report(
    (
        outcome("prod/web", "prod/db", 3306, INGRESS, observed=True),
        outcome("prod/db", "prod/web", 80, observed=False),
        outcome("prod/db", "prod/web", 81),
    )
)


def test_the_matrix() -> None:
    assert lab.text(AS_EXPECTED, width=80) == (
        "             1   2\n"
        "             80  3306 53/UDP\n"
        "1 prod/web   ·   ✗A   ✗aA\n"
        "2 prod/db    ✓   ·    ·\n"
        "3 192.0.2.1  ✓   ✗A\n"
        "\n"
        "a  egress isolated by prod/deny-all, prod/dns\n"
        "A  ingress isolated by prod/db-policy\n"
        "\n"
        "prod/db-policy  db.yaml:3\n"
        "prod/deny-all   all.yaml:1\n"
        "prod/dns        all.yaml:9\n"
        "\n"
        "5 probes: 2 allowed, 3 denied, all as the engine says\n"
    )


def test_a_list_where_the_matrix_is_too_wide() -> None:
    assert lab.text(AS_EXPECTED, width=20).startswith(
        "prod/db 3306\n"
        "  ✗  prod/web A, 192.0.2.1 A\n"
        "prod/db 53/UDP\n"
        "  ✗  prod/web aA\n"
        "prod/web 80\n"
        "  ✓  prod/db, 192.0.2.1\n"
        "\n"
    )


def test_what_disagrees_is_marked_and_told() -> None:
    assert lab.text(SURPRISING, width=80) == (
        "            1      2\n"
        "            80 81  3306\n"
        "1 prod/web  ·  ·   !✓\n"
        "2 prod/db   !✗ ✓   ·\n"
        "\n"
        "! prod/web -> prod/db 3306/TCP: the engine denies it (ingress isolated by prod/db-policy), "
        "the kernel let it through\n"
        "! prod/db -> prod/web 80/TCP: the engine allows it, the kernel did not let it through\n"
        "\n"
        "3 probes: 2 allowed, 1 denied; 2 not as the engine says\n"
    )


def test_families_share_a_cell_as_long_as_they_agree() -> None:
    report = Report(
        (
            outcome("x/a", "x/b", 80, family=4),
            outcome("x/a", "x/b", 80, family=6),
            outcome("x/b", "x/a", 80, family=4),
            outcome("x/b", "x/a", 80, INGRESS, family=6),
        )
    )
    assert lab.text(report, width=80).splitlines()[2:4] == ["1 x/a  ·       ✓", "2 x/b  4✓ 6✗A  ·"]


def test_many_alike_are_counted() -> None:
    many = Report(tuple(outcome(f"x/{number}", "x/db", port) for number in range(100) for port in (80, 443)))
    assert lab.text(many, width=10).splitlines()[:2] == [
        "x/db 80 443",
        "  ✓  x/0, x/1, x/2, x/3, x/4, x/5 and 94 more",
    ]


def test_colour_adds_nothing_but_colour() -> None:
    coloured = lab.text(SURPRISING, width=80, colour=True)
    for code in ("\x1b[32m", "\x1b[31m", "\x1b[1;7;31m", "\x1b[0m"):
        coloured = coloured.replace(code, "")
    assert [line.split() for line in coloured.splitlines()] == [
        line.split() for line in lab.text(SURPRISING, width=80).splitlines()
    ]


@pytest.mark.parametrize("width", [10, 200])
def test_names_cannot_steer_the_terminal(width: int) -> None:
    report = Report((outcome("x/\x1b[2J", "x/b", 80, INGRESS, observed=True),))
    assert "\x1b" not in lab.text(report, width=width)


def test_nothing_to_probe() -> None:
    assert lab.text(Report(()), width=80) == "0 probes: 0 allowed, 0 denied, all as the engine says\n"


def test_json() -> None:
    document = json.loads("".join(lab.json(SURPRISING)))
    assert document["summary"] == {"probes": 3, "agree": 1, "disagree": 2}
    assert document["probes"][0] == {
        "source": "prod/web",
        "destination": "prod/db",
        "protocol": "TCP",
        "port": 3306,
        "expected": False,
        "observed": True,
    }


def test_json_names_the_family_only_where_there_are_two() -> None:
    both = Report((outcome("x/a", "x/b", 80, family=6),))
    assert json.loads("".join(lab.json(both)))["probes"][0]["family"] == "IPv6"


def test_json_of_nothing() -> None:
    assert json.loads("".join(lab.json(Report(()))))["probes"] == []


def test_junit() -> None:
    (suite,) = ElementTree.fromstring(lab.junit(SURPRISING))
    assert (suite.get("tests"), suite.get("failures")) == ("3", "2")
    assert [case.get("name") for case in suite] == [
        "prod/web -> prod/db 3306/TCP",
        "prod/db -> prod/web 80/TCP",
        "prod/db -> prod/web 81/TCP",
    ]
    assert [len(case) for case in suite] == [1, 1, 0]


def test_junit_holds_any_name() -> None:
    report = Report((outcome('x/"<&>\x00\ud800', "x/b", 80),))
    assert len(ElementTree.fromstring(lab.junit(report))) == 1


SITUATION = Situation(
    (NodeRow("node-1", ("172.18.0.1",)),),
    (PodRow("x/a", "node-1", ("10.244.0.1",), ("80/TCP",)),),
    (ServiceRow("x/headless", (), ()),),
    (),
    ("x/deny-all",),
)


def test_the_situation_in_tables() -> None:
    assert lab.situation_text(SITUATION) == (
        "NODE     ADDRESSES\n"
        "node-1   172.18.0.1\n"
        "\n"
        "POD   NODE     ADDRESSES    PORTS\n"
        "x/a   node-1   10.244.0.1   80/TCP\n"
        "\n"
        "SERVICE      ADDRESSES   PORTS\n"
        "x/headless   None        \n"
        "\n"
        "POLICY\n"
        "x/deny-all\n"
    )


def test_the_situation_as_json() -> None:
    document = json.loads(lab.situation_json(SITUATION))
    assert document["pods"] == [
        {"name": "x/a", "node": "node-1", "addresses": ["10.244.0.1"], "ports": ["80/TCP"]},
    ]
