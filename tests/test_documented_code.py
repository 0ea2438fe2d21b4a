"""Every example of Python in the README and in the documentation runs."""

import re
from contextlib import chdir
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = {
    str(page.relative_to(ROOT)): BLOCK.findall(page.read_text())
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
}


@pytest.mark.parametrize("page", [page for page, blocks in PAGES.items() if blocks])
def test_the_examples_of_a_page_run_one_after_the_other(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    with chdir(ROOT):
        for number, block in enumerate(PAGES[page], 1):
            exec(compile(block, f"{page}, example {number}", "exec"), names)
    # What a comment behind `print` quotes was printed. The quote may leave out the end.
    printed = capsys.readouterr().out
    for quoted in re.findall(r"^ *print\([\w.\[\]]+\) +# (.+?)(?: \.\.\.)?$", "\n".join(PAGES[page]), re.MULTILINE):
        assert quoted in printed


def test_there_are_examples() -> None:
    assert len(PAGES["README.md"]) > 0
    assert len(PAGES["docs/api.md"]) > 4
