"""Which mistakes in policies tests would notice, as text and as JSON (docs/test.md, docs/formats.md).

The text:

coverage: 87 %, 54 of 62 mistakes in policies would be noticed by 12 tests
tested: policies 3/4, rules 5/6, peers 4/4, ports 7/8

no test would fail
  prod/db spec.ingress[0].ports[1]  (db.yaml:21)
      without TCP 9187
"""

from collections.abc import Iterable, Iterator
from typing import Final

from ringfence.analysis.mutants import Mutation
from ringfence.render.formats import Json, document_json, one_line
from ringfence.render.places import place_json, place_text
from ringfence.testing.coverage import Coverage, Fate, TriedMutant

_REMOVALS: Final = (Mutation.NO_POLICY, Mutation.NO_RULE, Mutation.NO_PEER, Mutation.NO_PORT)
_UNSEEN: Final = "no pod of the input shows it: a test of pod: or any-pod: would"


def coverage_text(found: Coverage) -> str:
    """The summary, and the mistakes that no test would notice, by the part of the policy."""
    lines = [_summary(found)]
    if counts := [f"{one.part.value} {one.tested}/{one.total}" for one in found.parts() if one.total]:
        lines.append(f"tested: {', '.join(counts)}")
    if missed := found.of(Fate.MISSED, Fate.UNSEEN):
        lines += ["", "no test would fail", *_missed_lines(missed)]
    if found.unjudged:
        names = f"{len(found.unjudged)} tests" if len(found.unjudged) > 1 else "1 test"
        lines += ["", f"not counted: {names} that did not pass"]
    return "\n".join(map(one_line, lines))


def _summary(found: Coverage) -> str:
    counted = sum(one.counts for one in found.tried)
    noticed = len(found.of(Fate.NOTICED))
    tests = f"{found.tests} {'test' if found.tests == 1 else 'tests'}"
    # Rounded down: 100 % means all.
    return f"coverage: {int(found.percent)} %, {noticed} of {counted} mistakes in policies would be noticed by {tests}"


def _missed_lines(missed: Iterable[TriedMutant]) -> Iterator[str]:
    """The mistakes by part. If no test notices that a part is missing, the mistakes inside it are only counted."""
    by_part: dict[tuple[object, str], list[TriedMutant]] = {}
    gone: set[tuple[object, str]] = set()
    for one in missed:
        mutant = one.mutant
        around: list[tuple[object, str]] = [
            (mutant.policy, path) for path in (*_around(mutant.part_path), mutant.part_path)
        ]
        # Mutants come from the outside in: if nobody misses a whole rule, its ports need not be listed one by one.
        part = next((outer for outer in around if outer in gone), around[-1])
        by_part.setdefault(part, []).append(one)
        if mutant.mutation in _REMOVALS:
            gone.add(part)
    for part, some in by_part.items():
        first = some[0].mutant
        yield f"  {first.policy} {first.part_path}".rstrip() + place_text(first.place)
        shown = some[:1] if part in gone else some
        for one in shown:
            unseen = f"  ({_UNSEEN})" if one.fate is Fate.UNSEEN else ""
            yield f"      {one.mutant.text}{unseen}"
        if len(some) > len(shown):
            yield f"      nor with {len(some) - len(shown)} smaller mistakes in it"


def _around(path: str) -> Iterator[str]:
    """The paths of the rule and the policy around a part."""
    if path:
        yield ""
        rule = path.partition("].")[0]
        if rule != path:
            yield f"{rule}]"


def coverage_document(found: Coverage) -> str:
    """Every mistake with its outcome, and the counts, as JSON."""
    return document_json(
        {
            "percent": round(found.percent, 2),
            "tests": found.tests,
            "parts": {one.part.value: {"tested": one.tested, "total": one.total} for one in found.parts()},
            "mutants": [_mutant_json(one) for one in found.tried],
            "notCounted": [test.name for test in found.unjudged],
        }
    )


def _mutant_json(one: TriedMutant) -> Json:
    mutant = one.mutant
    policy = mutant.policy
    written: Json = {
        "mutation": mutant.mutation.value,
        "policy": {"namespace": policy.namespace, "kind": policy.kind_name, "name": policy.name},
        "field": mutant.path,
        "text": mutant.text,
        "fate": one.fate.value,
    }
    if one.by is not None:
        written["noticedBy"] = one.by.name
    return written | place_json(mutant.place)
