"""The map of a change: its elements, their distinction without colours, and what it leaves out."""

from unittest.mock import patch
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st
from tests.analysis.differences.test_difference_by_lists import changes
from tests.render import hostile_text
from tests.render.pictures.drawn_geometry import mistakes
from tests.render.pictures.test_maps import SVG, texts, tooltips
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, admits, block, labelled, pod, pods, policy, port, workload

from ringfence.analysis.differences import ChangedArrows, ClusterDifference, PolicyCount, changed_arrows
from ringfence.engine.population import Reference
from ringfence.render.pictures.changes import changes_picture
from ringfence.render.pictures.drawing import Picture

WEB, DB = (pod(f"shop/{name}", {"app": name}) for name in ("web", "db"))


def picture(before: list[Object], after: list[Object], most: int = 150) -> Picture:
    old, new = cluster_of(before), cluster_of(after)
    found = old.diff(new)
    return changes_picture(found, changed_arrows(found, old.state, new.state, most), "a summary")


def admitting(*numbers: int, app: str = "web") -> Object:
    """A policy of the database that admits some pods on some ports."""
    rule = admits(pods(labelled(app=app)), ports=[port(number) for number in numbers])
    return policy("shop/db", labelled(app="db"), ingress=[rule])


def edges(svg: str) -> list[str]:
    """The classes of the arrows that are not in the legend."""
    groups = [group.find(f"{SVG}path") for group in ElementTree.fromstring(svg).iter(f"{SVG}g")]
    return [str(path.get("class")) for path in groups if path is not None]


def test_what_was_opened_has_a_plus_what_was_closed_a_minus_and_what_stays_neither() -> None:
    svg = picture([WEB, DB, admitting(80, 81)], [WEB, DB, admitting(80, 82)]).svg
    assert {"+ 82", "- 81", "80", "+ opened", "- closed", "as before"} <= set(texts(svg))
    assert sorted(edges(svg)) == ["edge closed", "edge kept", "edge kept", "edge opened"]
    assert "opened: shop/web -> shop/db: TCP 82" in tooltips(svg)


def test_workloads_that_do_not_change_are_not_drawn() -> None:
    others = [pod("shop/other"), pod("bar/other")]
    svg = picture([WEB, DB, *others, admitting(80)], [WEB, DB, *others, admitting(81)]).svg
    assert {"web", "db"} <= set(texts(svg))
    assert "other" not in texts(svg)
    assert "bar" not in texts(svg)


def test_changes_that_have_no_arrow_are_lines_in_boxes() -> None:
    db = workload("shop/db", "StatefulSet", {**DB, "spec": {}}, replicas=3)
    closed = policy(
        "shop/db", labelled(app="db"), ingress=[admits(block("0.0.0.0/0"), block("::/0"), ports=[port(80)])]
    )
    shown = set(texts(picture([WEB, db], [db, pod("shop/new"), closed]).svg))
    assert {"- removed", "+ added", "! now isolated for ingress"} <= shown
    assert any(line.startswith("- ↻ each other:") for line in shown)
    assert any(line.startswith("- ⇠ from any address:") for line in shown)


def test_workloads_that_change_alike_are_one_box() -> None:
    many = [pod(f"shop/web-{number}", {"app": "web"}) for number in range(5)]
    shown = picture([*many, DB, admitting(80)], [*many, DB, admitting(81)])
    assert shown.size == 2
    assert {"web-0 +4", "+ 81", "- 80"} <= set(texts(shown.svg))


def test_of_too_many_boxes_those_with_the_fewest_changes_are_left_out_and_counted() -> None:
    many = [pod(f"n{number}/web", {"app": "web"}) for number in range(12)]
    rule: Object = {"from": [{"namespaceSelector": {}}]}
    shown = picture([*many, DB, policy("shop/db", ingress=[])], [*many, DB, policy("shop/db", ingress=[rule])], 10)
    assert (shown.size, shown.left_out) == (13, 3)
    assert "shop" in texts(shown.svg)
    assert "3 of 13 boxes are not drawn: those with the fewest changes." in texts(shown.svg)


@given(st.lists(hostile_text.texts, min_size=2, max_size=3, unique=True), hostile_text.texts)
def test_hostile_names_become_neither_elements_nor_attributes(names: list[str], summary: str) -> None:
    shapes = []
    for words, said in ((names, summary), ([f"n{number}" for number in range(len(names))], "said")):
        added = tuple(Reference(word, "Pod", word) for word in words)
        found = ClusterDifference((), (), added, (), 0, PolicyCount(0, 0, 0), None, (), (), (), ())
        ends = tuple((one,) for one in added)
        svg = changes_picture(found, ChangedArrows(ends, (), len(ends), has_kept=True), said).svg
        shapes.append({(one.tag, tuple(one.attrib)) for one in ElementTree.fromstring(svg).iter()})
    assert shapes[0] == shapes[1]


