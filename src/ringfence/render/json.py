"""JSON of answers, connections and problems, in the shapes that docs/formats.md promises."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from ringfence.analysis.connections import Connection
from ringfence.analysis.edits import Edit
from ringfence.analysis.questions import Answer
from ringfence.engine.answers import End, PairReason, PolicyReason, SideReason
from ringfence.engine.population import Member, Reference
from ringfence.model.origin import Place, Range
from ringfence.model.problems import Problem
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import PROTOCOLS, Traffic, port_list

Json = dict[str, Any]


def answer(one: Answer, edits: Sequence[Edit] | None = None) -> str:
    """An answer with the reasons of the pair that decided it; all pairs, where there are several.

    With `edits`, what would turn it.
    """
    deciding = one.reasons[0]
    written: Json = {
        "allowed": one.allowed,
        "source": _named(one.source.reference, [pair.source for pair in one.pairs]),
        "destination": _named(one.destination.reference, [pair.destination for pair in one.pairs]),
        "protocol": one.protocol if one.port is not None else None,
        "port": one.port,
    }
    if one.port is None:
        written["traffic"] = traffic(one.traffic)
    written["egress"] = _side(deciding.egress)
    written["ingress"] = _side(deciding.ingress)
    if len(one.pairs) > 1 or one.destination.service:
        written["pairs"] = [_pair(reason, port) for reason, port in zip(one.reasons, one.ports, strict=True)]
    written["assumptions"] = list(one.assumptions)
    if edits is not None:
        written["edits"] = [
            {"action": edit.action, **_place(edit.place), "lines": list(edit.lines), "others": edit.others}
            for edit in edits
        ]
    return text(written)


def connections(found: Iterable[Connection]) -> Iterator[str]:
    """All connections, streamed in pieces."""
    yield '{"connections": ['
    separator = "\n"
    for one in found:
        piece = {"source": party(one.source), "destination": party(one.destination), "traffic": traffic(one.traffic)}
        yield separator + msgspec.json.encode(piece).decode()
        separator = ",\n"
    yield "\n]}\n"


def problems(found: Iterable[Problem]) -> str:
    """What is wrong in the input, with file and line."""
    return text(
        {
            "problems": [
                {
                    "code": one.code,
                    "severity": str(one.severity),
                    "file": one.place.file,
                    **_range(one.place),
                    "object": one.object,
                    "message": one.message,
                    **({"fix": {**_range(one.fix.range), "newText": one.fix.new_text}} if one.fix else {}),
                }
                for one in found
            ]
        }
    )


def traffic(one: Traffic) -> list[Json]:
    """Traffic by protocol; all of it is the three protocols with all ports."""
    return [{"protocol": name, "ports": port_list(one.ports(name))} for name in PROTOCOLS if one.ports(name)]


def party(one: Reference | Addresses) -> Json:
    """An end of a connection: an object by its name, or addresses."""
    if isinstance(one, Addresses):
        return {"addresses": one.cidrs()}
    return {"namespace": one.namespace, "kind": one.kind, "name": one.name}


def text(written: Json) -> str:
    """A written, indented for reading."""
    return msgspec.json.format(msgspec.json.encode(written), indent=2).decode()


def _named(reference: Reference | None, ends: list[End]) -> Json:
    """What an endpoint names: one object, addresses, or several pods."""
    if reference:
        return party(reference)
    different = list(dict.fromkeys(ends))
    return _end(different[0]) if len(different) == 1 else {"pods": [_end(end) for end in different]}


def _end(end: End) -> Json:
    return party(end.reference if isinstance(end, Member) else end)


def _range(part: Place | Range) -> Json:
    return {"line": part.line, "column": part.column, "endLine": part.end_line, "endColumn": part.end_column}


def _pair(reason: PairReason, port: int | None) -> Json:
    return {
        "source": _end(reason.source),
        "destination": _end(reason.destination),
        "port": port,
        "allowed": reason.allowed,
    }


def _side(side: SideReason) -> Json:
    written: Json = {"isolated": side.isolated, "allowed": side.allowed}
    if side.exempt:
        written["exempt"] = side.exempt
    written["policies"] = [_policy(one) for one in side.policies]
    return written


def _policy(one: PolicyReason) -> Json:
    return {
        "namespace": one.policy.namespace,
        "name": one.policy.name,
        **_place(one.place),
        "rules": [
            {
                "index": rule.index,
                "allows": rule.allows,
                "reason": rule.reason,
                **_line(rule.place),
                "peers": [
                    {"index": peer.index, "matches": peer.matches, "reason": peer.reason, **_line(peer.place)}
                    for peer in rule.peers
                ],
                **({"hints": list(rule.hints)} if rule.hints else {}),
            }
            for rule in one.rules
        ],
    }


def _place(place: Place | None) -> Json:
    return {"file": place.file, "line": place.line} if place else {}


def _line(place: Place | None) -> Json:
    return {"line": place.line} if place else {}
