"""Port names that several containers of a pod give to different ports.

The API server accepts such a pod with a warning. A Service leads to the first of the ports. Kubernetes does not define
which of them a rule of a NetworkPolicy means: all, as the engine assumes, or the first.
"""

from collections import defaultdict
from collections.abc import Iterator
from functools import reduce
from operator import or_

from ringfence.engine.answers.reasons import SideReason
from ringfence.engine.answers.sides import Side, named_ports
from ringfence.engine.population import PortName
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic


def port_name_assumptions(side: Side, reason: SideReason) -> Iterator[str]:
    """The ambiguous names by which rules allow something that is in question, and that nothing else allows."""
    numbers: defaultdict[PortName, set[int]] = defaultdict(set)
    for port in named_ports(side.destination):
        numbers[port.name, port.protocol].add(port.port)
    ambiguous = {name: ports for name, ports in numbers.items() if len(ports) > 1}
    if not ambiguous:
        return
    selecting = [
        compiled
        for policy in reason.policies
        for rule, compiled in zip(policy.rules, policy.policy.rules[side.direction], strict=True)
        if rule.selects
    ]
    # Numbers and `Traffic` of rules without names hold whatever the name means. Only traffic beyond them makes the name
    # matter.
    certain = reduce(or_, (rule.traffic for rule in selecting), NO_TRAFFIC)
    for name in dict.fromkeys(name for rule in selecting for name in rule.port_names if name in ambiguous):
        ports = sorted(ambiguous[name])
        meant = Traffic.of(name[1], [(port, port) for port in ports])
        if (side.asked or ALL_TRAFFIC) & meant - certain:
            yield (
                f"containers of {side.destination} give the name {name[0]} to {meant}: a rule that names it is assumed "
                "to mean all of these ports; network plugins differ"
            )