def test_a_change_of_nothing_is_a_picture_that_says_so() -> None:
    svg = picture([WEB, DB], [WEB, DB]).svg
    assert texts(svg) == ["What the change opens and closes", "a summary"]


def test_what_opens_and_what_closes_comes_first() -> None:
    svg = picture([WEB, DB, admitting(80, 81)], [WEB, DB, admitting(80, 82)]).svg
    assert texts(svg)[2:8] == [
        "+ opened",
        "+ shop/web -> shop/db: 82",
        "- closed",
        "- shop/web -> shop/db: 81",
        "as before",
        "shop",
    ]


def test_of_many_opened_connections_those_between_the_most_workloads_are_listed_and_the_others_counted() -> None:
    webs = [pod(f"shop/web-{number}", {"app": "web"}) for number in range(3)]
    others = [pod(f"n{number}/a") for number in range(8)]
    spaces = [
        admits({"namespaceSelector": labelled(**{"kubernetes.io/metadata.name": f"n{number}"})}) for number in range(8)
    ]
    closed = policy("shop/db", labelled(app="db"), ingress=[])
    opened = policy("shop/db", labelled(app="db"), ingress=[admits(pods(labelled(app="web"))), *spaces])
    shown = texts(picture([*webs, *others, DB, closed], [*webs, *others, DB, opened]).svg)
    assert shown[3:9] == [
        "+ shop/web-0 +2 -> shop/db: all",
        *(f"+ n{one}/a -> shop/db: all" for one in range(4)),
        "and 4 more",
    ]


def many_changes() -> tuple[list[Object], list[Object]]:
    """A change that opens something else for each of 27 workloads in nine namespaces."""
    many = [pod(f"n{number % 9}/p{number}", {"app": f"a{number}"}) for number in range(27)]
    closed = [policy(f"n{number}/closed", ingress=[]) for number in range(9)]
    rules = [
        policy(
            f"n{number % 9}/p{number}",
            labelled(app=f"a{number}"),
            ingress=[admits({"namespaceSelector": {}}, ports=[port(80 + number)])],
        )
        for number in range(27)
    ]
    return [*many, *closed], [*many, *closed, *rules]


def test_many_changes_are_drawn_by_namespace_with_the_number_of_pairs() -> None:
    shown = texts(picture(*many_changes()).svg)
    assert {"namespaces", *(f"n{number}" for number in range(9))} <= set(shown)
    line = shown.index("+ ⇠ from 8 namespaces:")
    assert shown[line + 1] == "  87,96,105 ×72"  # each of three workloads from 24 others
    assert "+ ↻ each other: 80,89,98 ×6" in shown
    assert "The change is drawn by namespace, because it is too large for a box for each workload." in shown
    assert "+ 8 namespaces -> n8: 88,97,106 ×72" in shown


def test_workloads_that_all_change_alike_towards_others_are_one_more_box() -> None:
    made = [pod(f"shop/{name}", {"app": name}) for name in "abcd"]
    each = [
        policy(f"shop/{name}", labelled(app=name), ingress=[admits(pods({}), ports=[port(number)])])
        for number, name in enumerate("abcd", 80)
    ]
    closed = policy("shop/all", ingress=[])
    with patch("ringfence.analysis.differences.arrows_of_change.MOST_ARROWS", 4):
        svg = picture([*made, closed], [*made, closed, *each]).svg
    assert {"all 4 that change", "a", "b", "c", "d", "dashed border: all workloads of a namespace that change"} <= set(
        texts(svg)
    )
    assert edges(svg) == ["edge opened"] * 4


@given(changes(), st.sampled_from([0, 3, 60]))
def test_nothing_in_the_map_of_a_change_overlaps_or_is_cut(
    change: tuple[list[Object], list[Object]], most: int
) -> None:
    with (
        patch("ringfence.analysis.differences.arrows_of_change.MOST_ARROWS", most),
        patch("ringfence.analysis.differences.namespace_changes.MOST_ARROWS", most),
    ):
        assert mistakes(picture(*change).svg) == []


def test_nothing_in_the_map_of_many_changes_overlaps_or_is_cut() -> None:
    assert mistakes(picture(*many_changes()).svg) == []
