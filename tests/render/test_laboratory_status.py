"""The objects of a laboratory, in tables and as JSON."""

import json

import msgspec

from ringfence.analysis.probes.laboratory_network import LaboratoryNetwork
from ringfence.analysis.probes.laboratory_status import LaboratoryStatus, NodeSummary, PodSummary, ServiceSummary
from ringfence.analysis.probes.probe_report import RefusedProgram
from ringfence.render import laboratory_status

STATUS = LaboratoryStatus(
    (NodeSummary("node-1", ("172.18.0.1", "fd00::1")),),
    (PodSummary("x/a", "node-1", ("10.244.0.1",), ("80/TCP", "53/UDP")),),
    (ServiceSummary("x/headless", (), ()), ServiceSummary("x/web", ("10.96.0.1",), ("80/TCP",))),
    (),
    ("x/deny-all",),
)


def test_one_table_for_each_kind_that_there_is() -> None:
    assert laboratory_status.text(STATUS) == (
        "NODE     ADDRESSES\n"
        "node-1   172.18.0.1,fd00::1\n"
        "\n"
        "POD   NODE     ADDRESSES    PORTS\n"
        "x/a   node-1   10.244.0.1   80/TCP,53/UDP\n"
        "\n"
        "SERVICE      ADDRESSES   PORTS\n"
        "x/headless   None        \n"
        "x/web        10.96.0.1   80/TCP\n"
        "\n"
        "POLICY\n"
        "x/deny-all\n"
    )


def test_pods_that_stand_for_a_workload_together_name_it() -> None:
    pods = (
        PodSummary("x/a", "n", ("10.244.0.1",), ()),
        *(PodSummary(f"x/w-{i}", "n", (f"10.244.0.{i + 2}",), (), "x/w") for i in range(2)),
    )
    status = LaboratoryStatus((), pods, (), (), ())
    assert [line.split() for line in laboratory_status.text(status).splitlines()] == [
        ["POD", "NODE", "ADDRESSES", "PORTS", "STANDS", "FOR"],
        ["x/a", "n", "10.244.0.1"],
        ["x/w-0", "n", "10.244.0.2", "x/w"],
        ["x/w-1", "n", "10.244.0.3", "x/w"],
    ]
    assert [one.get("workload") for one in json.loads(laboratory_status.json(status))["pods"]] == [None, "x/w", "x/w"]


def test_hosts_outside_and_refusals_have_tables_too() -> None:
    status = LaboratoryStatus((), (), (), ("203.0.113.10",), (), (RefusedProgram("node-1", "no space"),))
    assert laboratory_status.text(status) == (
        "OUTSIDE\n203.0.113.10\n\nNODE     REFUSED BY THE KERNEL\nnode-1   no space\n"
    )


def test_names_cannot_control_the_terminal() -> None:
    assert "\x1b" not in laboratory_status.text(LaboratoryStatus((), (), (), (), ("x/\x1b[2J",)))


def test_json_has_all_of_it() -> None:
    document = json.loads(laboratory_status.json(STATUS))
    assert document == {
        "apiVersion": "ringfence/v1",
        "nodes": [{"name": "node-1", "addresses": ["172.18.0.1", "fd00::1"]}],
        "pods": [{"name": "x/a", "node": "node-1", "addresses": ["10.244.0.1"], "ports": ["80/TCP", "53/UDP"]}],
        "services": [
            {"name": "x/headless", "addresses": [], "ports": []},
            {"name": "x/web", "addresses": ["10.96.0.1"], "ports": ["80/TCP"]},
        ],
        "outside": [],
        "policies": ["x/deny-all"],
        "refused": [],
        "problems": [],
        "network": {"podNetwork": "routed", "rpFilter": "off"},
    }


def test_a_network_that_was_chosen_is_shown() -> None:
    network = LaboratoryNetwork("flannel", "strict", br_netfilter=True)
    assert laboratory_status.text(msgspec.structs.replace(STATUS, network=network)).startswith(
        "NETWORK\nflannel, rp_filter strict\n"
    )
