"""The map: its elements and its texts."""

import re
from ipaddress import ip_network
from unittest.mock import patch
from xml.etree import ElementTree
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.analysis.lists.test_folded_lists import PODS, SETS, random_connections
from tests.render import hostile_text
from tests.render.pictures.drawn_geometry import mistakes

from ringfence.analysis.lists.arrows import folded_arrows
from ringfence.analysis.lists.connections import Connection
from ringfence.analysis.lists.folded_lists import Folding, folded
from ringfence.analysis.lists.folded_views import FoldedView
from ringfence.engine.population import Reference
from ringfence.render.pictures.boxes import MOST_ARROWS
from ringfence.render.pictures.maps import drawn_map, map_picture, too_many_arrows
from ringfence.render.pictures.matrices import matrix_picture
from ringfence.render.pictures.outside_lines import wrapped_lines
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic

SVG = "{http://www.w3.org/2000/svg}"
MARKS = re.compile(" (any address|everyone): ")
DNS = Traffic.of("UDP", ((53, 53),))


def view(found: list[Connection], ends: list[Reference], several: list[Reference] | None = None) -> FoldedView:
    many = frozenset(several or ())
    list_ = folded(ends, ends, found, many, folding=Folding(least=len(ends) + 1, within_namespaces=True))
    return FoldedView(list_, many, frozenset(ends), from_outside=True, to_outside=True)


