"""What a plain YAML scalar means to kubectl."""

import pytest

from ringfence.sources.manifests.scalars import Scalar, key_text, plain_key, resolve, resolve_tagged

TAG = "tag:yaml.org,2002:"
BOOLEANS = {
    True: "y Y yes Yes YES on On ON true True TRUE",
    False: "n N no No NO off Off OFF false False FALSE",
}


@pytest.mark.parametrize(("text", "value"), [(text, value) for value in BOOLEANS for text in BOOLEANS[value].split()])
def test_words_that_are_booleans(text: str, value: bool) -> None:
    assert resolve(text) is value


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
def test_words_that_are_null(text: str) -> None:
    assert resolve(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("010", 8, id="octal, as in C"),
        pytest.param("0777", 511, id="octal permissions"),
        pytest.param("0o10", 8, id="octal of YAML 1.2"),
        pytest.param("0o17", 15, id="another of YAML 1.2"),
        pytest.param("09", 9, id="no octal digits: decimal"),
        pytest.param("08", 8, id="the same"),
        pytest.param("0x1F", 31, id="hexadecimal"),
        pytest.param("-0x1F", -31, id="negative hexadecimal"),
        pytest.param("0b11", 3, id="binary"),
        pytest.param("+5", 5, id="a sign"),
        pytest.param("-0", 0, id="a negative zero"),
        pytest.param("1_000", 1000, id="underscores"),
        pytest.param("0x1_F", 31, id="underscores in hexadecimal"),
        pytest.param("1_0.5", 10.5, id="underscores in a fraction"),
        pytest.param("1e3", 1000, id="an exponent without a dot"),
        pytest.param("12e03", 12000, id="an exponent with a leading zero"),
        pytest.param("0.1e1", 1, id="a fraction that is whole"),
        pytest.param("1e21", 1e21, id="a large exponent"),
        pytest.param("1e-7", 1e-7, id="a negative exponent"),
        pytest.param(".5", 0.5, id="no digit before the dot"),
        pytest.param("1.", 1, id="no digit after the dot"),
        pytest.param("-.5", -0.5, id="a sign before the dot"),
        pytest.param("+.5", 0.5, id="a plus before the dot"),
        pytest.param("1.10", 1.1, id="a version that is a number"),
        pytest.param("0" * 100 + "8", 8.0, id="many zeros"),
    ],
)
def test_numbers(text: str, value: float) -> None:
    number = resolve(text)
    assert isinstance(number, int | float)
    assert not isinstance(number, bool)
    assert number == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param(str(2**64 - 1), 2**64 - 1, id="the largest integer has 64 bits"),
        pytest.param(str(2**64), 2.0**64, id="a larger one is rounded"),
        pytest.param("12345678901234567890123", 12345678901234567890123.0, id="a much larger one, too"),
        pytest.param(str(-(2**63)), -(2**63), id="the smallest integer has a sign and 63 bits"),
        pytest.param(str(-(2**63) - 1), -(2.0**63), id="a smaller one is rounded"),
        pytest.param(f"0b{'1' * 64}", 2**64 - 1, id="the largest one in binary"),
        pytest.param(f"-0b1{'0' * 63}", -(2**63), id="the smallest one in binary"),
        pytest.param(f"0b1{'0' * 64}", f"0b1{'0' * 64}", id="larger ones in binary are texts"),
        pytest.param("-0x8000000000000001", "-0x8000000000000001", id="smaller ones in hexadecimal are texts"),
    ],
)
def test_integers_have_64_bits(text: str, value: Scalar) -> None:
    assert (resolve(text), type(resolve(text))) == (value, type(value))


