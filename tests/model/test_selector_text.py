"""Label selectors in the form of kubectl's `-l`, read as the API server reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.model.selector_text import IntegerTerm, parse_list_selector, parse_selector
from ringfence.model.selectors import EVERYTHING, Operator, Selector, Term


def term(key: str, operator: Operator, *values: str) -> Term:
    return Term(key, operator, frozenset(values))


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("app=web", [term("app", Operator.IN, "web")]),
        ("app==web", [term("app", Operator.IN, "web")]),
        ("app!=web", [term("app", Operator.NOT_IN, "web")]),
        ("app =\tweb", [term("app", Operator.IN, "web")]),
        ("app=", [term("app", Operator.IN, "")]),
        ("app!=,tier", [term("app", Operator.NOT_IN, ""), term("tier", Operator.EXISTS)]),
        ("env in (ci, dev)", [term("env", Operator.IN, "ci", "dev")]),
        ("env notin(ci,dev)", [term("env", Operator.NOT_IN, "ci", "dev")]),
        ("env in (ci,)", [term("env", Operator.IN, "ci", "")]),
        ("env in (,)", [term("env", Operator.IN, "")]),
        ("env in ( )", [term("env", Operator.IN, "")]),
        ("env in (a,,b)", [term("env", Operator.IN, "a", "", "b")]),
        ("env in (in,notin)", [term("env", Operator.IN, "in", "notin")]),
        ("in in (in)", [term("in", Operator.IN, "in")]),
        ("notin", [term("notin", Operator.EXISTS)]),
        ("app=in", [term("app", Operator.IN, "in")]),
        ("release", [term("release", Operator.EXISTS)]),
        ("!canary", [term("canary", Operator.DOES_NOT_EXIST)]),
        ("! canary", [term("canary", Operator.DOES_NOT_EXIST)]),
        ("example.com/app=web", [term("example.com/app", Operator.IN, "web")]),
        ("a=1,b!=2,!c", [term("a", Operator.IN, "1"), term("b", Operator.NOT_IN, "2"), term("c", Operator.DOES_NOT_EXIST)]),  # noqa: E501
    ],
)  # fmt: skip
def test_a_selector(text: str, terms: list[Term]) -> None:
    assert parse_selector(text) == Selector(tuple(terms))
    assert list(parse_list_selector(text).terms) == terms


@pytest.mark.parametrize("text", ["", " ", "\t\r\n"])
def test_no_text_selects_everything(text: str) -> None:
    assert parse_selector(text) == EVERYTHING


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (",", "found ',', expected: !, identifier, or 'end of string'"),
        ("=web", "found '=', expected: !, identifier, or 'end of string'"),
        ("app=web,", "found '', expected: identifier after ','"),
        ("app=web,,tier", "found ',', expected: identifier after ','"),
        ("app=web tier", "found 'tier', expected: ',' or 'end of string'"),
        ("app web", "found 'web', expected: in, notin, =, ==, !=, gt, lt"),
        ("app IN (web)", "found 'IN', expected: in, notin, =, ==, !=, gt, lt"),
        ("!canary=yes", "found '=', expected: ',' or 'end of string'"),
        ("!!canary", "found '!', expected: identifier"),
        ("!", "found '', expected: identifier"),
        ("app===web", "found '=', expected: identifier"),
        ("app=!web", "found '!', expected: identifier"),
        ("app=(web)", "found '(', expected: identifier"),
        ("env in ci", "found 'ci' expected: '('"),
        ("env in (", "unable to parse requirement: found '', expected: ',', ')' or identifier"),
        ("env in (ci", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("env in (ci dev)", "found 'dev', expected: ',' or ')'"),
        ("env in (ci=dev)", "found '=', expected: ',' or ')'"),
        ("env in (!ci)", "found '!', expected: ',', ')' or identifier"),
        ("env in (ci))", "found ')', expected: ',' or 'end of string'"),
        ("-app", 'key: Invalid value: "-app": name part must consist of alphanumeric characters'),
        ("a/b/c=d", 'key: Invalid value: "a/b/c": a valid label key must consist of'),
        ("app=-web", 'values[0][app]: Invalid value: "-web": a valid label must be an empty string or'),
        ("app in (a,b c)", "found 'c', expected: ',' or ')'"),
        ("app in (a,-b)", 'values[0][app]: Invalid value: "-b": a valid label must be'),
        (f"app={'a' * 64}", "must be no more than 63 bytes"),
        (
            "tier>",
            "unable to parse requirement: values[0]: Invalid value: \"\": for 'Gt', 'Lt' operators, the value must be",
        ),
        ("tier>x", "values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer"),
        ("tier<1.5", "values[0]: Invalid value: \"1.5\": for 'Gt', 'Lt' operators, the value must be an integer"),
        ("tier>=1", "found '=', expected: identifier"),
        (f"tier>{1 << 63}", "for 'Gt', 'Lt' operators, the value must be an integer"),
        (f"tier>{'9' * 5000}", "for 'Gt', 'Lt' operators, the value must be an integer"),
        ("tier>-1", 'values[0][tier]: Invalid value: "-1": a valid label must be an empty string or'),
    ],
)
def test_texts_that_are_not_selectors(text: str, message: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the message is compared below
        parse_list_selector(text)
    assert message in str(error.value)


class TestIntegers:
    """Lists know `>` and `<`, which kubectl's help does not mention and the API server accepts."""

    @pytest.mark.parametrize(
        ("text", "value", "matches"),
        [
            ("tier>1", "2", True),
            ("tier>1", "1", False),
            ("tier>1", "10", True),
            ("tier<10", "9", True),
            ("tier<10", "10", False),
            ("tier<10", "x", False),
            ("tier>1", "1x2", False),
            ("tier<10", "", False),
            ("tier>1", str(1 << 63), False),
        ],
    )
    def test_a_value_is_compared_as_an_integer(self, text: str, value: str, matches: bool) -> None:
        assert parse_list_selector(text).matches({"tier": value}) is matches

    def test_a_missing_key_does_not_match(self) -> None:
        assert not parse_list_selector("tier<1").matches({})
        assert not parse_list_selector("tier>1").matches({"app": "2"})

    def test_terms_are_anded(self) -> None:
        between = parse_list_selector("tier>1, tier<4,app=web")
        assert between.terms[:2] == (IntegerTerm("tier", True, 1), IntegerTerm("tier", False, 4))
        assert between.matches({"tier": "2", "app": "web"})
        assert not between.matches({"tier": "4", "app": "web"})
        assert not between.matches({"tier": "2", "app": "db"})

    @pytest.mark.parametrize("text", ["tier>1", "app=web,tier<1"])
    def test_a_selector_of_a_policy_cannot_say_it(self, text: str) -> None:
        with pytest.raises(ValueError, match="compares integers, which selectors of policies cannot do"):
            parse_selector(text)


terms = st.one_of(
    st.builds(
        Term, st.sampled_from(["a", "example.com/b"]), st.sampled_from([Operator.EXISTS, Operator.DOES_NOT_EXIST])
    ),
    st.builds(
        Term,
        st.sampled_from(["a", "in"]),
        st.sampled_from([Operator.IN, Operator.NOT_IN]),
        st.frozensets(st.sampled_from(["", "x", "y.1", "notin"]), min_size=1),
    ),
)


@given(st.lists(terms, max_size=4))
def test_what_a_selector_says_of_itself_is_read_back(written: list[Term]) -> None:
    selector = Selector(tuple(written))
    assert parse_selector(str(selector)) == selector


@given(st.text("ab=!<>(), in", max_size=15))
def test_any_text_is_a_selector_or_one_clear_error(text: str) -> None:
    try:
        selector = parse_list_selector(text)
    except ValueError as error:
        assert str(error)  # noqa: PT017 - either is right
    else:
        assert selector.matches({}) in (True, False)
