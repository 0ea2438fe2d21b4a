"""Controls of security frameworks, and the rules of lint that say something about them.

Their numbers change between versions, so each has its version, and all are in one file, `compliance.toml`. A rule does
not prove that a control is met: what it finds is a reason why it may not be.

Sources: CIS Kubernetes Benchmark; NSA and CISA, "Kubernetes Hardening Guide"; OWASP Kubernetes Top Ten; MITRE ATT&CK
for Containers; PCI DSS; NIST SP 800-53.
"""

import tomllib
from functools import cache
from importlib.resources import files

import msgspec


class Control(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A control, such as `cis-5.3.2`, of a version of a framework, and the rules that are about it.

    `version` is empty for a framework that has none.
    """

    tag: str
    framework: str
    version: str
    title: str
    rules: tuple[str, ...]


class _Controls(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    controls: tuple[Control, ...]


@cache
def controls() -> tuple[Control, ...]:
    """All controls, in the order of the file."""
    text = (files("ringfence.lint") / "compliance.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), _Controls).controls


def compliance_tags(rule: str) -> tuple[str, ...]:
    """The controls that a rule is about, as `--select` names them: `compliance:cis-5.3.2`."""
    return tuple(f"compliance:{one.tag}" for one in controls() if rule in one.rules)
