"""Values of a YAML text, as kubectl understands it, and where each of them is written."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ringfence.model.origin import FieldRanges, Range
from ringfence.model.text_edits import text_in
from ringfence.sources.manifests.yaml_values import MAX_ALIASED, MAX_DEPTH, Builder, UnreadableYaml, Value


def value(text: str) -> Value:
    """The value of the only document."""
    ((found, _),) = Builder(text, lambda item, event: False).documents()
    return found


def refused(text: str) -> str:
    """The error of an invalid text with its line, as in `2: what`; lines count from 1."""
    with pytest.raises(UnreadableYaml) as error:
        list(Builder(text, lambda item, event: False).documents())
    return f"{error.value.line + 1}: {error.value}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: .nan", "2: json: unsupported value: NaN"),
        ("a: !!int x", "1: yaml: cannot decode !!str `x` as a !!int"),
        ("a:\n  ~: b", "2: unsupported map key: null"),
        ("name:\n  {{ .Values.name }}", "2: yaml: invalid map key: not a scalar"),
        ("? [a]\n: b", "1: yaml: invalid map key: not a scalar"),
        ("a: *x", "1: yaml: unknown anchor 'x' referenced"),
        ("a: &x\n  b: *x", "2: yaml: anchor 'x' value contains itself"),
        ("a: &x [1, *x]", "1: yaml: anchor 'x' value contains itself"),
        ("a:\n  <<: 5", "2: yaml: map merge requires map or sequence of maps as the value"),
        ("a:\n  <<: [{b: 1}, 5]", "2: yaml: map merge requires map or sequence of maps as the value"),
        ("a: 1\nb: x\x00y", "2: yaml: control characters are not allowed"),
        ("a: 'x\nb: 1\n", "2: yaml: found unexpected end of stream while scanning a quoted scalar"),
    ],
)
def test_yaml_that_kubectl_does_not_take(text: str, message: str) -> None:
    assert refused(text) == message


def test_depth_is_bounded() -> None:
    assert value("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert refused("[" * (MAX_DEPTH + 1)) == f"1: yaml: more than {MAX_DEPTH} levels deep"
    assert refused("{a: " * 100_000) == f"1: yaml: more than {MAX_DEPTH} levels deep"
    assert refused("? " * 100_000) == f"1: yaml: more than {MAX_DEPTH} levels deep"


def test_aliases_stand_for_values_within_a_bound() -> None:
    laughs = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    laughs += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    assert (
        refused("\n".join(laughs)) == f"7: yaml: excessive aliasing: aliases stand for more than {MAX_ALIASED:,} values"
    )
    assert value("\n".join(laughs[:5]))["a4"][8][8][8][8][8] == "lol"


def test_anchors_end_with_their_document() -> None:
    assert refused("a: &x 1\n---\nb: *x") == "3: yaml: unknown anchor 'x' referenced"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}),
        ("&k a: 1\nb: *k", {"a": 1, "b": "a"}),
        ("a: &x b\n*x : c", {"a": "b", "b": "c"}),
        ("a: &x {b: 1, d: 4}\nc:\n  <<: *x\n  b: 2", {"a": {"b": 1, "d": 4}, "c": {"b": 2, "d": 4}}),
        pytest.param(
            "a: &x {b: 1}\nc:\n  b: 2\n  <<: *x", {"a": {"b": 1}, "c": {"b": 1}}, id="a merge counts where it stands"
        ),
        pytest.param(
            "c:\n  <<: [{a: 1}, {a: 2, b: 2}]", {"c": {"a": 1, "b": 2}}, id="the first of several merged ones counts"
        ),
        ("c:\n  '<<': 5", {"c": {"<<": 5}}),
        ("a: {b: 1, b: 2}", {"a": {"b": 2}}),
        ("true: b\nyes: c", {"true": "c"}),
        ("'1': a\n1.5: b\n010: c", {"1": "a", "1.5": "b", "8": "c"}),
        ("a: 'y'\nb: \"1.10\"\nc: |\n  5\n", {"a": "y", "b": "1.10", "c": "5\n"}),
        ("!!map {a: !!seq [1]}", {"a": [1]}),
        ("%YAML 1.1\n---\na: 1", {"a": 1}),
        ("a: =\n=: b", {"a": "=", "=": "b"}),
    ],
)
def test_yaml_that_kubectl_takes(text: str, found: object) -> None:
    assert value(text) == found


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a: 1\nb: .nan", 1, 4),
        ("a: 1\n  b: *x", 1, 4),
        ("a:\n  b: *x", 1, 6),
        ("a: b: c", 0, 5),
        ("a: 'x\nb: 1\n\n\n", 1, 0),
    ],
)
def test_an_error_has_a_line_and_where_it_is_known_a_column(text: str, line: int, column: int) -> None:
    with pytest.raises(UnreadableYaml) as error:
        Builder(text, lambda item, event: False).documents().__next__()
    assert (error.value.line, error.value.column) == (line, column)


WRITTEN = """\
# comment
metadata:   # behind a key
  name: "a"  # behind a value
  annotations:
    text: |
      first

      last

    # not a part of the text
    folded: >-
      one
      two
  labels: {a: 1,  "b" : [x, y ] }  # flow

