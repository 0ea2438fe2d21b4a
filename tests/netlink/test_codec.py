"""The codec for messages and attributes, as `<linux/netlink.h>` defines them."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.netlink.codec import (
    HEADER_SIZE,
    Message,
    aligned,
    attribute,
    attributes,
    decode_messages,
    each_attribute,
    encode_message,
    nested,
    read_string,
    read_uint,
    string,
    uint32,
)

values = st.binary(max_size=40)


@given(st.lists(st.tuples(st.integers(0, 0x3FFF), values)))
def test_attributes_are_read_as_they_were_written(some: list[tuple[int, bytes]]) -> None:
    encoded = b"".join(attribute(type, value) for type, value in some)
    assert list(each_attribute(encoded)) == some
    assert len(encoded) % 4 == 0


def test_an_attribute_has_its_length_its_type_and_padding_that_the_length_does_not_count() -> None:
    assert attribute(7, b"abc") == struct.pack("=HH", 7, 7) + b"abc\0"
    assert nested(7, b"") == struct.pack("=HH", 4, 7 | 0x8000)


def test_the_last_of_several_attributes_of_a_type_counts() -> None:
    assert attributes(attribute(1, b"a") + nested(2, attribute(3, b"b")) + attribute(1, b"c")) == {
        1: b"c",
        2: attribute(3, b"b"),
    }


def test_numbers_are_big_endian_and_verdicts_negative() -> None:
    assert uint32(1, 258)[4:] == b"\0\0\1\2"
    assert uint32(1, -3)[4:] == b"\xff\xff\xff\xfd"
    assert read_uint(b"\0\0\1\2") == 258
    assert read_uint(b"") == 0


def test_names_end_with_a_zero_and_no_two_names_read_as_one() -> None:
    assert string(1, "ab")[4:7] == b"ab\0"
    assert read_string(b"ab\0") == "ab"
    assert read_string(b"\xff\0") != read_string(b"\xfe\0")


@given(values)
def test_any_bytes_are_read_as_attributes_without_end_or_error(encoded: bytes) -> None:
    list(each_attribute(encoded))


@given(st.lists(st.builds(Message, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), values), max_size=5))
def test_messages_are_read_as_they_were_written(some: list[Message]) -> None:
    encoded = [encode_message(*one) for one in some]
    padded = b"".join(one + bytes(aligned(len(one)) - len(one)) for one in encoded)
    assert list(decode_messages(padded)) == some


@pytest.mark.parametrize("length", [0, HEADER_SIZE - 1, 100])
def test_a_message_that_is_cut_off_is_an_error(length: int) -> None:
    """It is not the beginning of an endless loop."""
    message = struct.pack("=IHHII", length, 3, 0, 1, 0)
    with pytest.raises(OSError, match="truncated"):
        list(decode_messages(message))
    with pytest.raises(OSError, match="truncated"):
        list(decode_messages(message[:8]))
