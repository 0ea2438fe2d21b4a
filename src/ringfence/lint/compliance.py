"""Controls of security frameworks, and the rules of lint that say something about them.

Their numbers change between versions, so each has its version, and all are in this file. A rule does not prove that a
control is met: what it finds is a reason why it may not be.

Sources: CIS Kubernetes Benchmark; NSA and CISA, "Kubernetes Hardening Guide"; OWASP Kubernetes Top Ten; MITRE ATT&CK
for Containers; PCI DSS; NIST SP 800-53.
"""

from typing import Final

import msgspec


class Control(msgspec.Struct, frozen=True):
    """A control, such as `cis-5.3.2`, of a version of a framework, and the rules that are about it."""

    tag: str
    framework: str
    title: str
    rules: tuple[str, ...]


CONTROLS: Final = (
    Control(
        "cis-5.3.1", "CIS Kubernetes 1.x", "The network plugin in use supports NetworkPolicies", ("RF137", "RF212")
    ),
    Control(
        "cis-5.3.2",
        "CIS Kubernetes 1.x",
        "All namespaces have NetworkPolicies",
        ("RF101", "RF104", "RF106", "RF201", "RF202", "RF203", "RF204"),
    ),
    Control(
        "cis-eks-4.3.2",
        "CIS Amazon EKS 1.4",
        "All namespaces have NetworkPolicies",
        ("RF101", "RF104", "RF106", "RF201", "RF202", "RF203", "RF204"),
    ),
    Control(
        "nsa-cisa-network-policies",
        "NSA/CISA Kubernetes Hardening Guide 1.2",
        "Policies select pods and deny by default, and block the metadata service",
        ("RF101", "RF102", "RF103", "RF104", "RF106", "RF132", "RF203", "RF204"),
    ),
    Control(
        "owasp-k05",
        "OWASP Kubernetes Top Ten 2025",
        "Missing network segmentation controls",
        ("RF103", "RF104", "RF106", "RF107", "RF119", "RF201", "RF202", "RF205", "RF206", "RF207"),
    ),
    Control(
        "mitre-t1552.005",
        "MITRE ATT&CK for Containers",
        "Unsecured credentials: cloud instance metadata API",
        ("RF132",),
    ),
    Control("mitre-t1046", "MITRE ATT&CK for Containers", "Network service discovery", ("RF205", "RF208", "RF209")),
    Control(
        "pci-dss-1.3",
        "PCI DSS 4.0",
        "Network access to and from the cardholder data environment is restricted",
        ("RF103", "RF106", "RF119", "RF203", "RF204", "RF206", "RF207"),
    ),
    Control(
        "nist-sc-7.5",
        "NIST SP 800-53 Rev. 5",
        "Boundary protection: deny by default, allow by exception",
        ("RF104", "RF106", "RF203", "RF204"),
    ),
)


def compliance_tags(rule: str) -> tuple[str, ...]:
    """The controls that a rule is about, as `--select` names them: `compliance:cis-5.3.2`."""
    return tuple(f"compliance:{one.tag}" for one in CONTROLS if rule in one.rules)
