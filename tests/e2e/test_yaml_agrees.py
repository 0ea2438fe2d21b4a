"""YAML documents: ringfence reads scalars, as values and as keys, and structures as the real kubectl does."""

import json
import math
from textwrap import dedent, indent
from typing import Final

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ringfence.sources.manifests.scalars import key_text, resolve
from ringfence.sources.manifests.yaml_values import Builder, UnreadableYaml

from .control_plane import ControlPlane

NOTABLE: Final = """
    y Y n N yes Yes YES no No NO on On ON off Off OFF true True TRUE false False FALSE nO yEs tRUE
    ~ null Null NULL nULL = <<x inf nan Infinity 2020-01-01 2020-01-01T00:00:00Z 1,000 ::/0 2001:db8::/32
    010 0777 0o10 0O17 09 08 -010 -09 +010 0x1F 0X1F -0x1F +0x1f 0b11 0B11 -0b11 +5 -0 00 0b2 0x 0o 0b 0o8
    1_000 1_0.5 0_7 0x_f _1 1_ 1__0 1e3_0 1e3 12e03 0.1e1 1e21 1e20 1e-7 1E3 1e+3 1e400 -1e400 5e-324 1.5e
    .5 1. -.5 +.5 ._5 5._ . -. 1.10 01.5 08.5 0.0 -0.0 1.2.3 0x1p3 0x1.8 22:22 190:20:30
    9223372036854775807 9223372036854775808 18446744073709551615 18446744073709551616 12345678901234567890
    -9223372036854775808 -9223372036854775809 0x7fffffffffffffff 0xffffffffffffffff 0x1ffffffffffffffff
"""
notable = NOTABLE.split()

odd_numbers = st.from_regex(r"[-+]?[0-9._]{0,3}([xXoObB]|[eE][-+]?)?[0-9a-fA-F._]{1,4}", fullmatch=True)
scalars = (st.sampled_from(notable) | odd_numbers).filter(lambda text: not text.endswith("-"))
few_examples = settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])


def manifest(fields: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x}}\ndata:\n{indent(fields, '  ')}\n"


def kubectl_reads(api_server: ControlPlane, fields: str) -> object:
    """The mapping with these fields as kubectl reads it, or None if kubectl refuses it."""
    arguments = ("create", "--filename=-", "--dry-run=client", "--validate=false", "--output=json")
    done = api_server.kubectl(*arguments, stdin=manifest(fields), check=False)
    assert done.returncode == 0 or "error converting YAML to JSON" in done.stderr, done.stderr
    return json.loads(done.stdout)["data"] if done.stdout else None


def we_read(fields: str) -> object:
    try:
        [(document, _)] = Builder(manifest(fields), lambda item, mark: False).documents()
    except UnreadableYaml:
        return None
    return document["data"]


def comparable(value: object) -> object:
    """JSON distinguishes whole floats from integers no more than kubectl does. Booleans are not numbers."""
    match value:
        case dict():
            return {key: comparable(inner) for key, inner in value.items()}
        case list():
            return [comparable(inner) for inner in value]
        case int() | float() if not isinstance(value, bool):
            return float(value)
    return value


@few_examples
@given(st.lists(scalars, min_size=1, max_size=200))
@example(notable)
def test_any_scalar_is_read_as_kubectl_reads_it(api_server: ControlPlane, texts: list[str]) -> None:
    fields = "\n".join(f"'{index}: {text}': {text}" for index, text in enumerate(texts))
    assert comparable(we_read(fields)) == comparable(kubectl_reads(api_server, fields))


def makes_a_key(text: str) -> bool:
    """Whether kubectl accepts a scalar as a key. It refuses null and integers beyond 64 bits.

    Negative zeros are left out: in Go, they are the same key as other zeros before they become texts.
    """
    match resolve(text):
        case None:
            return False
        case bool() | str():
            return True
        case float(number):
            return number != 0 or math.copysign(1, number) > 0
        case number:
            return -(2**63) <= number < 2**63


def distinct(texts: list[str]) -> list[str]:
    """One scalar for each key: of several scalars that result in the same key, kubectl takes any."""
    return list({key_text(resolve(text)): text for text in texts if makes_a_key(text)}.values())


@few_examples
@given(st.lists(scalars, max_size=200).map(distinct).filter(bool))
@example(distinct(notable))
def test_any_key_is_read_as_kubectl_reads_it(api_server: ControlPlane, texts: list[str]) -> None:
    fields = "\n".join(f"{text}: '{text}'" for text in texts)
    assert we_read(fields) == kubectl_reads(api_server, fields)


