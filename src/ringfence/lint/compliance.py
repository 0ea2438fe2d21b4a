"""Controls of security frameworks, and the lint rules that are relevant for them.

The numbers of controls change between versions, so each has a version, and all are in one file, `compliance.toml`. A
rule does not prove that a control is met: a finding is a reason why it may not be met.

Sources: CIS Kubernetes Benchmark; NSA and CISA, "Kubernetes Hardening Guide"; OWASP Kubernetes Top Ten; MITRE ATT&CK
for Containers; PCI DSS; NIST SP 800-53.
"""

import tomllib
from functools import cache
from importlib.resources import files

import msgspec


class Control(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A control, such as `cis-5.3.2`, of a version of a framework, and the relevant rules.

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
    """The controls for which a rule is relevant, as in `--select`: `compliance:cis-5.3.2`."""
    return tuple(f"compliance:{one.tag}" for one in controls() if rule in one.rules)
