"""Fingerprints of findings: equal in two runs for the same mistake, even if lines and items around it have moved.

A fingerprint is a hash of the rule, the object, the field without item numbers, and the value of the field. Equal ones
are numbered in the order of the findings, so that no two findings share a fingerprint.
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
    """The hashed text of a fingerprint. `value` is the value of the field; None if it is not known.

    In that case the message is used instead, without line numbers.
    """
    # Not the message if there is a value: an improved wording in a new version would make every baseline useless.
    written = _LINE.sub("", finding.message) if value is None else json.dumps(value, sort_keys=True)
    # Without an object, the finding is about a file: `main:k8s/db.yaml` of a revision equals `k8s/db.yaml` of the
    # working tree.
    subject = finding.object or posixpath.normpath(finding.place.file.rpartition(":")[2])
    return "\0".join((finding.rule, subject, _NUMBER.sub("[]", finding.path), written))


def with_fingerprints(findings: Iterable[tuple[LintFinding, str]]) -> Iterator[LintFinding]:
    """The findings with their fingerprints, which are computed from the given texts."""
    seen: Counter[str] = Counter()
    for finding, text in findings:
        seen[text] += 1
        # Names in invalid manifests may contain lone surrogates, which UTF-8 refuses.
        numbered = f"{text}\0{seen[text]}".encode(errors="surrogatepass")
        yield replace(finding, fingerprint=hashlib.sha256(numbered).hexdigest()[:32])


def value_at(document: Any, path: str) -> Any:
    """The value at a path of a document, such as `spec.ingress[0].from[1]`, or of the nearest field around it.

    Label keys contain dots: if a step has no value, the rest of the path is tried as one key.
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
