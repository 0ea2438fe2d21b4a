"""The pages of rules: docs/rules has one page for each rule, and docs/rules.md lists them.

`python -m tests.lint.test_pages` writes them again.
"""

from pathlib import Path

import msgspec
import pytest

from ringfence.lint import RULES, Example, page_of, rule_text, rules_page

DOCS = Path(__file__).parents[2] / "docs"


def pages() -> dict[Path, str]:
    """The text of each page, by its file."""
    return {DOCS / "rules.md": rules_page(RULES)} | {
        DOCS / "rules" / f"{rule.identifier}.md": rule_text(rule) for rule in RULES
    }


def test_the_pages_of_the_documentation_are_those_that_the_rules_make() -> None:
    files = [DOCS / "rules.md", *(DOCS / "rules").iterdir()]
    written = {file: file.read_text() for file in files}
    assert written == pages(), "write them again: python -m tests.lint.test_pages"


def test_a_page_has_a_summary_a_text_and_examples() -> None:
    examples = "Fires as a note: a reason:\n\n```yaml\na: 1\n```\n\nSilent:\n\n```yaml\nb: 2\n```\n"
    text = f"A dash.\n\nOne too many.\n\nRemedy: less.\n\n{examples}"
    page = page_of(msgspec.structs.replace(RULES[0], page=text))
    assert page.summary == "A dash."
    assert page.text == "One too many.\n\nRemedy: less."
    assert page.examples == (Example(True, "as a note", "a reason", "a: 1\n"), Example(False, "", "", "b: 2\n"))


@pytest.mark.parametrize("text", ["A dash.\n\nRemedy: less.\n", "A dash.\n\nFires:\n\n```yaml\na: 1\n```\n"])
def test_a_page_without_examples_or_remedy_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="RF001: its page has no examples, or no remedy"):
        page_of(msgspec.structs.replace(RULES[0], page=text))


if __name__ == "__main__":
    for file, text in pages().items():
        file.write_text(text)