STRUCTURES: Final = {
    "literal block": "v: |\n  a\n   b\n\n  c\n\nw: x",
    "literal block, stripped": "v: |-\n  a\n  b\n\n",
    "literal block, kept": "v: |+\n  a\n\n\nw: x",
    "literal block, indented": "v: |2\n    a\n  b",
    "folded block": "v: >\n  a\n  b\n\n  c\n    d\n  e",
    "plain text of several lines": "v: a\n  b\n\n  c",
    "single quotes": "v: 'it''s\n  two lines'",
    "double quotes": 'v: "\\x41\\u00e9\\U0001F600\\n\\t\\"\\\n  b"',
    "surrogates": 'v: "\\ud83d\\ude00"',
    "flow collections": "v: {a: [1, {b: c}, ], d: {}, 'e': [], f}",
    "flow collections of several lines": "v: [a,\n  b: c,\n  {d: e,\n  }]",
    "lists in lists": "v:\n- - a\n  - b\n-\n  - c\n- d: e\n  f: g\n-",
    "comments": "# before\nv: a # after\nw: a#b\nx: 'a # b'",
    "explicit keys": "? v\n: a\n? w\n",
    "key of several lines": '"a\n  b": c',
    "key that is a list": "[a]: b",
    "key that is a mapping": "{a: b}: c",
    "key that is null": "null: a",
    "key that is empty": "'': a",
    "key that is an alias": "a: &x y\n*x : z",
    "key twice": "a: 1\nb: 2\na: 3",
    "key twice, deeper": "v: {a: {b: 1}, a: {c: 2}}",
    "aliases": "a: &x {b: [c]}\nd: *x\ne: [*x, *x]",
    "alias of a scalar": "a: &x 010\nb: *x\nc: '*x'",
    "alias of an alias": "a: &x [1]\nb: &y [*x]\nc: *y",
    "alias of an anchor that was set again": "a: &x 1\nb: *x\nc: &x 2\nd: *x",
    "alias of nothing": "a: *x",
    "alias of itself": "a: &x [*x]",
    "alias after a colon": "a: &x:y z\nb: *x:y",
    "merge": "a: &x {b: 1, c: 2}\nd: {<<: *x, e: 3}",
    "merge before a key": "a: &x {b: 1}\nd: {<<: *x, b: 2}",
    "merge after a key": "a: &x {b: 1}\nd: {b: 2, <<: *x}",
    "merge of several": "a: &x {b: 1, c: 1}\nd: &y {b: 2, e: 2}\nf: {<<: [*x, *y]}",
    "merge of a merge": "a: &x {b: 1}\nc: &y {<<: *x, d: 2}\ne: {<<: *y}",
    "merge without an alias": "a: {<<: {b: 1}, c: 2}",
    "merge of a scalar": "a: {<<: b}",
    "merge of a list of scalars": "a: {<<: [b]}",
    "merge twice": "a: &x {b: 1}\nc: &y {b: 2, d: 3}\ne: {<<: *x, <<: *y}",
    "merge in quotes": "a: &x {b: 1}\nc: {'<<': *x}",
    "tags of scalars": "a: !!str 5\nb: !!int '5'\nc: !!float 5\nd: !!bool 'yes'\ne: !!null ''\nf: !!str\ng: !x 5",
    "tag that is wrong": "a: !!int x",
    "tag that is wrong of a bool": "a: !!bool maybe",
    "tag of a fraction as a whole number": "a: !!int 5.5",
    "tags of collections": "a: !!map {b: c}\nd: !!seq [e]\nf: !x {g: h}\ni: !!set {j, k}\nl: !!omap [m: n]",
    "binary": "a: !!binary aGVsbG8=",
    "binary that is none": "a: !!binary '*'",
    "infinity": "a: .inf",
    "not a number": "a: [.NaN]",
    "infinity in quotes": "a: '.inf'",
    "tab in front": "a:\n\tb: c",
    "tab after a colon": "a:\tb",
    "reserved sign": "a: @b",
    "open quote": "a: 'b",
    "open bracket": "a: [b",
    "mapping in a text": "a: b: c",
    "list beside a mapping": "a: b\n- c",
    "template that was not rendered": "a: {{ .Values.b }}",
    "characters beyond the first plane": "a: 😀\n😀: b",
    "next line and other separators": 'a: "b\x85c\u2028d"',
    "byte order mark inside": "a: b\ufeffc",
}


@pytest.mark.parametrize("fields", [pytest.param(dedent(text), id=name) for name, text in STRUCTURES.items()])
def test_structures_are_read_as_kubectl_reads_them(api_server: ControlPlane, fields: str) -> None:
    assert comparable(we_read(fields)) == comparable(kubectl_reads(api_server, fields))
