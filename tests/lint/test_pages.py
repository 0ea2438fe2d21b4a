"""The pages of rules, and docs/rules.md, which is made of them.

`python -m tests.lint.test_pages` writes the page anew.
"""

from pathlib import Path

import msgspec
import pytest

from ringfence.lint import RULES, Example, page_of, rules_page

PAGE = Path(__file__).parents[2] / "docs" / "rules.md"


def test_the_page_of_the_documentation_is_the_one_that_the_rules_make() -> None:
    assert PAGE.read_text() == rules_page(RULES), "write it anew: python -m tests.lint.test_pages"


def test_a_page_has_a_summary_a_text_and_examples() -> None:
    examples = "Fires, for a reason:\n\n```yaml\na: 1\n```\n\nSilent:\n\n```yaml\nb: 2\n```\n"
    text = f"A dash.\n\nOne too many.\n\nRemedy: less.\n\n{examples}"
    page = page_of(msgspec.structs.replace(RULES[0], page=text))
    assert page.summary == "A dash."
    assert page.text == "One too many.\n\nRemedy: less."
    assert page.examples == (Example(True, "for a reason", "a: 1\n"), Example(False, "", "b: 2\n"))


@pytest.mark.parametrize("text", ["A dash.\n\nRemedy: less.\n", "A dash.\n\nFires:\n\n```yaml\na: 1\n```\n"])
def test_a_page_without_examples_or_remedy_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="RF101: its page has no examples, or no remedy"):
        page_of(msgspec.structs.replace(RULES[0], page=text))


if __name__ == "__main__":
    PAGE.write_text(rules_page(RULES))
