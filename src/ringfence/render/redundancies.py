"""The parts of policies that can be removed without any change, as text and as JSON (docs/formats.md).

The text, one part after another, each with what covers it:

prod/p spec.ingress[0].from[1]  (web.yaml:12)
    covered by from[0] of the same rule  (web.yaml:11)
    covered by prod/q spec.ingress[0]  (more.yaml:8)

Then come the parts that are redundant for the pods of the input only.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ringfence.analysis.differences import RedundancyHere
from ringfence.analysis.possible import Cover, EntryPlace, Redundancy, RedundantPart, RemovablePart
from ringfence.engine.policies import CompiledPolicy
from ringfence.engine.possible import RulePlace
from ringfence.model.objects import NetworkPolicy
from ringfence.model.origin import Place
from ringfence.model.problems import Problem
from ringfence.render.formats import Json, document_json, one_line
from ringfence.render.places import place_json, place_text
from ringfence.render.problems import problem_json

_MOST_COVERS: Final = 5
"""The largest number of covering parts that the text names; the JSON has all of them."""

_MOST_REASONS: Final = 5
"""The largest number of undecided places that the text names; the JSON has all parts."""

_KEEP: Final = "keep it if the parts above are removed: they cover each other"


def redundancy_text(found: Redundancy, here: RedundancyHere) -> str:
    """The redundant parts with what covers each, their number, what could not be decided, and the parts redundant in
    this input only.
    """
    lines: list[str] = []
    for one in found.parts:
        lines += [f"{_part(one.part)}{place_text(one.part.place)}", *(f"    {line}" for line in _why(one))]
    lines += _undecided_text(found.undecided)
    if lines:
        lines.append("")
    # Without a list, it can only be that parts are missing in it.
    effect = "it may need what is listed" if found.parts else "it may cover some parts"
    lines += [_total(found), *(f"  ? {one} is not read: {effect}" for one in found.unread)]
    lines += ["", _total_here(here)]
    for other in here:
        lines += [f"{_part(other.part)}{place_text(other.part.place)}", *(f"    {line}" for line in _why(other))]
    lines += _undecided_text(here.undecided)
    return "\n".join(map(one_line, lines))


def _undecided_text(parts: Iterable[tuple[RemovablePart, str]]) -> Iterator[str]:
    """The parts that could not be decided: for each reason, which names a place, their number and the first of them."""
    # One hard place may leave thousands of parts undecided, for the same reason.
    by_reason: dict[str, list[RemovablePart]] = {}
    for part, reason in parts:
        by_reason.setdefault(reason, []).append(part)
    for reason, some in list(by_reason.items())[:_MOST_REASONS]:
        yield reason
        more = f", and {len(some) - 1} more" if len(some) > 1 else ""
        yield f"    not decided: {_part(some[0])}{place_text(some[0].place)}{more}"
    if len(by_reason) > _MOST_REASONS:
        yield f"and {len(by_reason) - _MOST_REASONS} more such places: -o json lists every part"
    if by_reason:
        yield "    remedy: give fewer policies at a time, such as those of one namespace"


def _why(one: RedundantPart) -> Iterator[str]:
    covers = [_cover(cover, one.part) for cover in one.covers]
    if not covers:
        yield one.reason
    yield from (f"covered by {text}" for text in covers[:_MOST_COVERS])
    if len(covers) > _MOST_COVERS:
        yield f"and by {len(covers) - _MOST_COVERS} more"
    if not one.goes:
        yield _KEEP


def _total(found: Redundancy) -> str:
    total = len(found.parts)
    where = "in every cluster that could be"
    if not total:
        return f"nothing is redundant {where}{_open_questions(found)}"
    parts = "1 part is" if total == 1 else f"{total} parts are"
    return f"{parts} redundant {where}{_at_once(found)}{_open_questions(found)}"


def _total_here(here: RedundancyHere) -> str:
    if not here.workloads:
        return "the input has no pods, so only what is redundant in every cluster is listed"
    pods = f"the pods of the input ({here.workloads} {'workload' if here.workloads == 1 else 'workloads'})"
    total = len(here)
    if not total:
        return f"nothing else is redundant for {pods}{_open_questions(here)}"
    parts = "1 part changes" if total == 1 else f"{total} parts change"
    return f"{parts} nothing for {pods}, but may for pods to come{_at_once(here)}{_open_questions(here)}:"


def _at_once(found: Redundancy | RedundancyHere) -> str:
    together = sum(one.goes for one in found.parts)
    return "" if together == len(found) else f"; {together} of them can be removed at once"


def _open_questions(found: Redundancy | RedundancyHere) -> str:
    return f"; of {len(found.undecided)} it is not known" if found.undecided else ""


def _part(part: RemovablePart) -> str:
    return f"{_policy(part.policy)} {part.path}".rstrip()


def _cover(cover: Cover, part: RemovablePart) -> str:
    if not isinstance(cover, RulePlace):
        return f"{_policy(cover)}, which isolates the same pods{place_text(_place_of(cover))}"
    if isinstance(cover, EntryPlace):
        return f"{cover.entry.path_in_rule} of the same rule{place_text(_place_of(cover))}"
    if cover.rule is part.rule:
        return "the rest of its rule"
    return f"{_policy(cover.policy)} {cover.path}{place_text(_place_of(cover))}"


def _policy(policy: CompiledPolicy[object]) -> str:
    """A policy as kubectl names it; of an administrators' policy with the kind, because policies of two kinds may have
    the same name.
    """
    return str(policy) if isinstance(policy.policy, NetworkPolicy) else f"{policy.kind_name} {policy}"


def _place_of(cover: Cover) -> Place | None:
    policy, path = (cover.policy, cover.path) if isinstance(cover, RulePlace) else (cover, "")
    return policy.origin.at(path) if policy.origin else None


def redundancy_json(found: Redundancy, here: RedundancyHere, problems: Iterable[Problem] = ()) -> str:
    """The redundant parts and what covers them as JSON, and the parts redundant in this input only; `problems` are
    those of the input.
    """
    return document_json(
        {
            "redundant": [_part_json(one) for one in found.parts],
            "redundantHere": {
                "workloads": here.workloads,
                "parts": [_part_json(one) for one in here],
                "undecided": _undecided_json(here.undecided),
            },
            "undecided": _undecided_json(found.undecided),
            "notRead": list(found.unread),
            "problems": [problem_json(problem) for problem in problems],
        }
    )


def _part_json(one: RedundantPart) -> Json:
    return {
        "part": one.part.kind.value,
        **_named(one.part.policy, one.part.path, one.part.place),
        "coveredBy": _covers_json(one.covers),
        "reason": one.reason,
        "removable": one.goes,
    }


def _undecided_json(parts: Iterable[tuple[RemovablePart, str]]) -> list[Json]:
    return [
        {"part": part.kind.value, **_named(part.policy, part.path, part.place), "reason": reason}
        for part, reason in parts
    ]


def _covers_json(covers: Sequence[Cover]) -> list[Json]:
    return [
        _named(cover.policy, cover.path, _place_of(cover))
        if isinstance(cover, RulePlace)
        else _named(cover, "", _place_of(cover))
        for cover in covers
    ]


def _named(policy: CompiledPolicy[object], path: str, place: Place | None) -> Json:
    written: Json = {"kind": policy.kind_name, "namespace": policy.namespace, "name": policy.name, "path": path}
    return written | place_json(place)
