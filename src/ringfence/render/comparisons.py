"""Whether two sets of policies mean the same in any cluster, as text and as JSON (docs/formats.md).

The text:

not equivalent: new/ allows what old/ denies

  source       prod/source: a pod with app=db in namespace prod
  destination  prod/destination: a pod with app=web in namespace prod
  port         TCP 80

old/ says no: prod/source -> prod/destination on TCP 80
  ...
"""

from collections.abc import Iterable, Iterator, Mapping

from ringfence.analysis.possible import Comparison, Counterexample, Outcome, Relation, end_name
from ringfence.analysis.questions import Answer
from ringfence.engine.population import NAME_LABEL
from ringfence.engine.possible import ExactPod, PossibleConnection, Role
from ringfence.model.compared_problems import ComparedProblem
from ringfence.render.answers import explanation, sides_json
from ringfence.render.formats import Json, document_json, one_line
from ringfence.render.problems import compared_problem_json
from ringfence.sets.addresses import address_text


def comparison_text(comparison: Comparison) -> str:
    """The outcome in one line, and a counterexample with the answer of each set of policies and its reasons."""
    first, second, found = comparison.first.name, comparison.second.name, comparison.counterexample
    lines = [_headline(comparison)]
    lines += [f"  ? {reason}" for reason in comparison.unknown]
    if found:
        lines += ["", *(f"  {line}" for line in possible_connection_lines(found.connection))]
        for name, answer in ((first, found.first), (second, found.second)):
            lines += ["", *_side(name, answer)]
    lines += ["", "In the laboratory, the kernel says the same."] if comparison.is_proven else []
    return "\n".join(map(one_line, lines))


def _headline(comparison: Comparison) -> str:
    first, second, found = comparison.first.name, comparison.second.name, comparison.counterexample
    if comparison.outcome is Outcome.HOLDS:
        if comparison.relation is Relation.EQUIVALENT:
            return f"equivalent: {first} and {second} allow the same connections in every cluster"
        return f"yes: {first} allows at most what {second} allows, in every cluster"
    if comparison.outcome is Outcome.UNKNOWN:
        what = "is equivalent to" if comparison.relation is Relation.EQUIVALENT else "allows at most what"
        than = second if comparison.relation is Relation.EQUIVALENT else f"{second} allows"
        # It is unknown even if a difference was found, because policies that are not read could remove that difference.
        return f"unknown: whether {first} {what} {than}{'; the policies that are read differ' if found else ''}"
    assert found is not None
    allowing, denying = (first, second) if found.allowed_by_first else (second, first)
    head = "not equivalent" if comparison.relation is Relation.EQUIVALENT else "no"
    return f"{head}: {allowing} allows what {denying} denies"


def possible_connection_lines(connection: PossibleConnection) -> Iterator[str]:
    """The ends of a connection that could exist, and its port, each in one line."""
    for role in Role:
        yield f"{role:<11}  {end_name(connection, role)}: {_end(connection, role)}"
    names = [name for name, _ in connection.port_names]
    called = f", which the destination calls {' and '.join(names)}" if names else ""
    traffic = f"{connection.protocol} {connection.port}" if connection.protocol else "a protocol without ports"
    yield f"{'port':<11}  {traffic}{called}"


def _end(connection: PossibleConnection, role: Role) -> str:
    """An end in words: `a pod with app=db in namespace prod with team=shop`."""
    end = connection.end(role)
    if not isinstance(end, ExactPod):
        if end.node_labels is None:
            return "an address outside the cluster"
        others = " and ".join(address_text(*one) for one in end.other_addresses)
        has = f", which has {others}, too" if others else ""
        return f"the address of a node{_with(end.node_labels)}{has}"
    # The label with the name says what the text says already.
    space = {key: value for key, value in end.namespace_labels.items() if key != NAME_LABEL}
    return f"a pod{_with(end.labels)} in namespace {end.namespace}{_with(space)}, at {address_text(*end.address)}"


def _with(labels: Mapping[str, str]) -> str:
    return f" with {','.join(f'{key}={value}' for key, value in sorted(labels.items()))}" if labels else ""


def _side(name: str, answer: Answer) -> Iterator[str]:
    head, *reasons = explanation(answer).splitlines()
    yield f"{name} says {head}"
    yield from (f"  {line}".rstrip() for line in reasons if line)


def comparison_json(comparison: Comparison, problems: Iterable[ComparedProblem] = ()) -> str:
    """The outcome, the counterexample and what each set says of it as JSON; `problems` are those of both inputs."""
    written: Json = {
        "relation": comparison.relation.value.replace(" ", "-"),
        "outcome": comparison.outcome.value,
        "first": comparison.first.name,
        "second": comparison.second.name,
        "counterexample": _counterexample_json(comparison.counterexample) if comparison.counterexample else None,
        "unknown": list(comparison.unknown),
        "problems": [compared_problem_json(problem) for problem in problems],
    }
    if comparison.is_proven:
        written["provenByKernel"] = True
    return document_json(written)


def _counterexample_json(found: Counterexample) -> Json:
    connection = found.connection
    return {
        **{str(role): possible_end_json(connection, role) for role in Role},
        "protocol": connection.protocol or None,
        "port": connection.port if connection.protocol else None,
        "portNames": [name for name, _ in connection.port_names],
        "allowedBy": "first" if found.allowed_by_first else "second",
        "first": {"allowed": found.allowed_by_first, **sides_json(found.first)},
        "second": {"allowed": not found.allowed_by_first, **sides_json(found.second)},
    }


def possible_end_json(connection: PossibleConnection, role: Role) -> Json:
    """An end of a connection that could exist, as JSON."""
    end = connection.end(role)
    if isinstance(end, ExactPod):
        return {
            "namespace": end.namespace,
            "name": str(role),
            "labels": dict(end.labels),
            "namespaceLabels": dict(end.namespace_labels),
            "address": address_text(*end.address),
        }
    written: Json = {"address": address_text(*end.address)}
    if end.node_labels is not None:
        written["nodeLabels"] = dict(end.node_labels)
    if end.other_addresses:
        written["otherAddresses"] = [address_text(*one) for one in end.other_addresses]
    return written
