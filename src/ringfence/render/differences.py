"""What a change does, as text and as JSON (docs/formats.md).

The text:

before/ -> after/: 1 opened, 0 closed; policies: 1 changed; the same 3 workloads

opened
  + prod/Deployment/web -> prod/StatefulSet/db: TCP 3306
      ingress rule 1 of prod/db now allows it (after/db.yaml:14)
"""

from collections.abc import Iterable, Iterator
from typing import Final

from ringfence.analysis.differences import (
    Cause,
    ChangedConnections,
    ChangedIsolation,
    ClusterDifference,
    ConnectionChange,
    Effect,
    Ends,
    UnreadChange,
    When,
)
from ringfence.analysis.possible import Counterexample, Outcome
from ringfence.engine.population import Reference
from ringfence.engine.possible import Role
from ringfence.model.problems import Problem
from ringfence.render.comparisons import possible_connection_lines, possible_end_json
from ringfence.render.ends import end_json, traffic_json
from ringfence.render.formats import Json, document_json, one_line
from ringfence.render.problems import problem_json
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import Traffic

_MOST_NAMES: Final = 3
"""Workloads that a line names; of more it says how many there are. JSON has all."""

_EFFECTS: Final = {
    (Effect.ALLOWS, When.BEFORE): "allowed it before",
    (Effect.ALLOWS, When.AFTER): "now allows it",
    (Effect.DENIES, When.BEFORE): "no longer denies it",
    (Effect.DENIES, When.AFTER): "now denies it",
    (Effect.ISOLATES, When.BEFORE): "no longer isolates",
    (Effect.ISOLATES, When.AFTER): "now isolates",
}


# --- text -------------------------------------------------------------------------------------------------------------


def difference_text(found: ClusterDifference, first: str, second: str) -> str:
    """The summary in one line, then what was opened, closed, and all else that changed, each with its causes."""
    sections = (
        ("opened", _connection_lines("+", found.of(ConnectionChange.OPENED))),
        ("closed", _connection_lines("-", found.of(ConnectionChange.CLOSED))),
        ("exposure", _exposure_lines(found, first, second)),
        ("isolation", _isolation_lines(found.isolation)),
        ("unknown", _unknown_lines(found)),
        ("not read", (f"  ? {_unread_text(one)}" for one in found.unread)),
        ("workloads", _workload_lines(found)),
    )
    lines = [f"{first} -> {second}: {summary_text(found)}"]
    for title, content in sections:
        if listed := list(content):
            lines += ["", title, *listed]
    lines += _closing_lines(found)
    return "\n".join(map(one_line, lines))


def summary_text(found: ClusterDifference) -> str:
    """How much has changed, in one line."""
    parts = [f"{len(found.of(kind))} {kind.value}" for kind in ConnectionChange] if found.connections else []
    parts += ["exposure changed"] if found.exposure_changed else []
    parts += [f"{len(found.isolation)} isolation changed"] if found.isolation else []
    parts += [f"{len(found.unknown)} unknown"] if found.unknown else []
    parts += [f"{len(found.added)} workloads added"] if found.added else []
    parts += [f"{len(found.removed)} workloads removed"] if found.removed else []
    parts = [", ".join(parts or ["no connection changed"])]
    if found.policies:
        counts = (
            ("added", found.policies.added),
            ("removed", found.policies.removed),
            ("changed", found.policies.changed),
        )
        parts.append(f"policies: {', '.join(f'{number} {what}' for what, number in counts if number)}")
    same = "the same " if not (found.added or found.removed) else ""
    parts.append(f"{same}{found.common} {'workload' if found.common == 1 else 'workloads'} compared")
    return "; ".join(parts)


def _connection_lines(mark: str, changes: Iterable[ChangedConnections]) -> Iterator[str]:
    for one in changes:
        yield f"  {mark} {_ends_text(one.sources)} -> {_ends_text(one.destinations)}: {one.traffic}"
        yield from _cause_lines(one.causes)


