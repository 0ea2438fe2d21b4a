"""Probe results in few words."""

from typing import Any

from ringfence.analysis.probes.probe_report import DenyingSide, IsolatingPolicy, ProbeResult

INGRESS = DenyingSide("ingress", (IsolatingPolicy("prod/db-policy", "db.yaml:3"),))
EGRESS = DenyingSide(
    "egress", (IsolatingPolicy("prod/deny-all", "all.yaml:1"), IsolatingPolicy("prod/dns", "all.yaml:9"))
)


def result(
    source: str, destination: str, port: int, *denied_by: DenyingSide, observed: bool | None = None, **fields: Any
) -> ProbeResult:
    """The result of a TCP probe, which agrees with the engine unless `observed` says otherwise."""
    expected = not denied_by
    return ProbeResult(
        source=source,
        destination=destination,
        port=port,
        expected=expected,
        observed=expected if observed is None else observed,
        denied_by=denied_by,
        **{"protocol": "TCP", **fields},
    )