spec:
  - key: plain words
     that go on

  -
    key:
    other: &anchor {x: 1}
  - *anchor
  - <<: *anchor
  # the last comment
"""


def fields(text: str) -> dict[str, FieldRanges]:
    """The places in the only document, with lines that count from 1."""
    builder = Builder(text, lambda item, event: False)
    ((found, event),) = builder.documents()
    return {
        path: FieldRanges(shifted(field.value), shifted(field.key) if field.key else None)
        for path, field in builder.fields(found, event).items()
    }


def shifted(part: Range) -> Range:
    return Range(part.line + 1, part.column, part.end_line + 1, part.end_column)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("path", "key", "written"),
    [
        ("metadata.name", "name", '"a"'),
        ("metadata.annotations.text", "text", "|\n      first\n\n      last"),
        ("metadata.annotations.folded", "folded", ">-\n      one\n      two"),
        ("metadata.labels", "labels", '{a: 1,  "b" : [x, y ] }'),
        ("metadata.labels.b", '"b"', "[x, y ]"),
        ("metadata.labels.b[1]", None, "y"),
        ("spec[0].key", "key", "plain words\n     that go on"),
        ("spec[0]", None, "key: plain words\n     that go on"),
        ("spec[1].key", "key", ""),
        ("spec[1]", None, "key:\n    other: &anchor {x: 1}"),
        ("spec[1].other", "other", "&anchor {x: 1}"),
        ("spec[2]", None, "*anchor"),
        ("spec[2].x", "x", "1"),
        ("spec[3]", None, "<<: *anchor"),
    ],
)
def test_a_field_is_where_it_is_written(path: str, key: str | None, written: str, ending: str) -> None:
    text = WRITTEN.replace("\n", ending)
    field = fields(text)[path]
    assert text_in(text, field.value) == written.replace("\n", ending)
    assert (text_in(text, field.key) if field.key else None) == key


def test_a_block_ends_before_the_comments_and_blank_lines_behind_it() -> None:
    found = fields(WRITTEN)
    lines = WRITTEN.splitlines()
    assert lines[found["metadata"].value.end_line - 1] == '  labels: {a: 1,  "b" : [x, y ] }  # flow'
    assert lines[found["metadata.annotations"].value.end_line - 1] == "      two"
    assert lines[found["spec"].value.end_line - 1] == lines[found[""].value.end_line - 1] == "  - <<: *anchor"


@pytest.mark.parametrize("other", ["\x85", "\u2028", "\u2029", "\r"])
def test_what_ends_a_line_for_yaml_only_does_not_for_us(other: str) -> None:
    text = f"a: 'x{other}  y'\nb: &c\n  ä: \"\\x41\" # {other}\n  d: e\n"
    found = fields(text)
    assert text_in(text, found["a"].value) == f"'x{other}  y'"
    assert text_in(text, found["b.d"].value) == "e"
    assert found["b.d"].key == Range(4, 3, 4, 4)


texts = st.text("ab1 :#-'\"\\\t\n{}[]é😀,&*!|>%@`", max_size=8)
yaml_trees = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99) | texts,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abé", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


class PlainDumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True


@given(yaml_trees, st.sampled_from([True, False, None]), st.integers(2, 6), st.booleans(), st.sampled_from([20, 1000]))
def test_what_is_in_a_range_is_the_value(
    tree: Value, flow: bool | None, indent: int, unicode: bool, width: int
) -> None:
    """The text of each range, read alone in the same column, is the value that is at the path."""
    text = yaml.dump(
        tree, Dumper=PlainDumper, default_flow_style=flow, indent=indent, allow_unicode=unicode, width=width
    ).removesuffix("...\n")
    root = value(text)
    for path, field in fields(text).items():
        expected = at(root, path)
        part = field.value
        alone = " " * (part.column - 1) + text_in(text, part) + "\n"
        if not alone.strip():
            assert expected is None
        else:
            assert value(alone) == expected
        assert field.key is None or path.endswith(str(value(text_in(text, field.key))))


def at(tree: Value, path: str) -> Value:
    """What is in a tree at a path whose keys have neither dots nor brackets."""
    for step in path.replace("[", ".[").split("."):
        if step:
            tree = tree[int(step[1:-1])] if step.startswith("[") else tree[step]
    return tree
