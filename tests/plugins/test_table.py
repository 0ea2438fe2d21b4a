"""The table of plugins: it is complete, and its reader refuses what is wrong in it."""

import pytest

from ringfence.errors import InputError
from ringfence.plugins import (
    TOPICS,
    UNKNOWN,
    UPSTREAM,
    Confidence,
    Traits,
    plugins,
    read_plugins,
    source_link,
    traits_of,
)

HEAD = '[calico]\ntitle = "Calico"\ndocs = "https://docs.tigera.io/"\ntraits = [\n'
ALWAYS_ON = '{ topic = "enforcement", value = "yes", confidence = "common" },\n'


def test_every_plugin_says_something_in_every_topic() -> None:
    """... but the one that enforces nothing: how it does so has no traits."""
    for name, plugin in plugins().items():
        expected = {"enforcement", "loopback"} if name == "none" else set(TOPICS)
        assert {trait.topic for trait in plugin.traits} == expected, name


def test_upstream_is_a_value_of_every_topic_and_the_engines_default() -> None:
    for topic in TOPICS.values():
        assert topic.upstream in topic.values
        assert UNKNOWN not in topic.values
    assert Traits(**{one.field: one.engine_value(one.upstream) for one in TOPICS.values() if one.field}) == UPSTREAM


@pytest.mark.parametrize("name", plugins())
def test_the_newest_version_without_settings_has_one_trait_in_each_topic(name: str) -> None:
    plugin = plugins()[name]
    chosen = traits_of(plugin).chosen
    assert list(chosen) == [topic for topic in TOPICS if plugin.about_topic(topic)]
    assert all(one.trait.source for one in chosen.values())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("[calico", "Expected ']'", id="not TOML"),
        pytest.param('[calico]\ntitle = "Calico"\n', "missing required field `docs`", id="a field that is missing"),
        pytest.param(HEAD + '{ topc = "sctp" }]', "unknown field `topc`", id="a field that is not known"),
        pytest.param(
            HEAD + '{ topic = "sctpp", value = "yes", confidence = "common" }]', "there is no topic 'sctpp'", id="topic"
        ),
        pytest.param(
            HEAD + '{ topic = "sctp", value = "no", confidence = "common" }]',
            "sctp: 'no' is not a value: use one of yes, ignored, unknown",
            id="value",
        ),
        pytest.param(HEAD + '{ topic = "sctp", value = "yes", confidence = "sure" }]', "Invalid enum value", id="sure"),
        pytest.param(
            HEAD + '{ topic = "sctp", value = "unknown", confidence = "common" }]',
            "the confidence of the value unknown must be unverified, not common",
            id="what is unknown is not certain",
        ),
        pytest.param(
            HEAD + '{ topic = "sctp", value = "yes", confidence = "common", since = "new" }]',
            "'new' is not a version",
            id="version",
        ),
        pytest.param(
            HEAD + '{ topic = "sctp", value = "yes", confidence = "common", since = "2.0", until = "1.0" }]',
            "since 2.0 is not before until 1.0",
            id="versions in the wrong order",
        ),
        pytest.param(
            HEAD + '{ topic = "sctp", value = "yes", confidence = "common", since = "2.0" }]',
            "do not hold for every version exactly once",
            id="a version without a trait",
        ),
        pytest.param(HEAD + ALWAYS_ON + ALWAYS_ON + "]", "for every version exactly once", id="two for a version"),
        pytest.param(
            HEAD + '{ topic = "sctp", value = "yes", confidence = "common", setting = { on = "true" } }]',
            "no trait without a setting",
            id="a setting without a default",
        ),
        pytest.param(
            HEAD + ALWAYS_ON + ']\naliases = ["calico"]', "two plugins are called calico", id="two of one name"
        ),
    ],
)
def test_what_is_wrong_in_the_file_is_an_error(text: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        read_plugins(text)
    assert message in str(refused.value)


def test_sources_are_links() -> None:
    assert source_link("cilium/cilium#9209") == "https://github.com/cilium/cilium/issues/9209"
    assert source_link("https://a.example/#1") == "https://a.example/#1"
    assert {one.confidence for one in plugins()["calico"].traits} <= set(Confidence)
