"""An answer and its reasons, for people to read.

no: prod/web -> prod/db on TCP 3306

egress of prod/web: allowed: no policy isolates it
ingress of prod/db: denied
  prod/db-policy  (db.yaml:1)
    ✗ ingress[0]: no peer selects prod/web  (db.yaml:14)
        from[0]: podSelector wants name=api-pod, prod/web has name=web  (db.yaml:17)
"""

from collections.abc import Iterator, Sequence

from ringfence.analysis.edits import Edit
from ringfence.analysis.questions import Answer, Pair
from ringfence.engine.answers import PolicyReason, RuleReason, SideReason, end_text
from ringfence.model.origin import Place
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic

_MOST_PAIRS = 3


def headline(answer: Answer) -> str:
    """The answer in one line: `no: prod/web -> prod/db on TCP 3306`."""
    question = f"{answer.source.text} -> {answer.destination.text}"
    if answer.port is not None:
        return f"{_yes(answer.allowed)}: {question} on {answer.protocol} {answer.port}{_for_which(answer)}"
    return f"{_yes(answer.allowed)}: {question}: {answer.traffic if answer else 'nothing passes'}{_for_which(answer)}"


def explanation(answer: Answer, edits: Sequence[Edit] = ()) -> str:
    """The answer; for each side each policy and rule that allowed or did not, and where; what would turn it."""
    lines = [headline(answer), *_service(answer)]
    for reason in answer.reasons[:_MOST_PAIRS]:
        lines.append("")
        if len(answer.pairs) > 1:
            lines.append(f"{_mark(reason.allowed)} {end_text(reason.source)} -> {end_text(reason.destination)}")
        lines += [*_side(reason.egress, reason.asked), *_side(reason.ingress, reason.asked)]
    if len(answer.reasons) > _MOST_PAIRS:
        lines += ["", f"... and {len(answer.reasons) - _MOST_PAIRS} more pairs of pods"]
    if answer.assumptions:
        lines += ["", "assumptions:", *(f"  ? {assumption}" for assumption in answer.assumptions)]
    return "\n".join([*lines, *_edits(answer, edits)])


def _edits(answer: Answer, edits: Sequence[Edit]) -> Iterator[str]:
    if edits:
        yield ""
        yield f"the smallest edit that would {'forbid' if answer else 'allow'} it, checked by the engine:"
    for edit in edits:
        yield f"  {edit.action}{_at(edit.place)}"
        yield from (f"      {line}" for line in edit.lines)
        if edit.others:
            effect = "lose" if answer else "gain"
            yield f"    (other pairs of pods that {effect} it with this: {edit.others} at most)"


def _for_which(answer: Answer) -> str:
    """For which pods the answer is no, where it is yes for others."""
    denied = len(answer.denied)
    if not denied or len(answer.pairs) == 1:
        return ""
    named = ", ".join(map(_pair, answer.denied[:_MOST_PAIRS])) + (", ..." if denied > _MOST_PAIRS else "")
    return f" ({denied} of {len(answer.pairs)} pairs: {named})"


def _pair(pair: Pair) -> str:
    return f"{end_text(pair.source)} -> {end_text(pair.destination)}"


def _service(answer: Answer) -> Iterator[str]:
    """Which pods and target ports stand behind a Service."""
    if answer.destination.service:
        for target in dict.fromkeys((end_text(pair.destination), pair.protocol, pair.port) for pair in answer.pairs):
            name, protocol, port = target
            yield f"  {answer.destination.reference} leads to {name}" + (f" on {protocol} {port}" if port else "")


def _side(side: SideReason, asked: Traffic | None) -> Iterator[str]:
    end = end_text(side.subject)
    verdict = "allowed" if side.allowed else "denied"
    if side.denied_over:
        verdict += f" over {' and '.join(map(str, side.denied_over))}, though not over the other family"
    if side.denied_for:
        verdict += f" for {end_text(side.denied_for)}, though not for all of {end_text(side.peer)}"
    head = f"{side.direction.field} of {end}: {verdict}"
    if side.exempt:
        yield f"{head}: {side.exempt}"
    elif not side.isolated:
        yield f"{head}: no policy isolates it"
    else:
        if asked is None and side.traffic != ALL_TRAFFIC and side.allowed:
            head += f" on {side.traffic}"
        yield head
        for policy in side.policies:
            yield from _policy(policy, side)


def _policy(reason: PolicyReason, side: SideReason) -> Iterator[str]:
    yield f"  {reason.policy.namespace}/{reason.policy.name}{_at(reason.place)}"
    if not reason.rules:
        yield f"    ✗ it has no {side.direction.field} rules, so it allows nothing"
    for rule in reason.rules:
        yield from _rule(rule, side)


def _rule(rule: RuleReason, side: SideReason) -> Iterator[str]:
    yield f"    {_mark(rule.allows)} {side.direction.field}[{rule.index}]: {rule.reason}{_at(rule.place)}"
    for peer in rule.peers:
        if not rule.selects:
            yield f"        {side.direction.peers_field}[{peer.index}]: {peer.reason}{_at(peer.place)}"
    for hint in rule.hints:
        yield f"        hint: {hint}"


def _yes(allowed: bool) -> str:
    return "yes" if allowed else "no"


def _mark(allowed: bool) -> str:
    return "✓" if allowed else "✗"


def _at(place: Place | None) -> str:
    return f"  ({place})" if place else ""
