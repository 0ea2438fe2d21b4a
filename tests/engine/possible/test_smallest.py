"""Possible pods as selectors: exact, disjoint, and as few as a person would write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.possible_pods import label_sets

from ringfence.engine.policies import PodSelection
from ringfence.engine.population import NAME_LABEL, Namespaces
from ringfence.engine.possible import Budget, PossiblePods, Smallest, Undecided, Universe
from ringfence.model.selector_text import parse_selector
from ringfence.sets.regions import OrderedAxis, Region

EXISTING = {"dev": {"team": "shop"}, "prod": {"team": "shop", "env": "prod"}, "tools": {}}
NAME = "kubernetes.io/metadata.name"


@pytest.fixture
def universe() -> Universe:
    """A universe with three namespaces that exist."""
    namespaces = Namespaces()
    for name, labels in EXISTING.items():
        namespaces.define(name, labels)
    return Universe(namespaces)


def region_of(universe: Universe, written: str) -> Region:
    """The pods that any of some peers selects: `NAMESPACES / PODS`, with a namespace by its name behind `@`."""
    found = universe.regions.nothing
    for peer in written.split(" | "):
        space, pods = (part.strip() for part in peer.split("/ ", 1)) if "/ " in peer else (peer.strip(" /"), "")
        if space.startswith("@"):
            found |= universe.selected(PodSelection(parse_selector(pods), namespace=space[1:]))
        else:
            found |= universe.selected(PodSelection(parse_selector(pods), namespaces=parse_selector(space)))
    return found


def texts(found: tuple[PossiblePods, ...]) -> list[str]:
    return [f"{one.namespaces} / {one.pods}" for one in found]


@pytest.mark.parametrize(
    ("peers", "expected"),
    [
        pytest.param(" / ", [" / "], id="every pod of every namespace"),
        pytest.param("@prod/ app=web", [f"{NAME}=prod / app=web"], id="a podSelector alone is about its own namespace"),
        pytest.param("team=shop/ ", ["team=shop / "], id="namespaces by a label, existing and to come"),
        pytest.param("team=shop/ | @dev/ ", ["team=shop / "], id="a namespace that exists is covered by its labels"),
        pytest.param(
            "team=shop/ | @tools/ ",
            [f"{NAME}=tools / ", "team=shop / "],
            id="one that its labels do not cover is named",
        ),
        pytest.param(
            f"team=shop,{NAME}!=dev/ ",
            [f"{NAME} notin (dev),team=shop / "],
            id="one that is left out is left out by its name",
        ),
        pytest.param(
            f"{NAME} in (dev,tools)/ app=web",
            [f"{NAME} in (dev,tools) / app=web"],
            id="namespaces with the same pods share a selector",
        ),
        pytest.param(" / app=web |  / app=api", [" / app in (api,web)"], id="two values of a label are one selector"),
        pytest.param(
            " / app=web |  / app=web,tier=x", [" / app=web"], id="a peer that another one contains adds nothing"
        ),
        pytest.param(
            " / app=web |  / tier=x",
            [" / app notin (web),tier=x", " / app=web"],
            id="overlapping peers are divided",
        ),
        pytest.param(
            "/ app=web | @dev/ tier=x",
            [f"{NAME}=dev / app notin (web),tier=x", " / app=web"],
            id="what one namespace has more than all others is added to them",
        ),
        pytest.param(
            "/ app=web | team=shop/ ",
            ["team notin (shop) / app=web", "team=shop / "],
            id="where some namespaces may do all, the others may do the rest",
        ),
        pytest.param("/ app | / !app", [" / "], id="a label that is there or not is no condition"),
        pytest.param("/ app notin (web) | / app=web", [" / "], id="all values of a label are no condition"),
        pytest.param(
            "/ !app | / app=web", [" / !app", " / app=web"], id="no selector says that a label is absent or has a value"
        ),
        pytest.param("/ app,app!=web", [" / app,app notin (web)"], id="a value, but not this one"),
        pytest.param(
            f"{NAME}=later/ app=web", [f"{NAME}=later / app=web"], id="a namespace that a policy names and nobody made"
        ),
        pytest.param(
            f"{NAME}=later,team=a/ ",
            [f"{NAME}=later,team=a / "],
            id="such a one may have any labels, or must have some",
        ),
        pytest.param("app=web,app=api/ ", [], id="contradicting requirements select nothing"),
    ],
)
def test_selectors_as_a_person_would_write_them(universe: Universe, peers: str, expected: list[str]) -> None:
    assert texts(Smallest(universe).describe(region_of(universe, peers))) == expected


def test_what_is_not_selected_is_described_too(universe: Universe) -> None:
    region = region_of(universe, "@prod/ app=web") ^ universe.regions.everything
    expected = [f"{NAME}=prod / app notin (web)", f"{NAME} notin (prod) / "]
    assert texts(Smallest(universe).describe(region)) == expected


def test_labels_of_a_namespace_that_exists_are_never_asked_for(universe: Universe) -> None:
    region = region_of(universe, "team=shop/ ")
    assert universe.regions.restricted(region, OrderedAxis(0, NAME_LABEL), "prod") is universe.regions.everything
    assert universe.regions.restricted(region, OrderedAxis(0, NAME_LABEL), "tools") is universe.regions.nothing


_spaces = st.sampled_from(
    ["@dev", "@prod", "", "team=shop", "team!=shop", "!env", "env", f"{NAME}=later", f"{NAME}!=dev"]
)
_pods = st.sampled_from(["", "app=1", "app!=1", "app", "!tier", "tier in (1,2)", "app=1,tier=2", "tier!=2,app"])
_peers = st.lists(st.tuples(_spaces, _pods).map("/ ".join), min_size=1, max_size=4).map(" | ".join)


@given(_peers, _peers)
def test_selectors_are_exact_and_disjoint(a: str, b: str) -> None:
    namespaces = Namespaces()
    for name, labels in EXISTING.items():
        namespaces.define(name, labels)
    universe = Universe(namespaces)
    region = region_of(universe, a) ^ region_of(universe, b)
    found = Smallest(universe).describe(region)
    spaces = [dict(namespaces.labels(name)) for name in EXISTING]
    to_come = [{"team": "shop"}, {"team": "x"}, {"env": "prod"}, {}]
    spaces += [{**labels, NAME: name} for labels in to_come for name in ("later", "another")]
    for space in spaces:
        for labels in label_sets(["app", "tier"]):
            inside = [one for one in found if one.matches(space, labels)]
            assert len(inside) == (is_in(a, space, labels) is not is_in(b, space, labels))


def is_in(peers: str, space: dict[str, str], labels: dict[str, str]) -> bool:
    """Whether any of some peers selects a pod."""
    for peer in peers.split(" | "):
        spaces, pods = peer.split("/ ", 1)
        in_space = spaces[1:] == space[NAME] if spaces.startswith("@") else parse_selector(spaces).matches(space)
        if in_space and parse_selector(pods).matches(labels):
            return True
    return False


def test_selectors_that_double_with_each_label_are_counted_before_they_are_written() -> None:
    """A label that is absent or has one of two values takes two selectors: 24 of them would be millions."""
    keys = [f"k{number}" for number in range(24)]
    budget = Budget()
    universe = Universe(Namespaces(), budget.step)
    left = universe.regions.everything
    for key in keys:
        denied = universe.labelled(parse_selector(f"{key},{key} notin (a,b)"))
        left &= denied ^ universe.regions.everything
    with pytest.raises(Undecided):
        Smallest(universe).describe(left)
