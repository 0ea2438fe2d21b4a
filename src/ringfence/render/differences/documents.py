"""What a change does as a JSON document (docs/formats.md, schemas/diff.json)."""

from collections.abc import Iterable

import msgspec

from ringfence.analysis.differences import (
    Cause,
    ChangedConnections,
    ChangedExposure,
    ChangedIsolation,
    ChangedRoute,
    ChangedService,
    ClusterDifference,
    ConnectionChange,
    Ends,
    ReviewedChange,
    RoutedService,
    TargetOfService,
    UnreadChange,
    When,
)
from ringfence.analysis.possible import Counterexample, Outcome
from ringfence.engine.possible import Role
from ringfence.model.compared_problems import ComparedProblem
from ringfence.model.origin import Place
from ringfence.plugins import PluginTraits
from ringfence.render.comparisons import possible_end_json
from ringfence.render.differences.sections import cause_text
from ringfence.render.ends import end_json, traffic_json
from ringfence.render.formats import Json, document_json
from ringfence.render.places import place_json
from ringfence.render.plugin_views import named_plugin_json
from ringfence.render.possible_pods import example_json, possible_pods_json, possible_traffic_json
from ringfence.render.problems import compared_problem_json
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import Traffic


class ComparedSide(msgspec.Struct, frozen=True):
    """Where one of the two clusters comes from: its name in texts, and of a revision its name in git and its commit.

    `plugin` is the network plugin that is assumed to enforce its policies.
    """

    name: str
    revision: str | None = None
    commit: str | None = None
    paths: tuple[str, ...] = ()
    plugin: PluginTraits | None = None


def difference_json(
    found: ClusterDifference, first: ComparedSide, second: ComparedSide, problems: Iterable[ComparedProblem] = ()
) -> str:
    """Everything that changed as JSON; `problems` are those of both inputs."""
    return document_json(
        {
            "from": _side_json(first),
            "to": _side_json(second),
            # A change that was reviewed is still a change: the two clusters are not the same.
            "same": not found and not found.reviewed,
            "summary": _summary_json(found),
            "changes": [_change_json(one) for one in found.connections],
            "allowed": [_reviewed_json(one) for one in found.reviewed],
            "services": [_service_json(one) for one in found.services],
            "routes": [_route_json(one) for one in found.routes],
            "exposure": [_exposure_json(one) for one in found.exposure],
            "isolation": [_isolation_json(one) for one in found.isolation],
            "policies": _meaning_json(found),
            "workloads": {
                "compared": found.common,
                "added": list(map(end_json, found.added)),
                "removed": list(map(end_json, found.removed)),
                "renamed": [{"from": end_json(one.before), "to": end_json(one.after)} for one in found.renamed],
            },
            "becameUnknown": list(found.unknown),
            "becameKnown": list(found.known),
            "notRead": [_unread_json(one) for one in found.unread],
            "assumptions": list(found.assumptions),
            "problems": [compared_problem_json(problem) for problem in problems],
        }
    )


def _side_json(side: ComparedSide) -> Json:
    plugin = {"plugin": named_plugin_json(side.plugin)} if side.plugin else {}
    return {"name": side.name, "revision": side.revision, "commit": side.commit, "paths": list(side.paths), **plugin}


def _summary_json(found: ClusterDifference) -> Json:
    return {
        "opened": len(found.of(ConnectionChange.OPENED)),
        "closed": len(found.of(ConnectionChange.CLOSED)),
        # Without a list of what changed, an example may still show that something did: then this is not 0.
        "exposure": len(found.exposure) or int(found.exposure_changed),
        "services": len(found.services),
        "routes": len(found.routes),
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


def _reviewed_json(one: ReviewedChange) -> Json:
    entries = [
        {"reason": reason, "until": last.isoformat(), "file": place.file, "line": place.line}
        for reason, last, place in one.entries
    ]
    return {**_change_json(one.change), "entries": entries}


def _service_json(one: ChangedService) -> Json:
    return {
        "service": end_json(one.service),
        "protocol": one.protocol,
        "port": one.port,
        "before": list(map(_target_json, one.before)),
        "after": list(map(_target_json, one.after)),
        "opened": list(map(end_json, one.opened)),
        "closed": list(map(end_json, one.closed)),
        "change": one.change.value,
        **_place_or_none_json(one.place),
    }


def _place_or_none_json(place: Place | None) -> Json:
    return place_json(place) or {"file": None, "line": None}


def _route_json(one: ChangedRoute) -> Json:
    def targets(some: Iterable[RoutedService]) -> list[Json]:
        return [{"service": end_json(target.service), "port": target.port or None} for target in some]

    return {
        "object": end_json(one.object),
        "before": targets(one.before),
        "after": targets(one.after),
        **_place_or_none_json(one.place),
    }


def _target_json(target: TargetOfService) -> Json:
    end = target.workload or target.addresses
    assert end is not None
    return {"end": end_json(end), "port": target.port}


def _exposure_json(one: ChangedExposure) -> Json:
    return {
        "kind": one.kind.value,
        "workloads": list(map(end_json, one.workloads)),
        "direction": one.direction.field,
        "pods": list(map(possible_pods_json, one.pods)),
        **possible_traffic_json(one.traffic),
        "traffic": _traffic_json(one.traffic.by_number),
        "example": example_json(one.example),
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
    """Traffic by ports, and whether it includes all protocols without ports."""
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
        written |= place_json(cause.place)
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
        **place_json(policy.place),
    }
