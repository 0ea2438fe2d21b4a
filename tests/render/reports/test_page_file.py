"""The page as one file: its scripts are joined, and no data can end a script element."""

import re
from base64 import b64encode
from hashlib import sha256

import pytest

from ringfence.render.reports.page_file import MODULES, joined_modules, page_text, report_html


def test_no_import_or_export_is_left_in_the_joined_script() -> None:
    script = joined_modules()
    assert re.findall(r"^\s*(?:import|export)\b.*", script, re.MULTILINE) == []
    assert all(f'modules["{name}"] = ' in script for name in MODULES)


def test_each_module_imports_only_what_a_module_above_it_exports() -> None:
    exported: dict[str, set[str]] = {}
    for name in MODULES:
        text = page_text(name)
        for names, source in re.findall(r'^import \{([^}]*)\} from "\./([\w-]+\.js)";$', text, re.MULTILINE):
            assert {one.strip() for one in names.split(",")} <= exported[source]
        exported[name] = set(re.findall(r"^export (?:async )?\w+ (\w+)", text, re.MULTILINE))


def test_each_brace_of_the_style_has_its_other_one() -> None:
    """A browser drops the rule that follows a brace too many, and says nothing."""
    depths = [0]
    for brace in re.findall(r"[{}]", page_text("page.css")):
        depths.append(depths[-1] + (1 if brace == "{" else -1))
    assert min(depths) == depths[-1] == 0


@pytest.mark.parametrize("module", MODULES)
def test_no_module_makes_elements_or_code_from_a_text(module: str) -> None:
    ways = r"innerHTML|outerHTML|insertAdjacentHTML|setHTML|document\.write|DOMParser|createContextualFragment|srcdoc"
    assert re.findall(rf"{ways}|\beval\(|new Function|javascript:", page_text(module)) == []


def test_the_page_allows_its_own_script_and_style_and_no_other() -> None:
    page = report_html({"title": "</script><b>", "data": "</script><script>alert(1)</script>"})
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    (script,) = re.findall(r'<script type="module">(.*?)</script>', page, re.DOTALL)
    for text in (style, script):
        assert b64encode(sha256(text.encode()).digest()).decode() in policy
    assert "alert(1)</script>" not in page
    assert "<title>&lt;/script&gt;&lt;b&gt; - ringfence</title>" in page
