"""Calico's selector expressions: the terms that bound them, and what cannot be bounded."""

import pytest

from ringfence.model.calico_selectors import bounding_terms


@pytest.mark.parametrize(
    ("expression", "terms"),
    [
        ("", []),
        ("all()", []),
        ("global()", []),
        ("app == 'db'", ["app=db"]),
        ('app=="db"', ["app=db"]),
        ("app != 'db'", ["app notin (db)"]),
        ("has(team)", ["team"]),
        ("!has(team)", ["!team"]),
        ("! has( team )", ["!team"]),
        ("env in {'ci', 'dev'}", ["env in (ci,dev)"]),
        ("env not in {'ci'}", ["env notin (ci)"]),
        ("env notin { 'ci','dev' }", ["env notin (ci,dev)"]),
        ("app == 'db' && has(team) && all()", ["app=db", "team"]),
        ("example.com/app_kind == 'a'", ["example.com/app_kind=a"]),
        ("app == 'a && b' && has(team)", ["app=a && b", "team"]),
    ],
)
def test_a_conjunction_of_comparisons_has_equal_terms(expression: str, terms: list[str]) -> None:
    assert list(map(str, bounding_terms(expression))) == terms


@pytest.mark.parametrize(
    ("expression", "terms"),
    [
        pytest.param("app == 'a' || app == 'b'", [], id="either may hold"),
        pytest.param("app == 'a' && has(b) || has(c)", [], id="&& binds closer than ||"),
        pytest.param("(app == 'a' || app == 'b') && has(team)", ["team"], id="an alternative in parentheses"),
        pytest.param("app contains 'a' && has(team)", ["team"], id="part of a text"),
        pytest.param("app starts with 'a'", [], id="the start of a text"),
        pytest.param("!(app == 'a')", [], id="a negation"),
        pytest.param("app == '||' && has(team)", ["app=||", "team"], id="no operator inside quotes"),
        pytest.param("app == db", [], id="not an expression"),
        pytest.param("app == 'db", [], id="a text that does not end"),
    ],
)
def test_what_has_no_equal_in_label_selectors_is_left_out(expression: str, terms: list[str]) -> None:
    assert list(map(str, bounding_terms(expression))) == terms
