"""Bytes that are not UTF-8: what kubectl reads is read, with a warning; what it does not read is an error."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sources.manifests.texts import names, problems, read

from ringfence.model.problems import ProblemCode, Severity

POD = "# ä 😀\napiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n"
POWERSHELL = "save the file as UTF-8; in PowerShell: ... | Out-File -Encoding utf8 FILE"
WITH_BOM = {
    "UTF-16, little endian": codecs.BOM_UTF16_LE + POD.encode("utf-16-le"),
    "UTF-16, big endian": codecs.BOM_UTF16_BE + POD.encode("utf-16-be"),
}


@pytest.mark.parametrize("data", WITH_BOM.values(), ids=WITH_BOM)
def test_utf16_with_a_byte_order_mark_is_read(data: bytes) -> None:
    reading = read(data)
    assert names(reading) == ["a"]
    assert reading.manifests[0].origin.line == 2
    (problem,) = reading.problems
    assert (problem.code, problem.severity, problem.remedy) == (ProblemCode.NOT_UTF8, Severity.WARNING, POWERSHELL)


def test_utf16_holds_several_documents_and_json() -> None:
    text = f'{POD}---\n{POD}---\n{{"apiVersion": "v1", "kind": "Pod", "metadata": {{"name": "b"}}}}'
    assert names(read(text.encode("utf-16"))) == ["a", "a", "b"]


def test_utf8_with_a_byte_order_mark_is_read_without_a_warning() -> None:
    reading = read(codecs.BOM_UTF8 + POD.encode())
    assert (names(reading), reading.problems) == (["a"], [])


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_byte_order_mark_is_an_error(encoding: str) -> None:
    (problem,) = read(POD.encode(encoding)).problems
    assert str(problem) == "f.yaml:1: error: UTF-16 without a byte order mark, which kubectl does not read"
    assert problem.remedy == "save the file as UTF-8"


@pytest.mark.parametrize("mark", [codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE])
def test_utf32_is_an_error(mark: bytes) -> None:
    reading = read(mark + POD.encode("utf-32-le" if mark == codecs.BOM_UTF32_LE else "utf-32-be"))
    assert problems(reading) == ["f.yaml:1: error: UTF-32, which kubectl does not read"]


def test_a_stray_byte_in_a_comment_is_a_warning() -> None:
    reading = read(b"# x\n# caf\xe9 \xe9\n" + POD.encode())
    assert names(reading) == ["a"]
    (problem,) = reading.problems
    assert str(problem) == "f.yaml:2: warning: not UTF-8: byte 0xe9 in column 6 is read as U+FFFD, as by kubectl"
    assert (problem.place.column, problem.place.end_column) == (6, 7)
    assert problem.remedy == "save the file as UTF-8"


def test_a_stray_byte_in_a_value_is_a_replacement_character() -> None:
    reading = read(POD.encode() + b"  labels: {a: x, b: \xff}\n---\n" + POD.encode())
    assert names(reading) == ["a", "a"]
    assert reading.manifests[0].object.metadata.labels == {"a": "x", "b": "\ufffd"}
    assert [problem.place.line for problem in reading.problems] == [6]


@given(st.binary(max_size=40), st.sampled_from([b"", *WITH_BOM.values()]))
def test_no_bytes_in_front_hide_what_comes_after(junk: bytes, before: bytes) -> None:
    """A comment of any bytes leaves the documents behind it as they are, or it is an error."""
    comment = b"# " + junk.replace(b"\n", b"").replace(b"\r", b"")
    reading = read(comment + b"\n---\n" + POD.encode())
    assert names(reading) == ["a"]


@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=40), st.sampled_from(["utf-16", "utf-8-sig"]))
def test_an_encoding_changes_nothing_but_the_warning(text: str, encoding: str) -> None:
    plain, encoded = read(f"a: 1\n---\n{text}\n---\n{POD}"), read(f"a: 1\n---\n{text}\n---\n{POD}".encode(encoding))
    assert names(plain) == names(encoded)
    assert problems(plain) == [one for one in problems(encoded) if "UTF-16" not in one]
