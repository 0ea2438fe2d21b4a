"""A class name means one thing in the whole package."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Final

import ringfence

PACKAGE: Final = Path(ringfence.__file__).parent
CLASS: Final = re.compile(r"^ *class (\w+)[:(\[]", flags=re.MULTILINE)

MEANING_TWO_THINGS: Final[frozenset[str]] = frozenset()
"""Names that two classes still share. A name that is not shared any more must be removed from here."""


def class_names() -> dict[str, list[str]]:
    """The files that define a class, by its name; private classes count as well."""
    found = defaultdict(list)
    for file in sorted(PACKAGE.rglob("*.py")):
        for name in CLASS.findall(file.read_text()):
            found[name].append(str(file.relative_to(PACKAGE)))
    return found


def test_no_two_classes_share_a_name() -> None:
    shared = {name: files for name, files in class_names().items() if len(files) > 1}
    assert {name: files for name, files in shared.items() if name not in MEANING_TWO_THINGS} == {}
    assert shared.keys() >= MEANING_TWO_THINGS, "these are no longer shared: remove them from the exceptions"
