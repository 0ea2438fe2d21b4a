"""What a change does: as text, as JSON, as a review comment in Markdown, and as annotations of a GitHub workflow."""

from ringfence.render.differences.annotations import difference_annotations
from ringfence.render.differences.documents import ComparedSide, difference_json
from ringfence.render.differences.phrases import plain
from ringfence.render.differences.review_comments import MOST_BYTES, review_comment
from ringfence.render.differences.sections import cause_text, closing_sentence, difference_sections
from ringfence.render.differences.text import difference_text, summary_text

__all__ = [
    "MOST_BYTES",
    "ComparedSide",
    "cause_text",
    "closing_sentence",
    "difference_annotations",
    "difference_json",
    "difference_sections",
    "difference_text",
    "plain",
    "review_comment",
    "summary_text",
]
