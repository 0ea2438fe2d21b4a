"""The outcomes of tests: text for people, JSON, JUnit, TAP, and annotations of a workflow."""

from ringfence.render.judged_tests.annotations import results_annotations
from ringfence.render.judged_tests.documents import results_json
from ringfence.render.judged_tests.junit_suites import results_junit
from ringfence.render.judged_tests.tap_points import results_tap
from ringfence.render.judged_tests.text import column_texts, outcome_text, results_text, summary_text

__all__ = [
    "column_texts",
    "outcome_text",
    "results_annotations",
    "results_json",
    "results_junit",
    "results_tap",
    "results_text",
    "summary_text",
]
