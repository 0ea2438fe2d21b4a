"""An answer and its reasons, as text and as JSON (docs/formats.md).

The text:

no: prod/web -> prod/db on TCP 3306

egress of prod/web: allowed: no policy isolates it
ingress of prod/db: denied
  prod/db-policy  (db.yaml:1)
    ✗ ingress[0]: no peer selects prod/web  (db.yaml:14)
        from[0]: podSelector wants name=api-pod, prod/web has name=web  (db.yaml:17)
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from ringfence.analysis.edits import Proposal
from ringfence.analysis.endpoints import possible_pods_endpoint
from ringfence.analysis.questions import Answer, ExplainedPair, Part, PodsOf, ReasonGroup
from ringfence.engine.answers import end_text
from ringfence.model.more import more_of
from ringfence.model.problems import Problem
from ringfence.render.ends import end_json, endpoint_json, one_end_json, ports_json, traffic_json
from ringfence.render.formats import Json, document_json, one_line
from ringfence.render.plugin_views import plugin_json, plugin_lines
from ringfence.render.possible_pods import example_json, possible_pods_json
from ringfence.render.problems import problem_json
from ringfence.render.proposals import proposal_json, proposal_text
from ringfence.render.reasons import mark, side_json, side_text
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import Traffic

_MOST_PAIRS = 3
_MOST_GROUPS = 8
MOST_GROUPS_IN_JSON: Final = 100
"""With n ports that n rules decide, there are n groups of n reasons: 400 would be 100 MB."""
_WORDS: Final = {"all": "yes", "some": "partly", "none": "no"}


def headline(answer: Answer) -> str:
    """The answer in one line: `no: prod/web -> prod/db on TCP 3306`; or the allowed and the denied part."""
    question = f"{answer.source.text} -> {answer.destination.text}"
    if not answer.ports.is_everything:
        question += f" on {answer.ports}"
    if answer.any and not answer.all:
        # The number of parts of possible pods has no meaning: the parts are listed below.
        question += "" if answer.parts_of_possible_pods else f": {_partly(answer)}"
    elif answer.ports.is_everything:
        question += f": {answer.traffic if answer else 'nothing passes'}"
    return one_line(f"{_WORDS[answer.result]}: {question}")


def short_answer(answer: Answer) -> str:
    """The answer in one line, the pods that it is about, if the question does not name them, and its assumptions."""
    more = (
        *_note(answer),
        *_possible_parts(answer),
        *_unnamed(answer),
        *_family(answer),
        *_plugin(answer),
        *_assumptions(answer),
    )
    return "\n".join(map(one_line, (headline(answer), *more)))


def explanation(answer: Answer, proposal: Proposal | None = None) -> str:
    """The answer, each policy and rule of both sides with its place, the assumptions, and the edits that reverse it."""
    lines = [headline(answer), *_note(answer), *_possible_parts(answer), *_service(answer), *_unnamed(answer)]
    groups = answer.first_reason_groups(_MOST_GROUPS)
    for group in groups:
        reason = group.first
        lines.append("")
        # A single pair is the one in the headline, so it is not named once more.
        if len(answer.explanations) > 1:
            lines.append(
                _group(group) + ("" if reason.asked is None or answer.port is not None else f" on {reason.asked}")
            )
        lines += [*side_text(reason.egress, reason.asked), *side_text(reason.ingress, reason.asked)]
    if more := len(answer.explanations) - sum(group.pairs for group in groups):
        what = " and ports" if len(answer.explanations) > len(answer.pairs) else ""
        lines += ["", f"... and {more} more {'pair' if more == 1 else 'pairs'} of pods{what}"]
    if answer.plugin:
        lines += ["", *_plugin(answer)]
    if answer.assumptions:
        lines += ["", *_assumptions(answer)]
    if proposal and (proposal.edits or proposal.administrator_rules):
        lines += ["", *proposal_text(proposal, answer)]
    # A line break in a name must not start a line that looks like another answer.
    return "\n".join(map(one_line, lines))


def answer_json(answer: Answer, proposal: Proposal | None = None, problems: Iterable[Problem] = ()) -> str:
    """The answer as JSON: the reasons of the pair that decided it, and all pairs if there are several.

    With a `proposal`, also the edits that reverse the answer, and what else they open and close. `problems` are those
    of the input.
    """
    written: Json = {
        "allowed": answer.all,
        "result": answer.result,
        "source": endpoint_json(answer.source.reference, [pair.source for pair in answer.pairs]),
        "destination": endpoint_json(answer.destination.reference, [pair.destination for pair in answer.pairs]),
        "protocol": answer.protocol,
        "port": answer.port,
    }
    if answer.note:
        written["note"] = answer.note
    # With one port, "allowed" says everything. Otherwise some of the traffic may pass.
    if answer.port is None:
        if not answer.ports.is_everything:
            written["ports"] = _ports_json(answer)
        written["traffic"] = traffic_json(answer.traffic)
    if answer.parts_of_possible_pods:
        written["possiblePods"] = [
            {"name": possible_pods_endpoint(pods), **possible_pods_json(pods), "example": example_json(one)}
            for pods, one in answer.parts_of_possible_pods
        ]
    if answer.any and not answer.all:
        written["parts"] = [_part_json(part) for part in answer.parts]
    written |= sides_json(answer)
    if len(answer.explanations) > 1 or answer.destination.service or answer.pairs[0].via:
        written["pairs"] = [_pair_json(explained) for explained in answer.explanations]
    if len(answer.pairs) > 1:
        groups = answer.first_reason_groups(MOST_GROUPS_IN_JSON)
        written["groups"] = [_group_json(group) for group in groups]
        if more := len(answer.explanations) - sum(group.pairs for group in groups):
            written["pairsWithoutGroup"] = more
    if answer.plugin:
        written["plugin"] = plugin_json(answer.plugin, answer.traits)
    written["assumptions"] = list(answer.assumptions)
    if proposal is not None:
        written |= proposal_json(proposal)
    written["problems"] = [problem_json(problem) for problem in problems]
    return document_json(written)


def sides_json(answer: Answer) -> Json:
    """What each side of the pair that decided an answer says, and why."""
    deciding = answer.explanations[0].reason
    return {"egress": side_json(deciding.egress), "ingress": side_json(deciding.ingress)}


def _note(answer: Answer) -> Iterator[str]:
    if answer.note:
        yield f"  {answer.note}"


def _possible_parts(answer: Answer) -> Iterator[str]:
    """The parts of an answer about pods that could exist: the pods of each part, and the answer for them."""
    if not answer.parts_of_possible_pods or answer.all or answer.none:
        return
    # What passes comes first, and of that what passes completely.
    for part in sorted(answer.parts, key=lambda part: (not part.passing, bool(part.refused))):
        traffic = f": {part.passing}" if part.passing and (part.refused or answer.ports.is_everything) else ""
        yield f"  {mark(bool(part.passing))} {end_text(part.source)} -> {end_text(part.destination)}{traffic}"


def _assumptions(answer: Answer) -> Iterator[str]:
    if answer.assumptions:
        yield "assumptions:"
        yield from (f"  ? {assumption}" for assumption in answer.assumptions)


def _plugin(answer: Answer) -> Iterable[str]:
    return plugin_lines(answer.plugin, answer.traits) if answer.plugin else ()


def _partly(answer: Answer) -> str:
    """What is allowed and what is denied: `2 of 3 pairs; TCP 80 from 203.0.113.0/24; refused: TCP 81`."""
    pairs = len({(pair.source, pair.destination) for pair in answer.pairs})
    denied = len({(pair.source, pair.destination) for pair in answer.denied})
    within = _Within(answer, pairs)
    parts = answer.parts
    # A pair that is allowed all traffic is only counted; pairs that are allowed a part of it are written out.
    passing = [within.text(part, part.passing) for part in parts if part.passing and (part.refused or pairs == 1)]
    # In a question about all traffic nearly every pair is refused something, so only pairs without any traffic are
    # named.
    refused = [
        within.text(part, part.asked if answer.ports.is_everything else part.refused)
        for part in parts
        if (not part.passing if answer.ports.is_everything else part.refused)
    ]
    counted = [f"{pairs - denied} of {pairs} pairs"] if pairs > 1 else []
    listed = [", ".join(_first(passing))] if passing else []
    return "; ".join([*counted, *listed, *([f"refused: {', '.join(_first(refused))}"] if refused else [])])


def _first(texts: Sequence[str]) -> list[str]:
    return [*texts[:_MOST_PAIRS], *(["..."] if len(texts) > _MOST_PAIRS else [])]


class _Within(NamedTuple):
    """How to write a part of an answer, without what the question already says."""

    answer: Answer
    pairs: int

    def text(self, part: Part, traffic: Traffic) -> str:
        """Traffic of a part, and between which ends: `TCP 80 from 203.0.113.0/24`."""
        ends = self._ends(part)
        # The traffic is that of the question, which the reader knows, so the ends are enough.
        if traffic == part.asked and ends:
            return ends.removeprefix(" ")
        return f"{traffic}{ends}"

    def _ends(self, part: Part) -> str:
        if self.pairs > 1:
            return f" {part.source} -> {part.destination}"
        # Only a part of the asked addresses is worth naming: the whole is in the question.
        if isinstance(part.source, Addresses) and part.source not in self.answer.source.ends:
            return f" from {part.source}"
        if isinstance(part.destination, Addresses) and part.destination not in self.answer.destination.ends:
            return f" to {part.destination}"
        return ""


def _family(answer: Answer) -> Iterator[str]:
    """The address family that denies what the other allows: a question about addresses may get another answer."""
    denying = {family for explained in answer.explanations for family in explained.denied_over}
    # If both families deny, the family is not the reason.
    if len(denying) == 1:
        yield f"  denied over {denying.pop()}, though not over the other family"


def _service(answer: Answer) -> Iterator[str]:
    """The pods and target ports behind a Service, or behind a port of a node."""
    if answer.destination.service:
        targets = [(end_text(pair.destination), pair.protocol, pair.port) for pair in answer.pairs]
        for name, protocol, port in dict.fromkeys(targets):
            yield f"  {answer.destination.reference} leads to {name}" + (f" on {protocol} {port}" if port else "")
        return
    led = [f"{pair.via} leads to {end_text(pair.destination)} on {pair.asked}" for pair in answer.pairs if pair.via]
    yield from (f"  {one}" for one in dict.fromkeys(led))


def _group(group: ReasonGroup) -> str:
    """The pair of the reasons: `✗ 292 pairs, as for big/p0 -> big/p2: big/Deployment/web (292 pods) -> big/p2`."""
    first = f"{end_text(group.first.source)} -> {end_text(group.first.destination)}"
    shown = mark(group.first.allowed)
    if group.pairs == 1:
        return f"{shown} {first}"
    return f"{shown} {group.pairs} pairs, as for {first}: {_pods(group.sources)} -> {_pods(group.destinations)}"


def _pods(pods: Sequence[PodsOf]) -> str:
    names = [f"{one.end} ({one.pods} pods)" if one.pods > 1 else str(one.end) for one in pods]
    # "and 1 more" would take as much room as the name.
    more = f" and {len(names) - _MOST_PAIRS} more" if len(names) > _MOST_PAIRS + 1 else ""
    return ", ".join(names[:_MOST_PAIRS] if more else names) + more


def _unnamed(answer: Answer) -> Iterator[str]:
    """The pods that are left out because they have no port of a name that is asked for."""
    yield from (f"  {pod} has no port called {name}: it is left out" for pod, name in answer.unnamed[:_MOST_PAIRS])
    if len(answer.unnamed) > _MOST_PAIRS:
        yield f"  ... and {more_of(len(answer.unnamed) - _MOST_PAIRS, 'pod')}"


def _part_json(part: Part) -> Json:
    return {
        "source": one_end_json(part.source),
        "destination": one_end_json(part.destination),
        "passing": traffic_json(part.passing),
        "refused": traffic_json(part.refused),
    }


def _ports_json(answer: Answer) -> Json:
    """The ports of the question, by number and by name, and the pods that lack a port of a name."""
    return {
        **ports_json(answer.ports),
        "missing": [{"name": str(name), "pod": end_json(pod.reference)} for pod, name in answer.unnamed],
    }


def _pair_json(explained: ExplainedPair) -> Json:
    pair = explained.pair
    written: Json = {
        "source": one_end_json(pair.source),
        "destination": one_end_json(pair.destination),
        "port": pair.port,
    }
    if pair.asked and pair.port is None:
        written["ports"] = traffic_json(pair.asked)
    written["allowed"] = explained.allowed
    return written


def _group_json(group: ReasonGroup) -> Json:
    return {
        "pairs": group.pairs,
        "allowed": group.first.allowed,
        "sources": [_pods_json(one) for one in group.sources],
        "destinations": [_pods_json(one) for one in group.destinations],
        "egress": side_json(group.first.egress),
        "ingress": side_json(group.first.ingress),
    }


def _pods_json(pods: PodsOf) -> Json:
    return end_json(pods.end) | ({"pods": pods.pods} if pods.pods else {})
