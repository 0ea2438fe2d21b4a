"""YAML that reads back to the same document."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.render.hostile_text import CONTROL_SEQUENCES, texts

from ringfence.render.formats.yaml import yaml_text

scalars = texts.filter(lambda text: text.isprintable() or text.encode("utf-8", "ignore").decode() == text)
trees = st.dictionaries(
    scalars,
    st.recursive(
        scalars | st.integers() | st.booleans(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(scalars, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=3,
)


def test_a_document_is_in_block_style() -> None:
    assert yaml_text({"a": {"b": ["x", "1"]}, "c": 1}) == 'a:\n  b:\n  - x\n  - "1"\nc: 1'


@pytest.mark.parametrize("text", ["on", "y", "null", "1", "1e3", "", "a: b", "# a", "- a", "{a", "'", "010"])
def test_a_string_is_read_back_as_a_string(text: str) -> None:
    assert yaml.safe_load(yaml_text({"key": text})) == {"key": text}


@given(trees)
def test_any_document_is_read_back(tree: dict[str, Any]) -> None:
    assert yaml.safe_load(yaml_text(tree)) == tree


@pytest.mark.parametrize("text", CONTROL_SEQUENCES.values(), ids=CONTROL_SEQUENCES)
def test_no_control_sequence_reaches_a_terminal(text: str) -> None:
    for line in yaml_text({"key": text}).splitlines():
        assert line.isprintable()
