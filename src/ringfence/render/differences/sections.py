"""What a change does, in sections in the order in which a reviewer should read them; all formats use these words."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

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
    Effect,
    Ends,
    LostDns,
    ReviewedChange,
    ServiceChange,
    UnreadChange,
    When,
)
from ringfence.model.origin import Place
from ringfence.model.policies import Direction
from ringfence.render.comparisons import possible_connection_lines
from ringfence.render.differences.phrases import Name, Phrase, listed, phrase, plain
from ringfence.render.possible_pods import possible_pods_text, possible_traffic_text
from ringfence.sets.addresses import Addresses

_EFFECTS: Final = {
    (Effect.ALLOWS, When.BEFORE): "allowed it before",
    (Effect.ALLOWS, When.AFTER): "now allows it",
    (Effect.DENIES, When.BEFORE): "no longer denies it",
    (Effect.DENIES, When.AFTER): "now denies it",
    (Effect.ISOLATES, When.BEFORE): "no longer isolates",
    (Effect.ISOLATES, When.AFTER): "now isolates",
}


class Row(msgspec.Struct, frozen=True):
    """One change in a sentence, and its causes.

    `cells` are the texts of the columns, in a section with columns. `place` is where the cause is written after the
    change, if it still is.
    """

    mark: str
    sentence: Phrase
    reasons: tuple[Phrase, ...] = ()
    cells: tuple[Phrase, ...] = ()
    place: Place | None = None


class Section(msgspec.Struct, frozen=True):
    """Changes of one kind. `heading` has their number; `is_dangerous` says whether a reviewer must see them at once."""

    title: str
    heading: str
    rows: tuple[Row, ...]
    is_dangerous: bool = False
    columns: tuple[str, ...] = ()


def difference_sections(found: ClusterDifference, first: str, second: str) -> Iterator[Section]:
    """The sections that have a row, the dangerous kinds of changes first."""
    opened, closed = found.of(ConnectionChange.OPENED), found.of(ConnectionChange.CLOSED)
    lost = any(not one.is_isolated for one in found.isolation)
    columns = ("from", "to", "traffic", "because")
    exposed = ("workload", "change", "pods that do not exist yet", "traffic", "because")
    wider, narrower = ([one for one in found.exposure if one.kind is kind] for kind in ConnectionChange)
    spaces = found.namespaces
    everything = (
        Section("opened", f"{len(opened)} opened", tuple(map(_connection, opened)), True, columns),
        Section("DNS", _dns_heading(found), tuple(map(_lost_dns, found.lost_dns)), True),
        Section("closed", f"{len(closed)} closed", tuple(map(_connection, closed)), False, columns),
        Section(
            "services", _services_heading(found), tuple(map(_service, found.services)), bool(found.opened_services)
        ),
        Section("routes", _routes_heading(found), tuple(map(_route, found.routes)), any(map(_leads_on, found.routes))),
        Section("exposure opened", _exposure_heading(wider), tuple(_exposures(wider, spaces)), True, exposed),
        Section("exposure closed", _exposure_heading(narrower), tuple(_exposures(narrower, spaces)), False, exposed),
        Section("exposure", "exposure", tuple(_exposure_example(found, first, second)), True),
        Section("isolation", _isolation_heading(found), tuple(map(_isolation, found.isolation)), lost),
        Section("unknown", _unknown_heading(found), tuple(_unknown(found))),
        Section("not read", f"{len(found.unread)} not read", tuple(map(_unread, found.unread)), True),
        Section("allowed", f"{len(found.reviewed)} allowed", tuple(map(_reviewed, found.reviewed))),
        Section("workloads", _workloads_heading(found), tuple(_workloads(found))),
    )
    # All are made in one list, so that their order can be read in one place.
    return (section for section in everything if section.rows)


def summary_parts(found: ClusterDifference) -> tuple[str, str, str]:
    """How much has changed: of connections, of policies (may be empty), and how many workloads were compared."""
    parts = [f"{len(found.of(kind))} {kind.value}" for kind in ConnectionChange] if found.connections else []
    parts += [_dns_heading(found)] if found.lost_dns else []
    parts += [f"{len(found.reviewed)} allowed"] if found.reviewed else []
    parts += [_services_heading(found)] if found.services else []
    parts += [_routes_heading(found)] if found.routes else []
    parts += _exposure_parts(found)
    parts += [_isolation_heading(found)] if found.isolation else []
    parts += [_unknown_heading(found)] if found.unknown or found.known else []
    for some, what in ((found.added, "added"), (found.removed, "removed")):
        parts += [f"{len(some)} {'workload' if len(some) == 1 else 'workloads'} {what}"] if some else []
    counts = (
        ("added", found.policies.added),
        ("removed", found.policies.removed),
        ("changed", found.policies.changed),
    )
    policies = ", ".join(f"{number} {what}" for what, number in counts if number)
    same = "the same " if not (found.added or found.removed) else ""
    workloads = f"{same}{found.common} {'workload' if found.common == 1 else 'workloads'} compared"
    if found.common is None:
        workloads = "the files are the same"
    return ", ".join(parts or ["no connection changed"]), policies and f"policies: {policies}", workloads


def closing_sentence(found: ClusterDifference) -> str:
    """A sentence if nothing has changed, or only the way in which it is written; empty for a change."""
    if found or found.reviewed:
        return ""
    if found.unread:
        return "Nothing else changed. What the policies that are not read change is not known."
    if found.is_undecided:
        return "No connection of these workloads changed."
    if found.common is None:
        return "Nothing changed: the files are the same, and were not read."
    if not found.policies:
        return "Nothing changed: the policies are the same."
    return "Only the text changed: the policies mean the same in every cluster that could be."


def cause_phrase(cause: Cause) -> Phrase:
    """Which policy or rule decides, and where it is written; or which label changed."""
    if cause.policy is None or cause.effect is None or cause.direction is None:
        return (Name(cause.text),)
    effect = _EFFECTS[cause.effect, cause.when]
    field = cause.direction.field
    place: Phrase = (" (", Name(str(cause.place)), ")") if cause.place else ()
    # A rule that decides otherwise although nobody touched it would look like a mistake of this program.
    unchanged = "" if cause.what else ", which is unchanged,"
    name = Name(str(cause.policy))
    if cause.rule is None:
        return phrase(name, f"{unchanged} {effect} {field}", place)
    return phrase(f"{field} rule {cause.rule + 1} of ", name, f"{unchanged} {effect}", place)


def cause_text(cause: Cause) -> str:
    """A cause as text."""
    return plain(cause_phrase(cause))


def _connection(one: ChangedConnections) -> Row:
    mark = "+" if one.kind is ConnectionChange.OPENED else "-"
    ends, traffic = (_ends(one.sources), _ends(one.destinations)), str(one.traffic)
    sentence = phrase(ends[0], " -> ", ends[1], f": {traffic}")
    return Row(mark, sentence, _reasons(one.causes), (*ends, (traffic,)), _place(one.causes))


def _dns_heading(found: ClusterDifference) -> str:
    workloads = {workload for one in found.lost_dns for workload in one.workloads}
    return "1 workload loses DNS" if len(workloads) == 1 else f"{len(workloads)} workloads lose DNS"


def _lost_dns(one: LostDns) -> Row:
    sentence = phrase(listed(one.workloads), " can no longer resolve names by the DNS server ", listed(one.servers))
    return Row("-", sentence, _reasons(one.causes), place=_place(one.causes))


def _reasons(causes: Iterable[Cause]) -> tuple[Phrase, ...]:
    return tuple(map(cause_phrase, causes))


def _place(causes: Iterable[Cause]) -> Place | None:
    # Only a place after the change is in the files that a reviewer has before them.
    return next((one.place for one in causes if one.place and one.when is When.AFTER), None)


def _ends(ends: Ends) -> Phrase:
    return (Name(str(ends)),) if isinstance(ends, Addresses) else listed(ends)


def _reviewed(one: ReviewedChange) -> Row:
    row = _connection(one.change)
    entries = (
        ("until ", str(last), ": ", Name(reason), " (", Name(str(place)), ")") for reason, last, place in one.entries
    )
    return Row(row.mark, row.sentence, tuple(entries))


def _services_heading(found: ClusterDifference) -> str:
    alone = (ServiceChange.ADDED, ServiceChange.REMOVED)
    counts = [(sum(one.change not in alone for one in found.services), "leads elsewhere", "lead elsewhere")]
    counts += [(sum(one.change is what for one in found.services), what.value, what.value) for what in alone]
    some = (f"{count} {f'Service {one}' if count == 1 else f'Services {many}'}" for count, one, many in counts if count)
    return ", ".join(some)


def _service(one: ChangedService) -> Row:
    # A Service that opens and closes is marked as opening, which is what a reviewer must not overlook.
    mark = "+" if one.opened else "-" if one.closed else "~"
    name = Name(f"{one.service} {one.protocol} {one.port}")
    written = phrase(" (", Name(str(one.place)), ")") if one.place else ()
    if one.change in (ServiceChange.ADDED, ServiceChange.REMOVED):
        verb = "leads" if one.after else "led"
        sentence = phrase(
            f"{one.change.value}: ", name, f", which {verb} to ", listed(one.after or one.before), written
        )
        return Row(mark, sentence, place=one.place if one.after else None)
    unchanged = ", which is written as before," if one.change is ServiceChange.PODS else ""
    sentence = phrase(name, written, f"{unchanged} now leads to ", _elsewhere(one))
    reasons = [
        phrase(f"{what} reached by ", listed(workloads))
        for what, workloads in (("now", one.opened), ("no longer", one.closed))
        if workloads
    ]
    return Row(mark, sentence, tuple(reasons or [("the same workloads reach it as before",)]), place=one.place)


def _elsewhere(one: ChangedService | ChangedRoute) -> Phrase:
    """The workloads behind it now, and those before the change."""
    before, after = (listed(targets) if targets else ("nothing",) for targets in (one.before, one.after))
    # "No longer" is only for what is gone entirely.
    joint = ", and no longer to " if one.before and set(one.before).isdisjoint(one.after) else ", and before to "
    return phrase(after, joint, before)


def _routes_heading(found: ClusterDifference) -> str:
    return f"{len(found.routes)} {'route leads' if len(found.routes) == 1 else 'routes lead'} to other Services"


def _leads_on(one: ChangedRoute) -> bool:
    """Whether it leads to something that it did not lead to before."""
    return not set(one.after) <= set(one.before)


def _route(one: ChangedRoute) -> Row:
    written = phrase(" (", Name(str(one.place)), ")") if one.place else ()
    sentence = phrase(Name(str(one.object)), written, " now leads to ", _elsewhere(one))
    return Row("~", sentence, place=one.place if one.after else None)


def _exposures(changes: Iterable[ChangedExposure], namespaces: Sequence[str]) -> Iterator[Row]:
    for one in changes:
        mark, how = ("+", "now") if one.kind is ConnectionChange.OPENED else ("-", "no longer")
        verb = f"could {how} {'be reached by' if one.direction is Direction.INGRESS else 'reach'}"
        workloads = listed(one.workloads)
        pods = listed((possible_pods_text(pods, namespaces) for pods in one.pods), " and ")
        traffic = (Name(possible_traffic_text(one.traffic)),) if one.traffic.by_name else (str(one.traffic.by_number),)
        sentence = phrase(workloads, f" {verb} ", pods, ": ", traffic)
        yield Row(mark, sentence, _reasons(one.causes), (workloads, (verb,), pods, traffic), _place(one.causes))


def _exposure_heading(changes: Sequence[ChangedExposure]) -> str:
    kind = changes[0].kind.value if changes else ""
    return f"{len(changes)} {'exposure' if len(changes) == 1 else 'exposures'} {kind}"


def _exposure_example(found: ClusterDifference, first: str, second: str) -> Iterator[Row]:
    """What is known about the exposure besides the rows: that it could not be decided, or an example."""
    if found.is_undecided:
        sentence = "whether pods that do not exist yet may connect as before is not decided"
        reasons = [*filter(None, [found.exposure_undecided]), *(found.meaning.unknown if found.meaning else ())]
        yield Row("?", (sentence,), tuple((Name(reason),) for reason in reasons))
    elif found.example:
        allowing, denying = (first, second) if found.example.allowed_by_first else (second, first)
        names = (Name(allowing), " allows what ", Name(denying), " denies, for example")
        lines = possible_connection_lines(found.example.connection)
        yield Row("!", phrase("for pods that do not exist yet, ", names), tuple((Name(line),) for line in lines))


def _exposure_parts(found: ClusterDifference) -> Iterator[str]:
    for kind in ConnectionChange:
        if changes := [one for one in found.exposure if one.kind is kind]:
            yield _exposure_heading(changes)
    if found.example:
        yield "exposure changed"


def _isolation_heading(found: ClusterDifference) -> str:
    return f"{len(found.isolation)} isolation changed"


def _isolation(one: ChangedIsolation) -> Row:
    verb = "is" if len(one.workloads) == 1 else "are"
    how = f"{verb} now isolated" if one.is_isolated else f"{verb} no longer isolated"
    sentence = phrase(listed(one.workloads), f" {how} for {one.direction.field}")
    return Row("!", sentence, _reasons(one.causes), place=_place(one.causes))


def _unknown_heading(found: ClusterDifference) -> str:
    counts = ((len(found.unknown), "unknown"), (len(found.known), "no longer unknown"))
    return ", ".join(f"{count} {what}" for count, what in counts if count)


def _unknown(found: ClusterDifference) -> Iterator[Row]:
    for what, texts in (("now", found.unknown), ("no longer", found.known)):
        yield from (Row("?", (f"{what} assumed: ", Name(text))) for text in texts)


def _unread(one: UnreadChange) -> Row:
    policy = one.policy
    sentence = (f"{one.change} but not read: ", Name(str(policy)), " (", Name(str(policy.place)), ")")
    return Row("?", sentence, place=policy.place if one.after else None)


def _workloads_heading(found: ClusterDifference) -> str:
    counts = ((len(found.added), "added"), (len(found.removed), "removed"), (len(found.renamed), "renamed"))
    return "workloads: " + ", ".join(f"{number} {what}" for number, what in counts if number)


def _workloads(found: ClusterDifference) -> Iterator[Row]:
    for what, workloads in (("added", found.added), ("removed", found.removed)):
        if workloads:
            yield Row("~", phrase(f"{what}: ", listed(workloads)))
    for one in found.renamed:
        yield Row("~", phrase("renamed: ", Name(str(one.before)), " is now ", Name(str(one.after))))