@pytest.mark.parametrize(
    "text",
    [
        *("nO", "yEs", "tRUE", "nULL", "oN"),
        *("0b2", "0x", "0o", "0o8", "0x_", "1e", ".", "+", "-.", "._5", "_1", "1e400", "9" * 5000),
        *("22:22", "190:20:30", "1_000:20"),
        *("2020-01-01", "2020-01-01T00:00:00Z", "2024-01-01 10:00:00"),
        *("=", "<<", "1,000", "::/0", "2001:db8::/32", "10.0.0.0/8", "1.2.3", "inf", "NaN", "٣"),
    ],
)
def test_everything_else_is_text(text: str) -> None:
    assert resolve(text) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [(".inf", "+Inf"), (".Inf", "+Inf"), ("+.INF", "+Inf"), ("-.inf", "-Inf"), (".nan", "NaN"), (".NaN", "NaN")],
)
def test_numbers_that_json_does_not_have(text: str, value: str) -> None:
    with pytest.raises(ValueError, match="json: unsupported value: ") as error:
        resolve(text)
    assert str(error.value).endswith(value)


@pytest.mark.parametrize(
    ("text", "tag", "value"),
    [
        ("5", f"{TAG}str", "5"),
        ("y", f"{TAG}str", "y"),
        ("5", f"{TAG}int", 5),
        ("yes", f"{TAG}bool", True),
        ("", f"{TAG}null", None),
        ("5", f"{TAG}float", 5),
        ("5.5", f"{TAG}float", 5.5),
        ("2020-01-01", f"{TAG}timestamp", "2020-01-01"),
        ("aGVsbG8=", f"{TAG}binary", "hello"),
        ("5", "!", "5"),
        ("5", "!own", "5"),
        pytest.param("5", "int", "5", id="a tag of one's own that has the name of one of YAML"),
    ],
)
def test_tags(text: str, tag: str, value: Scalar) -> None:
    found = resolve_tagged(text, tag)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "tag", "error"),
    [
        ("x", "int", "yaml: cannot decode !!str `x` as a !!int"),
        ("5.0", "int", "yaml: cannot decode !!float `5.0` as a !!int"),
        ("x", "null", "yaml: cannot decode !!str `x` as a !!null"),
        ("x", "bool", "yaml: cannot decode !!str `x` as a !!bool"),
        ("x", "float", "yaml: cannot decode !!str `x` as a !!float"),
        ("5", "bool", "yaml: cannot decode !!int `5` as a !!bool"),
        ("!", "binary", "yaml: !!binary value contains invalid base64 data"),
    ],
)
def test_a_tag_that_does_not_fit_the_text(text: str, tag: str, error: str) -> None:
    with pytest.raises(ValueError, match="yaml: ") as raised:
        resolve_tagged(text, TAG + tag)
    assert str(raised.value) == error


@pytest.mark.parametrize(
    ("text", "key"),
    [
        *(("1", "1"), ("010", "8"), ("1.5", "1.5"), ("1e3", "1000"), ("1e21", "1e+21"), ("-0.5", "-0.5")),
        *(("123456.7", "123456.7"), ("1e5", "100000"), ("1234567.5", "1.2345675e+06"), ("1e6", "1e+06")),
        *(("1e-4", "0.0001"), ("1e-5", "1e-05"), ("0.0", "0"), ("-0.0", "-0"), ("1e-46", "0")),
        *(("true", "true"), ("yes", "true"), ("y", "true"), ("on", "true"), ("off", "false")),
        *(("app", "app"), ("2020-01-01", "2020-01-01"), ("<<", "<<"), ("=", "=")),
        pytest.param("1.23456789", "1.2345679", id="Go writes keys with the digits of a 32-bit float"),
        pytest.param("1003.02936", "1003.02936", id="a 32-bit float may need nine digits"),
        pytest.param("1.5e39", ".inf", id="a number beyond 32 bits"),
        pytest.param("-1.5e39", "-.inf", id="a negative one"),
    ],
)
def test_keys_are_texts(text: str, key: str) -> None:
    assert plain_key(text) == key


@pytest.mark.parametrize("value", [None, {}, []])
def test_values_that_make_no_key(value: object) -> None:
    with pytest.raises(ValueError, match="map key"):
        key_text(value)
