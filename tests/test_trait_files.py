"""Traits in a file: what is read of it, what is refused, and that every trait of a plugin can be written in one."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ringfence.errors import InputError
from ringfence.plugins import UPSTREAM, Confidence, PluginTraits, named_traits
from ringfence.trait_files import plugin_traits, read_traits
from tests.render.json_shapes import fits, schema, strict

HEAD = "apiVersion: ringfence/v1\nkind: PluginTraits\n"
ALIASES = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
"""900 bytes that stand for a hundred million values."""


def written(tmp_path: Path, text: str) -> str:
    file = tmp_path / "traits.yaml"
    file.write_text(text)
    return str(file)


def test_what_is_measured_counts_and_the_rest_is_the_plugins(tmp_path: Path) -> None:
    settings = 'version: "1.20"\nsettings: {enable-sctp: true}\n'
    measured = "traits:\n- {topic: endPort, value: first-port}\n"
    found = read_traits(written(tmp_path, f"{HEAD}plugin: cilium\n{settings}{measured}"))
    assert found.name == "Cilium 1.20"
    assert (found.traits.sctp, found.traits.port_ranges, found.traits.blocks_match_pods) == (True, False, False)
    assert found.chosen["endPort"].trait.confidence is Confidence.MEASURED
    assert found.chosen["endPort"].alternatives == ()


def test_a_plugin_that_is_not_in_the_table_is_as_upstream_and_says_so(tmp_path: Path) -> None:
    found = read_traits(written(tmp_path, HEAD + "title: Our own\ntraits:\n- {topic: sctp, value: ignored}\n"))
    assert found.traits == type(UPSTREAM)(sctp=False)
    assert "it is not known of Our own whether endPort counts" in found.chosen["endPort"].alternatives[0].because


@pytest.mark.parametrize("word", ["no", "false", '"no"'])
def test_a_word_that_yaml_takes_for_something_else_is_that_word(tmp_path: Path, word: str) -> None:
    found = read_traits(written(tmp_path, HEAD + f"traits:\n- {{topic: ipBlock-pods, value: {word}}}\n"))
    assert found.traits.blocks_match_pods is False


def document_of(traits: PluginTraits) -> dict[str, Any]:
    """A file with every trait of a plugin."""
    listed = [
        {field: str(getattr(one.trait, field)) for field in ("topic", "value", "confidence", "source", "note")}
        for one in traits.chosen.values()
    ]
    head = {"apiVersion": "ringfence/v1", "kind": "PluginTraits", "plugin": traits.plugin, "title": traits.title}
    return {**head, "traits": [{key: text for key, text in one.items() if text} for one in listed]}


@pytest.mark.parametrize("text", ["cilium@1.19", "aws-vpc-cni", "windows", "none"])
def test_a_file_with_every_trait_is_read_as_the_plugin(tmp_path: Path, text: str) -> None:
    known = named_traits(text)
    assert fits(document_of(known), strict(schema("plugin-traits")))
    read = read_traits(written(tmp_path, yaml.safe_dump(document_of(known))))
    assert read.traits == known.traits
    assert {name: one.trait.value for name, one in read.chosen.items()} == {
        name: one.trait.value for name, one in known.chosen.items()
    }


def test_only_what_decides_about_connections_may_be_otherwise_than_taken(tmp_path: Path) -> None:
    """Of a file that says nothing, all topics are unknown; those that change no verdict leave no answer open."""
    found = read_traits(written(tmp_path, HEAD))
    uncertain = [one.trait.subject.field for one in found.chosen.values() if one.alternatives]
    assert uncertain
    assert all(uncertain)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("a: [", "traits.yaml:1: this is not YAML", id="not YAML"),
        pytest.param("kind: Pod", "must have apiVersion ringfence/v1 and kind PluginTraits", id="something else"),
        pytest.param(HEAD + "traits: {}", "Expected `array`, got `object` - at `$.traits`", id="type"),
        pytest.param(HEAD + "trait: []", "unknown field `trait`", id="a field that is not known"),
        pytest.param(HEAD + "version: 1.20", "takes this for the number 1.2: put it in quotes", id="a version"),
        pytest.param(HEAD + "plugin: celium", "there is no plugin 'celium'; did you mean cilium?", id="plugin"),
        pytest.param(
            HEAD + "traits:\n- {topic: sctp, value: maybe}", "traits[0]: sctp: 'maybe' is not a value", id="value"
        ),
        pytest.param(
            HEAD + "traits:\n- {topic: sctp, value: yes}\n- {topic: sctp, value: yes}",
            "traits[1]: sctp is there twice",
            id="twice",
        ),
        pytest.param(
            HEAD + "#" * (1 << 20), "larger than 1 MiB, which is not a file with the traits of a plugin", id="large"
        ),
        pytest.param(f"{HEAD}settings: {'[' * 20_000}{']' * 20_000}", "traits.yaml:3: ", id="deep"),
        pytest.param(f"{HEAD}settings: &a {{x: *a}}", "traits.yaml:3: ", id="an anchor in itself"),
        pytest.param(HEAD + ALIASES, "excessive aliasing", id="aliases of aliases"),
        pytest.param(f"{HEAD}plugin: cilium\nplugin: calico", "traits.yaml:4: ", id="a key twice"),
        pytest.param(f"{HEAD}plugin: 0x{'f' * 5_000}", "there is no plugin '0xf", id="a number of many digits"),
        pytest.param(f"{HEAD}---\n{HEAD}", "the file has 2 documents", id="two documents"),
    ],
)
def test_what_is_wrong_in_a_file_is_an_error_with_its_name(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        read_traits(written(tmp_path, text))
    assert message in str(refused.value)
    assert "traits.yaml" in str(refused.value)


def test_a_file_is_known_by_its_name(tmp_path: Path) -> None:
    assert plugin_traits(written(tmp_path, HEAD + "plugin: antrea\n")).plugin == "antrea"
    assert plugin_traits("cilium:policy-cidr-match-mode=nodes").plugin == "cilium"
    with pytest.raises(
        InputError, match=r"nowhere/traits\.yaml: the file with the traits of a plugin cannot be read: No such file"
    ):
        plugin_traits("nowhere/traits.yaml")
