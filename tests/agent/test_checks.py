"""Nodes on which a packet filter does not see everything. The files are those of /proc and /sys, in a folder."""

from pathlib import Path

import pytest

from ringfence.agent.checks import translates_with_ipvs, unfiltered_bridges

IPVS_HEADER = """\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
"""


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


@pytest.mark.parametrize(
    ("text", "translates"),
    [
        pytest.param(None, False, id="the kernel has no IPVS"),
        pytest.param(IPVS_HEADER, False, id="nobody uses it"),
        pytest.param(IPVS_HEADER + "TCP  0A600001:01BB rr\n  -> AC120002:192B Masq 1 0 0\n", True, id="a Service"),
    ],
)
def test_ipvs_is_in_use_if_it_has_a_service(tmp_path: Path, text: str | None, translates: bool) -> None:
    if text is not None:
        write(tmp_path, "proc/net/ip_vs", text)
    assert translates_with_ipvs(tmp_path) is translates


class TestBridges:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        for port in ("veth1", "veth2"):
            write(tmp_path, f"sys/class/net/cni0/brif/{port}/state", "3\n")
        write(tmp_path, "sys/class/net/lonely0/brif/veth3/state", "3\n")
        write(tmp_path, "sys/class/net/eth0/mtu", "1500\n")
        return tmp_path

    def test_pods_on_a_bridge_pass_by_without_the_module(self, root: Path) -> None:
        assert unfiltered_bridges(root) == ["cni0"], "a bridge of one port has nobody to talk to"

    @pytest.mark.parametrize(("four", "six"), [("0", "1"), ("1", "0")])
    def test_they_do_if_it_is_turned_off_for_one_family(self, root: Path, four: str, six: str) -> None:
        self.set(root, four, six)
        assert unfiltered_bridges(root) == ["cni0"]

    def test_they_do_not_where_it_is_on(self, root: Path) -> None:
        self.set(root, "1", "1")
        assert unfiltered_bridges(root) == []

    def test_a_bridge_that_is_deleted_meanwhile_is_left_out(self, root: Path) -> None:
        write(root, "sys/class/net/gone0/brif", "its ports cannot be listed")
        assert unfiltered_bridges(root) == ["cni0"]

    @staticmethod
    def set(root: Path, four: str, six: str) -> None:
        write(root, "proc/sys/net/bridge/bridge-nf-call-iptables", f"{four}\n")
        write(root, "proc/sys/net/bridge/bridge-nf-call-ip6tables", f"{six}\n")
