"""Where a field is written, and what is nearest to one whose place is not known."""

import pytest

from ringfence.model.origin import FieldRanges, Origin, Place, Range

ORIGIN = Origin(
    "db.yaml",
    line=3,
    fields={
        "": FieldRanges(Range(3, 1, 20, 9)),
        "spec": FieldRanges(Range(6, 3, 20, 9), key=Range(5, 1, 5, 5)),
        "spec.ingress": FieldRanges(Range(8, 3, 20, 9), key=Range(7, 3, 7, 10)),
        "spec.ingress[0]": FieldRanges(Range(8, 5, 12, 9)),
        "spec.ingress[1]": FieldRanges(Range(13, 5, 20, 9)),
        "spec.ingress[1].ports": FieldRanges(Range(13, 12, 13, 24), key=Range(13, 5, 13, 10)),
    },
)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        pytest.param("spec.ingress", Place("db.yaml", 7, 3, 20, 9), id="a field is from its key to its end"),
        pytest.param("spec.ingress[1]", Place("db.yaml", 13, 5, 20, 9), id="an item has no key"),
        pytest.param("spec.ingress[1].from", Place("db.yaml", 13, 5, 20, 9), id="a missing field is in its item"),
        pytest.param("spec.ingress[2]", Place("db.yaml", 7, 3, 20, 9), id="an unknown index is in its list"),
        pytest.param("spec.ingress[2].ports[0].port", Place("db.yaml", 7, 3, 20, 9), id="and so is all that it has"),
        pytest.param("spec.egress", Place("db.yaml", 5, 1, 20, 9), id="a missing list is in the spec"),
        pytest.param("metadata.name", Place("db.yaml", 3, 1, 20, 9), id="what is nowhere else is in the object"),
        pytest.param("specification", Place("db.yaml", 3, 1, 20, 9), id="a name that begins like another is not in it"),
        pytest.param("", Place("db.yaml", 3, 1, 20, 9), id="the object"),
    ],
)
def test_the_nearest_place(path: str, place: Place) -> None:
    assert ORIGIN.at(path) == place


def test_a_key_has_a_place_of_its_own() -> None:
    assert ORIGIN.key_at("spec.ingress[1].ports") == Place("db.yaml", 13, 5, 13, 10)
    assert ORIGIN.key_at("spec.ingress[1]") == ORIGIN.at("spec.ingress[1]")
    assert ORIGIN.key_at("spec.egress") == ORIGIN.at("spec.egress")


def test_an_object_without_places_is_where_it_starts() -> None:
    assert Origin("pods.json", 7).at("spec.containers[0]") == Place("pods.json", 7)
    assert Origin("https://127.0.0.1:6443").at("spec") == Place("https://127.0.0.1:6443")


def test_an_alias_whose_value_stands_further_up() -> None:
    field = FieldRanges(Range(2, 5, 3, 9), key=Range(7, 3, 7, 9))
    assert field.whole == Range(7, 3, 7, 9)


class TestPlace:
    def test_text_names_file_and_line(self) -> None:
        assert str(Place("db.yaml", 7, 3, 20, 9)) == "db.yaml:7"
        assert str(Place("db.yaml", 7)) == "db.yaml:7"
        assert str(Place("db.yaml")) == "db.yaml"

    def test_the_range_is_known_or_not(self) -> None:
        part = Range(7, 3, 20, 9)
        assert Place.of("db.yaml", part).range == part
        assert Place("db.yaml", 7).range is None

    def test_order_is_that_of_the_files_and_the_texts_in_them(self) -> None:
        ordered = [
            Place("a"),
            Place("a", 2),
            Place("a", 2, 1, 9, 9),
            Place("a", 2, 5, 2, 6),
            Place("a", 10),
            Place("b"),
        ]
        shuffled = [ordered[index] for index in (3, 0, 5, 1, 4, 2)]
        assert sorted(shuffled) == ordered
