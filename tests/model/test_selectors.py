"""What a label selector matches."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.model.metadata import LabelSelector, LabelSelectorRequirement
from ringfence.model.selectors import EVERYTHING, Operator, Selector, Term, compile_selector, compile_selector_in_steps
from ringfence.steps import STEP, Pace, Steps

LABELS = {"app": "web", "tier": "", "env": "ci"}


def term(key: str, operator: Operator, *values: str) -> Term:
    return Term(key, operator, frozenset(values))


@pytest.mark.parametrize(
    ("requirement", "matches"),
    [
        pytest.param(term("app", Operator.IN, "web"), True, id="In is met by its value"),
        pytest.param(term("app", Operator.IN, "db", "web"), True, id="In is met by any of its values"),
        pytest.param(term("app", Operator.IN, "db"), False, id="In is not met by another value"),
        pytest.param(term("app", Operator.IN, "we"), False, id="a value is compared whole"),
        pytest.param(term("app", Operator.IN, "Web"), False, id="case matters"),
        pytest.param(term("missing", Operator.IN, "web"), False, id="In is not met by a missing key"),
        pytest.param(term("missing", Operator.IN, ""), False, id="an empty value is not a missing key"),
        pytest.param(term("tier", Operator.IN, ""), True, id="an empty value is a value"),
        pytest.param(term("app", Operator.NOT_IN, "web"), False, id="NotIn is not met by its value"),
        pytest.param(term("app", Operator.NOT_IN, "db", "web"), False, id="nor by any of its values"),
        pytest.param(term("app", Operator.NOT_IN, "db"), True, id="NotIn is met by another value"),
        pytest.param(term("missing", Operator.NOT_IN, "web"), True, id="NotIn is met by a missing key"),
        pytest.param(term("missing", Operator.NOT_IN, ""), True, id="also if it excludes the empty value"),
        pytest.param(term("tier", Operator.EXISTS), True, id="Exists is met by an empty value"),
        pytest.param(term("missing", Operator.EXISTS), False, id="Exists is not met by a missing key"),
        pytest.param(term("missing", Operator.DOES_NOT_EXIST), True, id="DoesNotExist is met by a missing key"),
        pytest.param(term("tier", Operator.DOES_NOT_EXIST), False, id="DoesNotExist is not met by an empty value"),
    ],
)
def test_a_requirement(requirement: Term, matches: bool) -> None:
    assert requirement.matches(LABELS) is matches


def test_an_empty_selector_matches_everything() -> None:
    assert EVERYTHING.matches({})
    assert EVERYTHING.matches(LABELS)
    assert EVERYTHING.mismatches(LABELS) == []


def test_requirements_are_anded() -> None:
    web, missing, absent = (
        term("app", Operator.IN, "web"),
        term("missing", Operator.EXISTS),
        term("env", Operator.DOES_NOT_EXIST),
    )
    assert Selector((web,)).matches(LABELS)
    assert not Selector((web, missing)).matches(LABELS)
    assert Selector((missing, web, absent)).mismatches(LABELS) == [missing, absent]


class TestCompiling:
    def test_match_labels_and_match_expressions_are_anded(self) -> None:
        written = LabelSelector(
            {"app": "web"},
            (
                LabelSelectorRequirement("env", "In", ("ci", "dev")),
                LabelSelectorRequirement("tier", "NotIn", ("db",)),
                LabelSelectorRequirement("track", "Exists"),
                LabelSelectorRequirement("canary", "DoesNotExist"),
            ),
        )
        assert compile_selector(written).terms == (
            term("app", Operator.IN, "web"),
            term("canary", Operator.DOES_NOT_EXIST),
            term("env", Operator.IN, "ci", "dev"),
            term("tier", Operator.NOT_IN, "db"),
            term("track", Operator.EXISTS),
        )

    def test_an_empty_selector_is_the_one_that_matches_everything(self) -> None:
        assert compile_selector(LabelSelector()) is EVERYTHING

    def test_order_makes_no_difference(self) -> None:
        expressions = (
            LabelSelectorRequirement("a", "In", ("1", "2")),
            LabelSelectorRequirement("a", "In", ("3",)),
            LabelSelectorRequirement("a", "Exists"),
        )
        other = (expressions[2], LabelSelectorRequirement("a", "In", ("2", "1")), expressions[1])
        one = compile_selector(LabelSelector({"x": "1", "b": "2"}, expressions))
        assert one == compile_selector(LabelSelector({"b": "2", "x": "1"}, other))
        assert hash(one) == hash(compile_selector(LabelSelector({"b": "2", "x": "1"}, other)))

    @pytest.mark.parametrize("has_expressions", [False, True])
    def test_one_with_very_many_requirements_is_compiled_in_steps_to_the_same(self, has_expressions: bool) -> None:
        numbers = range(2 * STEP)
        labels = {f"key-{number}": "v" for number in reversed(numbers)}
        expressions = (LabelSelectorRequirement("key-5", "NotIn", ("w",)),) * (STEP if has_expressions else 0)
        written, pauses, found = LabelSelector(labels, expressions), 0, list[Selector]()

        def compile_and_count() -> Steps[None]:
            found.append((yield from compile_selector_in_steps(written, Pace())))

        for _ in compile_and_count():
            pauses += 1
        terms = [term(key, Operator.IN, "v") for key in labels]
        terms += [term("key-5", Operator.NOT_IN, "w")] * len(expressions)
        assert found == [compile_selector(written)]
        assert found[0].terms == tuple(sorted(terms, key=lambda one: (one.key, one.operator)))
        assert pauses >= len(terms) // STEP

    @pytest.mark.parametrize("operator", ["", "in", "Equals", "Gt", "Lt"])
    def test_an_operator_that_does_not_exist_is_refused(self, operator: str) -> None:
        with pytest.raises(ValueError, match="is not a valid Operator"):
            compile_selector(LabelSelector({}, (LabelSelectorRequirement("a", operator, ("1",)),)))

    @given(
        st.dictionaries(st.sampled_from("ab"), st.sampled_from(["", "x", "y"])),
        st.lists(
            st.tuples(
                st.sampled_from("abc"),
                st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"]),
                st.lists(st.sampled_from(["", "x", "y"]), min_size=1, max_size=2),
            ),
            max_size=3,
        ),
        st.dictionaries(st.sampled_from("abc"), st.sampled_from(["", "x", "y"])),
    )
    def test_it_means_what_the_api_conventions_say(
        self, labels: dict[str, str], written: list[tuple[str, str, list[str]]], pod: dict[str, str]
    ) -> None:
        selector = LabelSelector(
            labels,
            tuple(
                LabelSelectorRequirement(key, operator, tuple(values) if operator in ("In", "NotIn") else ())
                for key, operator, values in written
            ),
        )
        meets = {
            "In": lambda key, values: key in pod and pod[key] in values,
            "NotIn": lambda key, values: key not in pod or pod[key] not in values,
            "Exists": lambda key, values: key in pod,
            "DoesNotExist": lambda key, values: key not in pod,
        }
        expected = labels.items() <= pod.items() and all(
            meets[operator](key, values) for key, operator, values in written
        )
        assert compile_selector(selector).matches(pod) is expected


def test_text_is_what_kubectl_writes() -> None:
    terms = (
        term("app", Operator.IN, "web"),
        term("env", Operator.IN, "dev", "ci"),
        term("tier", Operator.NOT_IN, "db", "a"),
        term("track", Operator.EXISTS),
        term("canary", Operator.DOES_NOT_EXIST),
    )
    assert str(Selector(terms)) == "app=web,env in (ci,dev),tier notin (a,db),track,!canary"
    assert str(EVERYTHING) == ""
