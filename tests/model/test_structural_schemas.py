"""What a server stores, prunes and refuses by a structural schema.

The tests of the end-to-end suite compare all of it with the real API server; here is what each part means.
"""

from typing import Any

import pytest

from ringfence.model.structural_schemas import (
    Schema,
    ValidationRule,
    as_stored,
    blocks_rules,
    rule_errors,
    schema_errors,
    unknown_names,
    without_limits,
)

TEXT = Schema(type="string")
PORT = Schema(type="integer", format="int32", minimum=1, maximum=65535)
RANGE = Schema(
    type="object",
    properties={"end": PORT, "start": PORT},
    required=("end", "start"),
    rules=(ValidationRule("Start must be less than end", lambda value: value["start"] < value["end"]),),
)
ENTRY = Schema(
    type="object",
    properties={
        "action": Schema(type="string", enum=("Allow", "Deny")),
        "labels": Schema(type="object", values=TEXT),
        "name": Schema(type="string", max_length=3, pattern="^[a-z]+$"),
        "names": Schema(type="array", items=TEXT, min_items=1, max_items=3, is_set=True),
        "port": PORT,
        "protocol": Schema(type="string", default="TCP"),
        "range": RANGE,
    },
    max_properties=3,
)


def errors(**entry: Any) -> list[str]:
    return [str(error) for error in schema_errors(entry, ENTRY)]


class TestWhatIsStored:
    @pytest.mark.parametrize(
        ("written", "stored"),
        [
            pytest.param({"port": None}, {}, id="a null is an absent field"),
            pytest.param({"protocol": None}, {"protocol": "TCP"}, id="a null has the default"),
            pytest.param({"protocol": ""}, {"protocol": ""}, id="an empty text is a value"),
            pytest.param({"other": 1}, {}, id="unknown fields are pruned"),
            pytest.param({"labels": {"a": "b", "c": None}}, {"labels": {"a": "b"}}, id="a map has any keys"),
            pytest.param({"names": [None]}, {"names": [None]}, id="a null item stays"),
            pytest.param({"port": 80.0}, {"port": 80}, id="a whole number is one"),
            pytest.param({"port": 80.5}, {"port": 80.5}, id="what is refused stays as it is"),
        ],
    )
    def test_fields(self, written: Any, stored: Any) -> None:
        assert as_stored(written, ENTRY) == {"protocol": "TCP"} | stored

    def test_an_open_object_keeps_everything(self) -> None:
        assert as_stored({"a": None, "b": 1.0}, Schema(type="object", is_open=True)) == {"a": None, "b": 1.0}


def test_what_is_pruned_is_named_wherever_it_is() -> None:
    written = {"x": 1, "labels": {"a": {"b": 1}}, "names": {"c": 1}, "range": [{"d": 1}], "port": 80}
    assert dict(unknown_names(written, ENTRY)) == {"x": "x", "labels.a.b": "b", "names.c": "c", "range[0].d": "d"}


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ({"name": 1}, 'name: Invalid value: "integer": name in body must be of type string: "integer"'),
        ({"port": "1"}, 'port: Invalid value: "string": port in body must be of type integer: "string"'),
        ({"port": True}, 'port: Invalid value: "": port in body must be of type int32: ""'),
        ({"names": [None, "a"]}, 'names[0]: Invalid value: "null": names[0] in body must be of type string: "null"'),
        ({"action": "allow"}, 'action: Unsupported value: "allow": supported values: "Allow", "Deny"'),
        ({"name": "abcd"}, "name: Too long: may not be more than 3 bytes"),
        ({"name": "A"}, "name: Invalid value: \"A\": name in body should match '^[a-z]+$'"),
        ({"name": "a\n"}, "name: Invalid value: \"a\\n\": name in body should match '^[a-z]+$'"),
        ({"names": []}, "names: Invalid value: 0: names in body should have at least 1 items"),
        ({"names": ["a", "b", "c", "d"]}, "names: Too many: 4: must have at most 3 items"),
        ({"names": ["a", "a", "a"]}, 'names[1]: Duplicate value: "a"'),
        ({"port": 0}, "port: Invalid value: 0: port in body should be greater than or equal to 1"),
        ({"port": 65536}, "port: Invalid value: 65536: port in body should be less than or equal to 65535"),
        ({"port": 1e6}, "port: Invalid value: 1e+06: port in body should be less than or equal to 65535"),
        ({"range": {"start": 1}}, "range.end: Required value"),
    ],
)
def test_what_is_refused(entry: Any, error: str) -> None:
    assert errors(**entry) == [error]


def test_a_number_of_more_than_32_bits_is_named_where_it_is() -> None:
    first, second = errors(port=2**31)
    assert first == 'port: Invalid value: "": Checked value must be of type integer with format int32 in port'
    assert "less than or equal to 65535" in second


def test_limits_hold_on_the_other_side() -> None:
    assert errors(name="abc", names=["a", "b", "c"], port=65535) == []
    assert errors(name="abc", names=["a"], port=1, action="Deny") == ["Too many: 4: must have at most 3 items"]


class TestRules:
    def test_the_server_prints_no_objects(self) -> None:
        found = rule_errors({"range": {"start": 2, "end": 2}}, ENTRY)
        assert [str(error) for error in found] == ["range: Invalid value: Start must be less than end"]

    @pytest.mark.parametrize(
        ("entry", "blocks"),
        [
            pytest.param({"range": {"start": 1}}, True, id="a value is missing"),
            pytest.param({"name": 1}, True, id="a value has the wrong type"),
            pytest.param({"name": "abcd"}, True, id="a text is too long"),
            pytest.param({"action": "x"}, True, id="a value is not one of those that exist"),
            pytest.param({"names": ["a", "a"]}, False, id="a value is there twice"),
            pytest.param({"port": 0}, False, id="a number is out of bounds"),
        ],
    )
    def test_they_are_looked_at_unless(self, entry: Any, blocks: bool) -> None:
        assert blocks_rules(schema_errors(entry, ENTRY)) is blocks


def test_another_version_may_have_other_limits_and_rules() -> None:
    wider = without_limits(ENTRY)
    entry = {"name": "abcd", "names": ["a", "a", "b", "c"], "range": {"start": 2, "end": 2}}
    assert list(schema_errors(entry, wider)) == list(rule_errors(entry, wider)) == []
    assert [error.path for error in schema_errors({"name": "A", "action": "x"}, wider)] == ["name", "action"]
