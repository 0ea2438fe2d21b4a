"""The values of constants in the kernel's own headers, as a C compiler reads them."""

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import pytest

HEADERS = (
    "sys/socket.h",
    "linux/netlink.h",
    "linux/rtnetlink.h",
    "linux/if.h",
    "linux/if_addr.h",
    "linux/if_link.h",
    "linux/neighbour.h",
    "linux/veth.h",
    "linux/mount.h",
    "linux/sched.h",
    "linux/netfilter.h",
    "linux/netfilter/nfnetlink.h",
    "linux/netfilter/nfnetlink_conntrack.h",
    "linux/netfilter/nfnetlink_log.h",
    "linux/netfilter/nf_tables.h",
)

_OF_THE_KERNEL = re.compile(
    r"(NLM|NLMSG|NLMSGERR|NLA|NETLINK|NFNL|NFNLGRP|SOL|RTM|IFA|IFLA|IFF|IF|RT|RTA|RTN|RTNH|RTPROT|NDA|NUD|VETH|CTA|IPCTNL"
    r"|NFULA|NFULNL|NFPROTO|NF|NFT|NFTA)_\w+"
)


def kernel_constants(module: ModuleType) -> dict[str, int]:
    """The numbers of a module that have the kernel's names. Other constants, such as sizes, have names of their own."""
    found = {name: value for name, value in vars(module).items() if _OF_THE_KERNEL.fullmatch(name)}
    assert found
    return found


def values_in_headers(names: tuple[str, ...]) -> dict[str, int]:
    """The values in the headers. Skips the test where there is no C compiler, and fails if no header defines a name."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler: run `make system`")
    with TemporaryDirectory() as folder:
        source, program = Path(folder, "names.c"), Path(folder, "names")
        source.write_text(_printing(names))
        compiled = subprocess.run([compiler, source, "-o", program], capture_output=True, text=True)
        assert compiled.returncode == 0, compiled.stderr
        printed = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    return {name: int(value) for name, value in (line.split() for line in printed.splitlines())}


def _printing(names: Iterable[str]) -> str:
    includes = "".join(f"#include <{header}>\n" for header in HEADERS)
    lines = "".join(f'printf("{name} %lld\\n", (long long) ({name}));\n' for name in names)
    return f"#include <stdio.h>\n{includes}int main(void) {{\n{lines}return 0;\n}}\n"
