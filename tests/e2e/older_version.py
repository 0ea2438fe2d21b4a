"""`ringfence` as if it were an older version: one of its sets is of another kind, so an update replaces the table.

python older_version.py agent ...
"""

from unittest.mock import patch

from ringfence.__main__ import main
from ringfence.dataplane.program import SPOOFED, Collection, HashSet, skeleton
from ringfence.dataplane.program.keys import PACKET_FAMILY, family_key
from ringfence.sets.addresses import FAMILIES

_newer = skeleton._collections


def _older() -> dict[str, Collection]:
    """It also dropped packets with a source address of another link, but did not count them."""
    return {**_newer(), SPOOFED: HashSet(PACKET_FAMILY, frozenset(map(family_key, FAMILIES)))}


if __name__ == "__main__":
    with patch.object(skeleton, "_collections", _older):
        main()
