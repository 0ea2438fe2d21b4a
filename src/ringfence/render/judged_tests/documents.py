"""The outcomes of tests as JSON (docs/formats.md)."""

from collections.abc import Iterable

from ringfence.model.problems import Problem
from ringfence.render.formats import Json, document_json
from ringfence.render.problems import problem_json
from ringfence.render.proposals import proposal_json
from ringfence.testing.outcomes import JudgedTest, JudgedTests, Status


def results_json(judged: JudgedTests, problems: Iterable[Problem] = (), plugin: Json | None = None) -> str:
    """All outcomes; `problems` are those of the input, and `plugin` is the network plugin that was assumed."""
    return document_json(
        {
            "passed": bool(judged),
            "summary": {"tests": len(judged.outcomes)} | {status.value: len(judged.of(status)) for status in Status},
            "tests": list(map(_outcome_json, judged.outcomes)),
            "problems": [problem_json(one) for one in (*judged.problems, *problems)],
            **({"plugin": plugin} if plugin else {}),
        }
    )


def _outcome_json(outcome: JudgedTest) -> Json:
    test = outcome.test
    written: Json = {
        "name": test.name,
        "file": test.file,
        "line": test.place.line,
        "status": outcome.status.value,
        "message": outcome.message,
        "assumptions": list(outcome.assumptions),
    }
    if columns := outcome.columns:
        kernel = columns.kernel
        written["static"] = columns.static.value
        written["kernel"] = {
            "status": kernel.status.value,
            "message": kernel.message,
            "probes": kernel.probes,
            "controls": kernel.controls,
            "contradictions": list(kernel.contradictions),
            "isSample": kernel.is_sample,
        }
    if outcome.explanation:
        written["explanation"] = outcome.explanation.reasons
        written |= proposal_json(outcome.explanation.proposal)
    return written
