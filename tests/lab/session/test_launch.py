"""Starting laboratories in the background."""

import subprocess
import sys

from tests.lab.processes import User, user
from tests.lab.shop import SHOP


def test_a_laboratory_is_started_once(shop: User) -> None:
    again = shop.run("lab", "up", "-f", "-", manifests=SHOP)
    assert again.returncode == 2
    assert "a laboratory is running already: stop it first (ringfence lab" in again.stderr


def test_a_laboratory_that_cannot_be_built_says_why_and_leaves_the_name_free() -> None:
    with user(rootless=False) as owner:
        twice = SHOP + "---\n{apiVersion: v1, kind: Pod, metadata: {name: %s}, status: {podIPs: [{ip: 10.0.0.1}]}}\n"
        done = owner.run("lab", "up", "-f", "-", manifests=twice % "a" + twice % "b")
        assert done.returncode == 2
        assert "pod default/a and pod default/b both have the address 10.0.0.1" in done.stderr
        assert owner.survivors() == []
        assert owner.run("lab", "up", "-f", "-", manifests=SHOP).returncode == 0


def test_a_laboratory_holds_no_file_of_the_command_that_started_it() -> None:
    """Otherwise a pipe to `ringfence lab up` would not end before the laboratory ends."""
    with user(rootless=False) as owner:
        done = subprocess.run(
            [sys.executable, "-m", "ringfence", "lab", "up", "-f", "-"],
            env=owner.environment,
            input=SHOP,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        owner.only_process()
