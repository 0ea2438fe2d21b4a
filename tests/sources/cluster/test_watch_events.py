"""The stream of a watch: lines, and the events on them."""

import msgspec
import pytest

from ringfence.sources.cluster import watch_events
from ringfence.sources.cluster.responses import ApiStatus
from ringfence.sources.cluster.watch_events import LineError, ObjectKey, event_of, key_of, lines, status_of


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_lines_are_whole_however_the_stream_is_cut(size: int) -> None:
    text = b"one\n\ntwo\nthree\r\nfo\xc3\xbcr\nhalf"
    chunks = [text[start : start + size] for start in range(0, len(text), size)]
    assert list(lines(chunks)) == [b"one", b"two", b"three\r", b"fo\xc3\xbcr"]


def test_a_line_without_an_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_events, "LONGEST_LINE", 1 << 20)
    endless = iter(lambda: b"x" * 65_536, b"")
    with pytest.raises(LineError, match="a line of more than 1 MiB"):
        list(lines(endless))


def test_many_short_lines_are_not_one_long_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_events, "LONGEST_LINE", 10)
    assert list(lines([b"12345678\n12", b"345678\n", b"1234567890", b"\n"])) == [
        b"12345678",
        b"12345678",
        b"1234567890",
    ]


def test_an_event_has_a_type_and_an_object() -> None:
    event = event_of(b'{"type": "ADDED", "object": {"a": 1}}')
    assert (event.type, bytes(event.object)) == ("ADDED", b'{"a": 1}')


@pytest.mark.parametrize("line", [b"{}", b"[]", b'{"type": "ADDED"}', b"\xff", b"[" * 100_000])
def test_another_line_is_an_error_that_quotes_its_beginning(line: bytes) -> None:
    with pytest.raises(LineError, match="a line that is not an event") as error:
        event_of(line)
    assert len(str(error.value)) < 500


@pytest.mark.parametrize(
    ("item", "key"),
    [
        (b'{"metadata": {"namespace": "a", "name": "b", "resourceVersion": "7"}}', ObjectKey("a", "b", "7")),
        (b'{"metadata": {"name": "b", "resourceVersion": 7}}', ObjectKey("", "b", "")),
        (b'{"metadata": 5}', ObjectKey()),
        (b"5", ObjectKey()),
    ],
)
def test_the_name_of_an_object_is_read_as_far_as_it_can_be(item: bytes, key: ObjectKey) -> None:
    assert key_of(msgspec.Raw(item)) == key


def test_an_error_event_has_a_status() -> None:
    status = status_of(msgspec.Raw(b'{"code": 410, "message": "too old", "reason": "Expired"}'))
    assert status == ApiStatus(410, "too old", "Expired")
