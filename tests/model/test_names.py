"""Names that are valid: many at once are judged as each of them is."""

from hypothesis import given
from hypothesis import strategies as st

from ringfence.model.names import are_label_values, label_value_errors

values = st.one_of(st.text("aB0-_.\n", max_size=5), st.sampled_from(["web", "v1.2", "", "v" * 63, "v" * 64, "é"]))


@given(st.lists(values, max_size=30))
def test_values_of_labels_are_valid_together_if_each_of_them_is(texts: list[str]) -> None:
    assert are_label_values(texts) is not any(map(label_value_errors, texts))


@given(st.lists(st.sampled_from(["web", "v1.2", "a_b", ""]), min_size=8), values)
def test_one_wrong_value_among_many_is_found(right: list[str], odd: str) -> None:
    assert are_label_values([*right, odd]) is not bool(label_value_errors(odd))