def texts(svg: str) -> list[str]:
    return [one.text or "" for one in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def tooltips(svg: str) -> list[str]:
    return [
        one.text or "" for group in ElementTree.fromstring(svg).iter(f"{SVG}g") for one in group.iter(f"{SVG}title")
    ]


def test_a_box_says_what_everybody_may_do_and_an_arrow_what_one_may() -> None:
    pods = [Reference("shop", "Deployment", name) for name in "abcde"]
    names = Reference("kube-system", "Deployment", "coredns")
    found = [Connection(pod, names, DNS) for pod in pods]
    found += [Connection(pods[0], pods[1], ALL_TRAFFIC), Connection(ALL_ADDRESSES, pods[0], DNS)]
    picture = map_picture(view(found, [*pods, names]))
    shown = texts(picture.svg)
    assert {
        "kube-system",
        "shop",
        "coredns",
        "a",
        "⇠ from everyone: 53/UDP",
        "⇠ from any address: 53/UDP",
        "all",
    } <= set(shown)
    assert "a -> b: all" in tooltips(picture.svg)
    assert picture.svg.count("marker-end") == 1


def test_what_all_of_a_namespace_may_do_among_themselves_is_a_line_in_their_box() -> None:
    pods = [Reference("shop", "Deployment", name) for name in "abc"]
    others = [Reference("other", "Deployment", name) for name in "defghijk"]
    found = [Connection(one, other, DNS) for one in pods for other in pods if one != other]
    found += [Connection(one, other, ALL_TRAFFIC) for one, other in zip(pods, others, strict=False)]
    picture = map_picture(view(found, [*pods, *others]))
    assert {"all in shop", "↻ each other: 53/UDP"} <= set(texts(picture.svg))
    assert picture.svg.count("marker-end") == 3


def test_a_box_of_many_addresses_has_few_lines_and_says_how_many_more_there_are() -> None:
    web = Reference("shop", "Deployment", "web")
    blocks = Addresses.of(*(ip_network(f"10.0.{2 * number}.0/24") for number in range(20)))
    picture = map_picture(view([Connection(blocks, web, DNS)], [web]))
    assert [text for text in texts(picture.svg) if text.startswith(("10.0.", "and "))][-1] == "and 13 more"
    assert any("10.0.38.0/24" in text for text in tooltips(picture.svg))


@pytest.mark.parametrize(("number", "are_boxes"), [(6, True), (7, False)])
def test_of_too_many_addresses_each_connection_is_a_line_in_a_box(number: int, are_boxes: bool) -> None:
    pods = [Reference("shop", "Deployment", name) for name in "ab"]
    blocks = [Addresses.of(ip_network(f"10.{one}.0.0/16")) for one in range(number)]
    left_out = [block - Addresses.of(ip_network(f"10.{one}.1.0/24")) for one, block in enumerate(blocks)]
    found = [Connection(one, pods[0], DNS) for one in left_out]
    found += [Connection(pods[1], left_out[0], ALL_TRAFFIC), Connection(pods[0], pods[1], DNS)]
    picture = map_picture(view(found, pods))
    assert picture.svg.count("marker-end") == (number + 2 if are_boxes else 1)
    assert ("outside the cluster" in texts(picture.svg)) is are_boxes
    lines = {"⇠ from 10.1.0.0/16 except 1: 53/UDP", "⇢ to 10.0.0.0/16 except 1: all"}
    assert lines.isdisjoint(texts(picture.svg)) if are_boxes else lines <= set(texts(picture.svg))
    in_full = [f"⇠ from 10.{one}.0.0/16 except 10.{one}.1.0/24: 53/UDP" for one in range(number)]
    assert ("; ".join(["shop/Deployment/a", *in_full]) in tooltips(picture.svg)) is not are_boxes
    note = "10.1.0.0/16 except 1: 10.1.0.0/16 except 10.1.1.0/24"
    assert (note in texts(picture.svg)) is not are_boxes


def test_addresses_of_a_whole_namespace_are_lines_in_its_box() -> None:
    pods = [Reference("shop", "Deployment", name) for name in "ab"]
    blocks = [Addresses.of(ip_network(f"10.{one}.0.0/16")) for one in range(7)]
    drawn = drawn_map(view([Connection(pod, block, DNS) for block in blocks for pod in pods], pods))
    assert drawn.boxes["shop"].lines == ("all in shop", *(f"⇢ to 10.{one}.0.0/16: 53/UDP" for one in range(7)))
    assert not drawn.edges


def test_a_line_about_addresses_that_is_too_long_has_its_traffic_below() -> None:
    web = Reference("shop", "Deployment", "web")
    ports = Traffic.of("TCP", ((5432, 5432), (9187, 9187)))
    blocks = [Addresses.of(ip_network(f"203.{one}.0.0/16")) for one in range(101, 108)]
    found = [Connection(block, web, DNS) for block in blocks[1:]]
    found.append(Connection(blocks[0] - Addresses.of(ip_network("203.101.9.0/24")), web, ports, is_partial=True))
    drawn = drawn_map(view(found, [web]))
    assert drawn.boxes[0].lines[1:4] == (
        "⇠ from 203.101.0.0/16 except 1:",
        "  ~5432,9187",
        "⇠ from 203.102.0.0/16: 53/UDP",
    )
    assert "~: for some of the pods only" in drawn.notes


@given(random_connections, st.sampled_from(["boxes", "lines"]))
def test_each_connection_with_addresses_is_said_once(found: list[Connection], how: str) -> None:
    limit = 100 if how == "boxes" else 0
    with patch("ringfence.render.pictures.outside_lines.MOST_OUTSIDE_BOXES", limit):
        drawn = drawn_map(view(found, PODS + SETS, SETS))
    outside = {place for place, box in enumerate(drawn.boxes.values()) if "outside" in box.style}
    edges = [one for one in drawn.edges if {one.start, one.end} & outside]
    said = [part for box in drawn.boxes.values() for part in box.tooltip.split("; ")]
    lines = [part for part in said if part.startswith(("⇠ from ", "⇢ to ")) and not MARKS.search(part)]
    assert len(edges if how == "boxes" else lines) == addressed(view(found, PODS + SETS, SETS))
    assert not (lines if how == "boxes" else edges)


def addressed(shown: FoldedView) -> int:
    """The number of arrows with addresses."""
    arrows = folded_arrows(shown.found).arrows
    return sum(isinstance(one.source, Addresses) or isinstance(one.destination, Addresses) for one in arrows)


def test_a_box_that_most_addresses_may_open_has_the_border_of_one_that_any_may() -> None:
    web = Reference("shop", "Deployment", "web")
    most = ALL_ADDRESSES - Addresses.of(ip_network("203.0.113.0/24"))
    for blocks, is_open in ((most, True), (Addresses.of(ip_network("203.0.113.0/24")), False)):
        drawn = drawn_map(view([Connection(blocks, web, DNS)], [web]))
        assert ("loud" in drawn.boxes[0].style) is is_open


def test_a_workload_without_connections_is_drawn() -> None:
    alone = Reference("shop", "Deployment", "alone")
    assert "alone" in texts(map_picture(view([], [alone])).svg)


def test_a_kind_is_named_only_where_two_have_the_same_name() -> None:
    both = [Reference("shop", kind, "web") for kind in ("Deployment", "StatefulSet")]
    other = Reference("shop", "Deployment", "api")
    shown = texts(map_picture(view([], [*both, other])).svg)
    assert {"Deployment/web", "StatefulSet/web", "api"} <= set(shown)


def test_of_too_many_boxes_those_with_the_fewest_connections_are_one_that_counts_them() -> None:
    pods = [Reference("shop", "Pod", f"p{number:03}") for number in range(160)]
    found = [Connection(pods[159], pod, DNS) for pod in pods[:100]]
    picture = map_picture(view(found, pods))
    assert (picture.size, picture.left_out) == (160, 11)
    assert {"p159", "11 more pods"} <= set(texts(picture.svg))


def test_of_too_many_arrows_fewer_boxes_are_drawn() -> None:
    pods = [Reference(f"n{number % 5}", "Pod", f"p{number:03}") for number in range(100)]
    pairs = ((one, other) for one in pods for other in pods if one != other)
    found = [Connection(*pair, DNS) for pair in pairs if crc32(str(pair).encode()) % 4 == 0]
    drawn = drawn_map(view(found, pods))
    assert 0 < len(drawn.edges) <= MOST_ARROWS
    assert drawn.left_out


def test_a_class_that_is_all_of_its_namespace_is_counted() -> None:
    pods = [Reference("shop", "Deployment", name) for name in "abc"]
    many = frozenset[Reference]()
    list_ = folded(pods, pods, [], many, folding=Folding(within_namespaces=True))
    picture = map_picture(FoldedView(list_, many, frozenset(pods), from_outside=True, to_outside=True))
    assert "3 workloads" in texts(picture.svg)
    assert "3 workloads in shop: a, b, c" in texts(picture.svg)


@given(random_connections)
def test_each_cell_of_the_matrix_says_what_the_list_says(found: list[Connection]) -> None:
    shown = view(found, PODS + SETS, SETS)
    pairs = [one for one in found if isinstance(one.source, Reference) and isinstance(one.destination, Reference)]
    said = tooltips(matrix_picture(shown).svg)
    names = set(map(str, PODS + SETS))
    between = [text for text in said if set(text.partition(": ")[0].split(" -> ")) <= names and " -> " in text]
    assert sorted(between) == sorted(map(str, pairs))


@given(st.lists(hostile_text.texts, min_size=2, max_size=4, unique=True))
def test_hostile_names_become_neither_elements_nor_attributes(names: list[str]) -> None:
    pods = [Reference(name, "Pod", name) for name in names]
    plain = [Reference(f"n{number}", "Pod", f"n{number}") for number in range(len(names))]
    for draw in (map_picture, matrix_picture):
        shapes = []
        for ends in (pods, plain):
            found = [Connection(ends[0], ends[1], DNS)]
            root = ElementTree.fromstring(draw(view(found, ends)).svg)
            shapes.append(sorted((one.tag, tuple(one.attrib)) for one in root.iter()))
        assert {tag for tag, _ in shapes[0]} == {tag for tag, _ in shapes[1]}
        assert {attributes for _, attributes in shapes[0]} == {attributes for _, attributes in shapes[1]}


@given(random_connections)
def test_the_same_connections_are_the_same_bytes_in_whatever_order(found: list[Connection]) -> None:
    ends = [*PODS, *SETS]
    pods = [one for one in found if isinstance(one.source, Reference) and isinstance(one.destination, Reference)]
    outside = [one for one in found if one not in pods]  # in lists these are in the order of the addresses
    for draw in (map_picture, matrix_picture):
        assert draw(view(pods + outside, ends, SETS)) == draw(view(outside + pods[::-1], ends[::-1], SETS))


def test_the_marks_of_small_cells_are_in_the_legend_and_before_the_notes() -> None:
    pods = [Reference("shop", "Deployment", f"p{number:02}") for number in range(31)]
    block = Addresses.of(ip_network("10.0.0.0/24"))
    found = [
        Connection(pods[0], pods[1], DNS),
        Connection(ALL_ADDRESSES, pods[2], DNS),
        Connection(pods[3], block, DNS),
    ]
    large, small = (texts(matrix_picture(view(found, some)).svg) for some in (pods[:4], pods))
    assert {mark: small.count(mark) for mark in "◐!"} == {"◐": 3, "!": 2}  # two cells and one, and the legend
    assert "◐ shop/Deployment/p03 -> 10.0.0.0/24: UDP 53" in small
    assert {"! 53/UDP", "!", "* shop/Deployment/p03 -> 10.0.0.0/24: UDP 53"} <= set(large)


@given(random_connections, st.sampled_from(["all boxes", "few columns", "lines"]))
def test_nothing_in_a_picture_overlaps_or_is_cut(found: list[Connection], how: str) -> None:
    with (
        patch("ringfence.render.pictures.outside_lines.MOST_OUTSIDE_BOXES", 0 if how == "lines" else 100),
        patch("ringfence.render.pictures.layers.MOST_COLUMNS", 2 if how == "few columns" else 5),
    ):
        shown = view(found, PODS + SETS, SETS)
        assert mistakes(map_picture(shown).svg) == []
        assert mistakes(matrix_picture(shown).svg) == []


def test_a_map_of_one_namespace_is_as_it_is_however_many_arrows_it_has() -> None:
    with patch("ringfence.render.pictures.maps.READABLE_ARROWS", 0):
        for spaces, number in (("shop", "shop"), 0), (("shop", "other"), 1):
            ends = [Reference(space, "Deployment", name) for space, name in zip(spaces, "ab", strict=True)]
            assert too_many_arrows(view([Connection(ends[0], ends[1], DNS)], ends)) == number


def test_a_long_line_without_traffic_is_cut_and_one_with_traffic_is_divided() -> None:
    long = "x" * 60
    assert list(wrapped_lines([f"  but {long}", f"{long}: all", "↻ each other: all"])) == [
        f"  but {long}",
        f"{long}:",
        "  all",
        "↻ each other: all",
    ]


def test_a_matrix_without_rows_is_drawn() -> None:
    nothing = frozenset[Reference]()
    picture = matrix_picture(FoldedView(folded([], [], []), nothing, nothing, from_outside=False, to_outside=False))
    assert picture.svg.startswith("<svg")
