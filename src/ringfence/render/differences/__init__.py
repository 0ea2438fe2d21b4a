"""What a change does: as text, as JSON, and as a review comment in Markdown."""

from ringfence.render.differences.documents import difference_json
from ringfence.render.differences.review_comments import MOST_BYTES, review_comment
from ringfence.render.differences.sections import cause_text
from ringfence.render.differences.text import difference_text

__all__ = ["MOST_BYTES", "cause_text", "difference_json", "difference_text", "review_comment"]
