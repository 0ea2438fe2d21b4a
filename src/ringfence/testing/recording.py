"""Records tests: the present answers of a cluster about some pairs become the expectations of tests."""

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any, Final

from ringfence.analysis.endpoints import AskedPorts
from ringfence.analysis.questions import Answer
from ringfence.engine.population import Member
from ringfence.errors import InputError
from ringfence.sets.traffic import PROTOCOLS, Traffic
from ringfence.testing.asking import Asking, check_served
from ringfence.testing.reachability_tests import Acceptance

MOST_PAIRS: Final = 1_000
"""The largest number of pairs of workloads that are recorded at once: nobody reads more tests."""


def record_tests(
    asking: Asking, source: str, destination: str, ports: AskedPorts, written: str
) -> Iterator[dict[str, Any]]:
    """Tests of what passes from a source to a destination, for each pair of workloads that they name.

    `written` is the text of the ports in a test. If only some of the ports are allowed, there is one test for these and
    one for the others. If only some pods or addresses of a pair are allowed, neither expectation would be true: the
    test is skipped, and says so. Raises InputError for more than `MOST_PAIRS` pairs.
    """
    pairs = list(product(_named(asking, source), _named(asking, destination)))
    if len(pairs) > MOST_PAIRS:
        raise InputError(f"{source} and {destination} are {len(pairs):,} pairs: record at most {MOST_PAIRS:,} at once")
    for one, other in pairs:
        # A workload with itself is recorded only if that alone was asked for.
        if one == other and len(pairs) > 1:
            continue
        answer = asking.answer(one, other, ports, None)
        parts = _parts(answer)
        if not parts:
            expect = {"all": "allow", "none": "deny"}.get(answer.result)
            test = {"name": f"{one} -> {other} on {written}", "from": one, "to": other, "port": written}
            yield {**test, **_result(answer, ports, expect)}
        for traffic, expect in parts:
            said = str(traffic) if expect == "allow" else f"all but {parts[0][0]}"
            test = {"name": f"{one} -> {other} on {said}", "from": one, "to": other, **_ports_field(traffic)}
            asked = AskedPorts((traffic,))
            yield {**test, **_result(asking.answer(one, other, asked, None), asked, expect)}


def _parts(answer: Answer) -> tuple[tuple[Traffic, str], ...]:
    """What passes and what does not, if that is the same for all pairs of an answer; else an empty tuple."""
    alike = {(part.passing, part.refused) for part in answer.parts}
    if answer.result != "some" or len(alike) != 1:
        return ()
    ((passing, refused),) = alike
    return (passing, "allow"), (refused, "deny")


def _result(answer: Answer, ports: AskedPorts, expect: str | None) -> dict[str, Any]:
    """What a test expects, and what it must accept to hold today."""
    accepted = [str(Acceptance.ASSUMPTIONS)] if answer.assumptions else []
    try:
        check_served(answer, ports)
    except InputError:
        accepted.append(str(Acceptance.UNSERVED_PORTS))
    return {
        # A skipped test needs some expectation to be valid. It says nothing until somebody divides it.
        "expect": expect or "allow",
        **({"accept": accepted} if accepted else {}),
        **({} if expect else {"skip": "only a part of it is allowed: write a test for each part"}),
    }


def _ports_field(traffic: Traffic) -> dict[str, Any]:
    """The ports as a test has them: `3306`, `8000-8080`, `53/UDP`."""
    texts = [
        f"{low if low == high else f'{low}-{high}'}{'' if protocol == 'TCP' else f'/{protocol}'}"
        for protocol in PROTOCOLS
        for low, high in traffic.ports(protocol)
    ]
    return {"port": texts[0]} if len(texts) == 1 else {"ports": texts}


def _named(asking: Asking, text: str) -> Iterable[str]:
    """The workloads that a text names; for a single object or addresses, the text itself."""
    endpoint = asking.endpoint(text, None)
    pods = [end for end in endpoint.ends if isinstance(end, Member) and not end.is_possible]
    if endpoint.reference is not None or endpoint.service is not None or len(pods) != len(endpoint.ends):
        return [text]
    return sorted({str(asking.state.workload(pod)) for pod in pods}) or [text]