def _cause_lines(causes: Iterable[Cause]) -> Iterator[str]:
    return (f"      {cause_text(cause)}" for cause in causes)


def cause_text(cause: Cause) -> str:
    """Which policy or rule decides, and where it is written; or which label changed."""
    if cause.policy is None or cause.effect is None or cause.direction is None:
        return cause.text
    effect = _EFFECTS[cause.effect, cause.when]
    field = cause.direction.field
    place = f" ({cause.place})" if cause.place else ""
    unchanged = "" if cause.what else ", which is unchanged"
    if cause.rule is None:
        return f"{cause.policy}{unchanged and f'{unchanged},'} {effect} {field}{place}"
    return f"{field} rule {cause.rule + 1} of {cause.policy}{unchanged and f'{unchanged},'} {effect}{place}"


def _ends_text(ends: Ends) -> str:
    return str(ends) if isinstance(ends, Addresses) else _names_text(ends)


def _names_text(workloads: tuple[Reference, ...]) -> str:
    more = f" and {len(workloads) - _MOST_NAMES} more" if len(workloads) > _MOST_NAMES else ""
    return ", ".join(map(str, workloads[:_MOST_NAMES])) + more


def _exposure_lines(found: ClusterDifference, first: str, second: str) -> Iterator[str]:
    if found.meaning is None or found.meaning.outcome is Outcome.HOLDS:
        return
    if found.is_undecided:
        yield "  ? whether pods that do not exist yet may connect as before is not decided"
        yield from (f"      {reason}" for reason in found.meaning.unknown)
        return
    example = found.meaning.counterexample
    if example:
        allowing, denying = (first, second) if example.allowed_by_first else (second, first)
        yield f"  ! for pods that do not exist yet, {allowing} allows what {denying} denies, for example"
        yield from (f"      {line}" for line in possible_connection_lines(example.connection))


def _isolation_lines(changes: Iterable[ChangedIsolation]) -> Iterator[str]:
    for one in changes:
        verb = "is" if len(one.workloads) == 1 else "are"
        how = f"{verb} now isolated" if one.is_isolated else f"{verb} no longer isolated"
        yield f"  ! {_names_text(one.workloads)} {how} for {one.direction.field}"
        yield from _cause_lines(one.causes)


def _unknown_lines(found: ClusterDifference) -> Iterator[str]:
    yield from (f"  ? now assumed: {text}" for text in found.unknown)
    yield from (f"  ? no longer assumed: {text}" for text in found.known)


def _unread_text(one: UnreadChange) -> str:
    return f"{one.change} but not read: {one.policy} ({one.policy.place})"


def _workload_lines(found: ClusterDifference) -> Iterator[str]:
    for what, workloads in (("added", found.added), ("removed", found.removed)):
        if workloads:
            yield f"  ~ {what}: {_names_text(workloads)}"


def _closing_lines(found: ClusterDifference) -> list[str]:
    """What is the same, where something was written differently."""
    if found:
        return []
    if found.unread:
        return ["", "Nothing else changed. What the policies that are not read change is not known."]
    if found.is_undecided:
        return ["", "No connection of these workloads changed."]
    if not found.policies:
        return ["", "Nothing changed: the policies are the same."]
    return ["", "Only the text changed: the policies mean the same in every cluster that could be."]


# --- JSON -------------------------------------------------------------------------------------------------------------


def difference_json(found: ClusterDifference, first: str, second: str, problems: Iterable[Problem] = ()) -> str:
    """Everything that changed as JSON; `problems` are those of both inputs."""
    return document_json(
        {
            "from": first,
            "to": second,
            "same": not found,
            "summary": _summary_json(found),
            "changes": [_change_json(one) for one in found.connections],
            "isolation": [_isolation_json(one) for one in found.isolation],
            "policies": _meaning_json(found),
            "workloads": {
                "compared": found.common,
                "added": list(map(end_json, found.added)),
                "removed": list(map(end_json, found.removed)),
            },
            "becameUnknown": list(found.unknown),
            "becameKnown": list(found.known),
            "notRead": [_unread_json(one) for one in found.unread],
            "assumptions": list(found.assumptions),
            "problems": [problem_json(problem) for problem in problems],
        }
    )


