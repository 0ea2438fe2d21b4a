"""The examples do what their READMEs say, and the shop has the connections that it needs."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner
from tests.semantics.claims import untrue
from tests.semantics.judges import answers_of

from ringfence import Cluster
from ringfence.cli import EXIT_NO, EXIT_YES, cli
from ringfence.engine.population.pods import Reference
from ringfence.sets.addresses import Addresses

ROOT = Path(__file__).parents[2]
READMES = sorted(ROOT.glob("examples/**/README.md"))
ANSWERS = {"yes": [EXIT_YES], "no": [EXIT_NO], "": [EXIT_YES, EXIT_NO]}


class Command(NamedTuple):
    """A command of a README: its working directory, its arguments, and the outcome in the comment behind it."""

    folder: Path
    arguments: list[str]
    answer: str


def commands(readme: Path) -> Iterator[Command]:
    """The `ringfence` commands in the shell blocks of a README, each run from where the block has gone."""
    for block in readme.read_text().split("```sh\n")[1:]:
        folder = ROOT
        for line in block.partition("```")[0].splitlines():
            command, _, comment = line.partition("#")
            match shlex.split(command):
                case ["cd", where]:
                    folder = ROOT / where
                case ["ringfence", *arguments]:
                    yield Command(folder, arguments, comment.strip())


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(command, id=f"{readme.parent.name}: {' '.join(command.arguments)}")
        for readme in READMES
        for command in commands(readme)
    ],
)
def test_a_command_of_a_readme_answers_as_its_comment_says(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(command.folder)
    result = CliRunner().invoke(cli, command.arguments, catch_exceptions=False)
    assert result.exit_code in ANSWERS[command.answer], result.output
    assert result.stdout


@pytest.mark.parametrize("folder", [readme.parent for readme in READMES if list(readme.parent.glob("*.yaml"))], ids=str)
def test_nothing_is_wrong_with_the_manifests(folder: Path) -> None:
    cluster = Cluster.load(folder)
    assert cluster.problems == []
    assert not cluster.skipped


SHOP = ROOT / "examples" / "shop"
ASKING = (
    "shop/storefront",
    "shop/catalog",
    "shop/cart",
    "shop/checkout",
    "shop/mailer",
    "shop/catalog-db",
    "shop/orders-db",
    "shop/sessions",
    "shop/queue",
    "shop/backup",
    "edge/ingress-controller",
    "edge/certificates",
    "monitoring/prometheus",
    "monitoring/alertmanager",
    "monitoring/grafana",
)
MEASURED = {
    "shop/storefront": 9464,
    "shop/catalog": 8081,
    "shop/cart": 8081,
    "shop/checkout": 8081,
    "shop/mailer": 8081,
    "shop/catalog-db": 9187,
    "shop/orders-db": 9187,
    "shop/queue": 15692,
    "edge/ingress-controller": 10254,
    "edge/certificates": 9402,
    "monitoring/alertmanager": 9093,
    "monitoring/grafana": 3000,
    "kube-system/coredns": 9153,
}
NEEDED = {
    # Customers buy ...
    ("edge/ingress-controller", "shop/storefront"): "TCP 3000",
    ("shop/storefront", "shop/catalog"): "TCP 8080",
    ("shop/storefront", "shop/cart"): "TCP 8080",
    ("shop/storefront", "shop/checkout"): "TCP 8080",
    ("shop/catalog", "shop/catalog-db"): "TCP 5432",
    ("shop/cart", "shop/catalog"): "TCP 8080",
    ("shop/cart", "shop/sessions"): "TCP 6379",
    ("shop/checkout", "shop/cart"): "TCP 8080",
    ("shop/checkout", "shop/orders-db"): "TCP 5432",
    ("shop/checkout", "shop/queue"): "TCP 5672",
    ("shop/mailer", "shop/queue"): "TCP 5672",
    # ... nothing is lost ...
    ("shop/backup", "shop/catalog-db"): "TCP 5432",
    ("shop/backup", "shop/orders-db"): "TCP 5432",
    # ... staff look at it ...
    ("edge/ingress-controller", "monitoring/grafana"): "TCP 3000",
    ("monitoring/grafana", "monitoring/prometheus"): "TCP 9090",
    **{("monitoring/prometheus", pod): f"TCP {port}" for pod, port in MEASURED.items()},
    # ... and every pod can resolve names.
    **{(workload, "kube-system/coredns"): "TCP 53; UDP 53" for workload in ASKING},
    ("monitoring/prometheus", "kube-system/coredns"): "TCP 53,9153; UDP 53",
    # Manifests do not contain addresses of nodes, so a block of all addresses may have those of the node-exporters.
    ("monitoring/node-exporter", "edge/ingress-controller"): "TCP 8080,8443",
    ("edge/certificates", "monitoring/node-exporter"): "TCP 443",
    # One runs on each node, on its network, to which no policy applies.
    ("monitoring/node-exporter", "monitoring/node-exporter"): "all traffic",
}


def test_the_shop_allows_what_it_needs_and_no_more() -> None:
    listed = {
        (plain(connection.source), plain(connection.destination)): str(connection.traffic)
        for connection in Cluster.load(SHOP).connections()
        if not isinstance(connection.source, Addresses) and not isinstance(connection.destination, Addresses)
    }
    assert listed == NEEDED


OUTSIDE = [
    # The ingress controller is open to the world, and nothing else.
    "allow 203.0.113.7 -> edge/ingress-controller on TCP/8443",
    "allow 203.0.113.7 -> edge/ingress-controller on TCP/8080",
    "allow 2001:db8::7 -> edge/ingress-controller on TCP/8443",
    "deny 203.0.113.7 -> edge/ingress-controller on TCP/9443",
    "deny 203.0.113.7 -> edge/ingress-controller on TCP/10254",
    "deny 203.0.113.7 -> shop/storefront",
    "deny 203.0.113.7 -> monitoring/grafana",
    "deny 203.0.113.7 -> kube-system/coredns",
    "allow 172.16.0.10 -> edge/ingress-controller on TCP/9443",
    # Only pods that need outside services reach them.
    "allow shop/checkout -> 203.0.113.40 on TCP/443",
    "deny shop/checkout -> 203.0.113.41 on TCP/443",
    "deny shop/catalog -> 203.0.113.40",
    "allow shop/mailer -> 198.51.100.25 on TCP/587",
    "deny shop/mailer -> 198.51.100.25 on TCP/25",
    "allow shop/backup -> 203.0.113.80 on TCP/443",
    "deny shop/orders-db -> 203.0.113.80",
    "allow monitoring/alertmanager -> 203.0.113.90 on TCP/443",
    "deny monitoring/grafana -> 203.0.113.90",
    "allow edge/certificates -> 198.51.100.200 on TCP/443",
    "allow edge/certificates -> 2001:db8::7 on TCP/443",
    "deny edge/certificates -> 10.1.2.3 on TCP/443",
    "deny edge/certificates -> 169.254.169.254",
    "deny edge/certificates -> fd00::1",
    # The platform reaches the API server, scrapes the nodes, and forwards DNS queries.
    "allow edge/ingress-controller -> 172.16.0.10 on TCP/6443",
    "allow edge/certificates -> 172.16.0.10 on TCP/6443",
    "allow monitoring/prometheus -> 172.16.0.10 on TCP/6443",
    "allow kube-system/coredns -> 172.16.0.10 on TCP/6443",
    "deny shop/storefront -> 172.16.0.10",
    "allow monitoring/prometheus -> 172.16.0.11 on TCP/9100",
    "deny monitoring/grafana -> 172.16.0.11",
    "allow kube-system/coredns -> 192.0.2.53 on UDP/53",
    "allow kube-system/coredns -> 192.0.2.53 on TCP/53",
    "deny shop/storefront -> 192.0.2.53",
]


def test_the_shop_and_the_world_outside() -> None:
    assert untrue(OUTSIDE, answers_of(Cluster.load(SHOP))) == []


def plain(end: object) -> str:
    """`NAMESPACE/NAME` for a workload of any kind."""
    assert isinstance(end, Reference)
    return f"{end.namespace}/{end.name}"
