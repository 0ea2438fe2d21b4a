"""Namespaces: the labels of their objects, and the label that the control plane adds."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from tests import strategies
from tests.engine.policies.test_selection import namespace_selectors

from ringfence.engine.population.namespaces import NAME_LABEL, Namespaces
from ringfence.model.selector_text import parse_selector
from ringfence.model.selectors import EVERYTHING, Selector

names = st.sampled_from(strategies.NAMESPACES)
labels = st.sampled_from(strategies.LABELS)
changes = st.lists(
    st.one_of(
        st.builds(lambda name, own: lambda spaces: spaces.define(name, own), names, labels),
        st.builds(lambda name: lambda spaces: spaces.undefine(name), names),
        st.builds(lambda name: lambda spaces: spaces.mention(name), names),
        st.builds(lambda name: lambda spaces: spaces.forget(name), names),
    ),
    max_size=6,
)


def selected(namespaces: Namespaces, selector: Selector) -> list[str]:
    return list(namespaces.named(namespaces.select(selector)))


@given(changes, namespace_selectors)
def test_a_selector_selects_the_namespaces_whose_labels_it_matches(
    made: list[Callable[[Namespaces], None]], selector: Selector
) -> None:
    namespaces = Namespaces()
    for change in made:
        change(namespaces)
    assert sorted(selected(namespaces, selector)) == [
        name for name in namespaces.names() if selector.matches(namespaces.labels(name))
    ]


def test_every_namespace_has_its_name_as_a_label() -> None:
    namespaces = Namespaces()
    namespaces.define("prod", {"team": "a", NAME_LABEL: "somebody's mistake"})
    namespaces.mention("staging")
    assert namespaces.labels("prod") == {"team": "a", NAME_LABEL: "prod"}
    assert namespaces.labels("staging") == {NAME_LABEL: "staging"}
    assert namespaces.labels("never-seen") == {NAME_LABEL: "never-seen"}
    assert selected(namespaces, parse_selector(f"{NAME_LABEL}=prod")) == ["prod"]


def test_a_namespace_that_is_only_mentioned_exists_but_is_not_defined() -> None:
    namespaces = Namespaces()
    namespaces.mention("prod")
    assert namespaces.names() == ["prod"]
    assert selected(namespaces, EVERYTHING) == ["prod"]
    assert not namespaces.is_defined("prod")
    namespaces.define("prod", None)
    assert namespaces.is_defined("prod")


def test_a_namespace_that_was_only_mentioned_can_be_forgotten() -> None:
    spaces = Namespaces()
    spaces.mention("x")
    assert spaces.exists("x")
    spaces.forget("x")
    spaces.forget("y")
    assert not spaces.exists("x")
    assert selected(spaces, parse_selector(f"{NAME_LABEL}=x")) == selected(spaces, EVERYTHING) == []


def test_mentioning_a_namespace_keeps_its_labels() -> None:
    namespaces = Namespaces()
    namespaces.define("prod", {"team": "a"})
    namespaces.mention("prod")
    assert namespaces.labels("prod")["team"] == "a"


def test_a_namespace_outlives_its_object_but_not_its_labels() -> None:
    namespaces = Namespaces()
    namespaces.define("prod", {"team": "a"})
    namespaces.undefine("prod")
    assert namespaces.names() == ["prod"]
    assert not namespaces.is_defined("prod")
    assert selected(namespaces, parse_selector("team")) == []


def test_the_version_grows_with_changes_only() -> None:
    namespaces = Namespaces()
    namespaces.define("prod", {"team": "a"})
    version = namespaces.version
    namespaces.define("prod", {"team": "a"})
    namespaces.mention("prod")
    namespaces.undefine("never-seen")
    assert namespaces.version == version
    namespaces.define("prod", {"team": "b"})
    assert namespaces.version > version


def test_which_namespaces_have_other_labels_since_a_version() -> None:
    namespaces = Namespaces()
    namespaces.define("prod", {"team": "a"})
    namespaces.mention("other")
    version = namespaces.version
    assert namespaces.changed_since(version) == set()
    assert namespaces.changed_since(-1) == {"prod", "other"}
    namespaces.define("prod", {"team": "b"})
    namespaces.mention("new")
    assert namespaces.changed_since(version) == {"prod", "new"}
    namespaces.forget("new")
    assert namespaces.changed_since(version) == {"prod"}
    namespaces.mention("new")
    assert namespaces.changed_since(version) == {"prod", "new"}
