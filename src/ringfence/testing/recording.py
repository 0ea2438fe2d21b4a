"""Tests from the answers of today: what a cluster says about some pairs becomes what tests expect of it."""

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any, Final

from ringfence.analysis.endpoints import AskedPorts
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.errors import InputError
from ringfence.testing.asking import Asking

MOST_PAIRS: Final = 1_000
"""Pairs of workloads that are recorded at once: nobody reads more tests."""


def record_tests(
    state: State, namespace: str, source: str, destination: str, ports: AskedPorts, written: str
) -> Iterator[dict[str, Any]]:
    """Tests of what passes from a source to a destination, for each pair of workloads that they name.

    `written` are the ports as they are written in a test. Where only some of the ports or pods of a pair may connect,
    there is a test of neither, which would not be true: it is skipped, and says so. Raises InputError for more than
    `MOST_PAIRS` pairs.
    """
    asking = Asking(state, namespace)
    pairs = list(product(_named(asking, source), _named(asking, destination)))
    if len(pairs) > MOST_PAIRS:
        raise InputError(f"{source} and {destination} are {len(pairs):,} pairs: record at most {MOST_PAIRS:,} at once")
    for one, other in pairs:
        if one == other and len(pairs) > 1:
            continue
        answer = asking.answer(one, other, ports, None)
        expect = {"all": "allow", "none": "deny"}.get(answer.result)
        test: dict[str, Any] = {"name": f"{one} -> {other} on {written}", "from": one, "to": other, "port": written}
        test["expect"] = expect or "allow"
        if answer.assumptions:
            test["accept"] = ["assumptions"]
        if expect is None:
            test["skip"] = "only a part of it is allowed: write a test for each part"
        yield test


def _named(asking: Asking, text: str) -> Iterable[str]:
    """The workloads that a text names, or what is a single object or addresses as it is written."""
    endpoint = asking.endpoint(text, None)
    pods = [end for end in endpoint.ends if isinstance(end, Member) and not end.is_possible]
    if endpoint.reference is not None or endpoint.service is not None or len(pods) != len(endpoint.ends):
        return [text]
    return sorted({str(asking.state.workload(pod)) for pod in pods}) or [text]
