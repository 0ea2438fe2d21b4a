"""Fingerprints of findings: the same in two runs for the same mistake, though lines and items around it have moved.

A fingerprint is made of the rule, the object, the field without the numbers of its items, and what is written there. Of
several equal ones each has its number, in the order of the findings, so that no two findings have the same.
"""

import hashlib
import json
import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

from msgspec.structs import replace

from ringfence.lint.findings import LintFinding

_STEP: Final = re.compile(r"[^.\[\]]+|\[\d+\]")
_NUMBER: Final = re.compile(r"\[\d+\]")
_LINE: Final = re.compile(r":\d+\b")


def content(finding: LintFinding, value: Any) -> str:
    """What a fingerprint is made of. `value` is what is written at the field; None where that is not known.

    Then the message stands for it, without the lines that it names.
    """
    written = _LINE.sub("", finding.message) if value is None else json.dumps(value, sort_keys=True)
    # Without an object it is about the file: `main:k8s/db.yaml` of a revision is `k8s/db.yaml` of the working tree.
    subject = finding.object or posixpath.normpath(finding.place.file.rpartition(":")[2])
    return "\0".join((finding.rule, subject, _NUMBER.sub("[]", finding.path), written))


def with_fingerprints(findings: Iterable[tuple[LintFinding, str]]) -> Iterator[LintFinding]:
    """The findings with their fingerprints, each of which is made of the content beside it."""
    seen: Counter[str] = Counter()
    for finding, text in findings:
        seen[text] += 1
        numbered = f"{text}\0{seen[text]}".encode(errors="surrogatepass")
        yield replace(finding, fingerprint=hashlib.sha256(numbered).hexdigest()[:32])


def value_at(document: Any, path: str) -> Any:
    """What a document has at a path such as `spec.ingress[0].from[1]`, or at the nearest field around it.

    The keys of labels have dots: where a step leads nowhere, the rest of the path is tried as one key.
    """
    value = document
    for step in _STEP.finditer(path):
        if isinstance(value, dict):
            rest = path[step.start() :]
            if step[0] not in value:
                return value.get(rest, value)
            value = value[step[0]]
        elif isinstance(value, list) and step[0].startswith("[") and int(step[0][1:-1]) < len(value):
            value = value[int(step[0][1:-1])]
        else:
            return value
    return value
