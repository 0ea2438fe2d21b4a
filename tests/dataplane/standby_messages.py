"""The prepared messages of the standby process, and what they do to the tables."""

import os
import re
from collections.abc import Sequence
from functools import partial

from tests.dataplane.network import nft
from tests.dataplane.programs import IN, UDP, program, varied

from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.program import Program
from ringfence.dataplane.restoration import Announcements, Damage, Restoration, restore

LARGE = program({(IN, pod): [(9, UDP, 80 + i) for i in range(100)] for pod in range(40)})
FLUSH = "flush map inet ringfence ingress4"


class Ready:
    """A kernel with a program in force, and the messages that are ready to be sent for it."""

    def __init__(self, program: Program | None = None) -> None:
        self.kernel = Kernel()
        self.kernel.apply(program or varied())
        self.prepare()

    def prepare(self) -> Sequence[Restoration]:
        self.restorations = self.kernel.prepare()
        return self.restorations

    def stand_in(self) -> None:
        """Act as the standby process does when the kernel reports a change."""
        standby = self.kernel.standby
        announcing = Announcements(*(partial(os.eventfd_write, event, 1) for event in standby.announcements))
        damage = Damage()
        while received := standby.listener.waiting():
            damage.note(received, self.restorations)
        restore(standby.sender, self.restorations, damage, announcing)


def words(family: str, table: str = "ringfence") -> list[str]:
    """The sorted words of nft's listing of a table, with the name of the first table."""
    listed = nft("-s", "list", "ruleset", family)
    parts = re.findall(rf"^table {family} {table} {{.*?^}}", listed, re.MULTILINE | re.DOTALL)
    return sorted(re.split(r"[\s,]+", "".join(parts).replace(table, "ringfence")))


def has_cover() -> bool:
    return "ringfence_beside" in nft("list tables")