def _summary_json(found: ClusterDifference) -> Json:
    return {
        "opened": len(found.of(ConnectionChange.OPENED)),
        "closed": len(found.of(ConnectionChange.CLOSED)),
        "exposure": int(found.exposure_changed),
        "isolation": len(found.isolation),
        "unknown": len(found.unknown),
        "notRead": len(found.unread),
        "workloadsAdded": len(found.added),
        "workloadsRemoved": len(found.removed),
        "policiesAdded": found.policies.added,
        "policiesRemoved": found.policies.removed,
        "policiesChanged": found.policies.changed,
    }


def _change_json(one: ChangedConnections) -> Json:
    return {
        "kind": one.kind.value,
        "sources": _ends_json(one.sources),
        "destinations": _ends_json(one.destinations),
        "traffic": _traffic_json(one.traffic),
        "before": _traffic_json(one.before),
        "after": _traffic_json(one.after),
        "causes": list(map(_cause_json, one.causes)),
        "attributedTo": [what.value for what in one.attributed_to],
    }


def _isolation_json(one: ChangedIsolation) -> Json:
    return {
        "workloads": list(map(end_json, one.workloads)),
        "direction": one.direction.field,
        "isolated": one.is_isolated,
        "causes": list(map(_cause_json, one.causes)),
    }


def _ends_json(ends: Ends) -> list[Json]:
    return [end_json(ends)] if isinstance(ends, Addresses) else list(map(end_json, ends))


def _traffic_json(traffic: Traffic) -> Json:
    """Traffic with ports, and whether all protocols without ports are in it."""
    return {"ports": traffic_json(traffic), "otherProtocols": traffic.other}


def _cause_json(cause: Cause) -> Json:
    written: Json = {
        "side": cause.when.value,
        "changed": cause.what.value if cause.what else None,
        "text": cause_text(cause),
    }
    if cause.policy and cause.effect and cause.direction:
        written["policy"] = {"namespace": cause.policy.namespace, "kind": cause.policy.kind, "name": cause.policy.name}
        written["effect"] = cause.effect.value
        written["direction"] = cause.direction.field
        if cause.rule is not None:
            written["rule"] = cause.rule
    if cause.place:
        written |= {"file": cause.place.file, "line": cause.place.line}
    return written


def _meaning_json(found: ClusterDifference) -> Json:
    """Whether the policies are the same, or mean the same in every cluster, with a connection that shows it if not."""
    if found.meaning is None:
        return {"meaning": "identical", "counterexample": None, "unknown": []}
    words = {Outcome.HOLDS: "equivalent", Outcome.FAILS: "different", Outcome.UNKNOWN: "unknown"}
    example = found.meaning.counterexample
    return {
        "meaning": words[found.meaning.outcome],
        "counterexample": _counterexample_json(example) if example else None,
        "unknown": list(found.meaning.unknown),
    }


def _counterexample_json(example: Counterexample) -> Json:
    connection = example.connection
    return {
        **{str(role): possible_end_json(connection, role) for role in Role},
        "protocol": connection.protocol or None,
        "port": connection.port if connection.protocol else None,
        "portNames": [name for name, _ in connection.port_names],
        "allowed": (When.BEFORE if example.allowed_by_first else When.AFTER).value,
    }


def _unread_json(one: UnreadChange) -> Json:
    policy = one.policy
    return {
        "change": one.change,
        "kind": policy.kind,
        "namespace": policy.namespace,
        "name": policy.name,
        "file": policy.place.file,
        "line": policy.place.line,
    }
