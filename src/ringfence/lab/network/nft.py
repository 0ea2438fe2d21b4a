"""The program nft, which loads rulesets that are written as text."""

import os
import shutil
import subprocess

from ringfence.errors import LaboratoryError
from ringfence.lab.network.linux import in_network_namespace


def load_ruleset(commands: str, namespace: int, subject: str) -> None:
    """Have nft carry out commands in one transaction, in the network namespace of a file descriptor.

    Raises LaboratoryError if nft is missing or refuses; `subject` is what it translates.
    """
    # Debian keeps /usr/sbin out of an ordinary user's PATH.
    nft = shutil.which("nft", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if nft is None:
        raise LaboratoryError(
            "the program nft is missing: install the package nftables "
            "(apt install nftables, dnf install nftables, apk add nftables)"
        )
    with in_network_namespace(namespace):
        done = subprocess.run([nft, "-f", "-"], input=commands, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LaboratoryError(f"{subject} cannot be translated: nft: {done.stderr.strip()}")
