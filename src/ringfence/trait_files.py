"""Traits in a file: what was measured of a cluster, or is known of a plugin that is not in the table.

    apiVersion: ringfence/v1
    kind: PluginTraits
    plugin: cilium
    version: "1.20"
    settings:
      enable-sctp: "true"
    traits:
    - topic: ipBlock-pods
      value: "no"
      confidence: measured
      source: ringfence doctor --probe=full

With a `plugin` of the table, the traits that the file does not list are those of the plugin. Without one, they are
upstream's, and an answer that depends on one says so.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from ringfence.errors import InputError
from ringfence.plugins import (
    TOPICS,
    UNKNOWN,
    ChosenTrait,
    Confidence,
    PluginTrait,
    PluginTraits,
    check_trait,
    named_plugin,
    named_traits,
    traits_of,
    uncertain,
)
from ringfence.sources.manifests import read_settings, read_small_file

API_VERSION: Final = "ringfence/v1"
KIND: Final = "PluginTraits"
_LARGEST: Final = 1 << 20
"""Bytes of a file; one with every topic has 5,000."""


class _WrittenTrait(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    topic: str
    value: str
    confidence: Confidence = Confidence.MEASURED
    source: str = ""
    note: str = ""


class _WrittenTraits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    api_version: str
    kind: str
    plugin: str = ""
    title: str = ""
    version: str = ""
    settings: dict[str, str] = {}
    traits: tuple[_WrittenTrait, ...] = ()


def read_traits(path: str) -> PluginTraits:
    """The traits of a file. Raises InputError for a file that cannot be read, and for what is wrong in it."""
    return traits_of_text(read_small_file(path, _LARGEST, "file with the traits of a plugin"), path)


def traits_of_text(content: bytes, path: str) -> PluginTraits:
    """The traits of a text that was read from `path`. Raises InputError for what is wrong in it."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8: {error}") from error
    tree, origin = read_settings(text, path)
    # 1.20 without quotes is the number 1.2, which is another version. What was written cannot be restored.
    if isinstance(tree, dict) and isinstance(number := tree.get("version"), float):
        line = origin.at("version").line
        raise InputError(f"{path}:{line}: version: YAML takes this for the number {number}: put it in quotes")
    if not isinstance(tree, dict) or (tree.get("apiVersion"), tree.get("kind")) != (API_VERSION, KIND):
        raise InputError(f"{path}: not the traits of a plugin: it must have apiVersion {API_VERSION} and kind {KIND}")
    try:
        document = msgspec.convert(_with_words(tree), _WrittenTraits)
    except msgspec.ValidationError as error:
        raise InputError(f"{path}: {error}") from error
    traits = [
        PluginTrait(one.topic, one.value, one.confidence, one.source or path, one.note) for one in document.traits
    ]
    for index, trait in enumerate(traits):
        place = f"{path}:{origin.at(f'traits[{index}]').line}: traits[{index}]"
        check_trait(trait, place)
        if trait.topic in [one.topic for one in traits[:index]]:
            raise InputError(f"{place}: {trait.topic} is there twice")
    try:
        return _chosen(document, traits)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def traits_document(plugin: PluginTraits) -> dict[str, Any]:
    """The traits in the form of a file: all that are known, so that a reader of the file does not need the table."""
    traits = [one.trait for one in plugin.chosen.values()]
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        **({"plugin": plugin.plugin} if plugin.plugin else {}),
        "title": plugin.title,
        **({"version": plugin.version} if plugin.version else {}),
        **({"settings": dict(plugin.settings)} if plugin.settings else {}),
        "traits": [
            {
                "topic": one.topic,
                "value": one.value,
                "confidence": str(one.confidence),
                "source": one.source,
                **({"note": one.note} if one.note else {}),
            }
            for one in traits
        ],
    }


def _with_words(tree: Any) -> Any:
    """A tree in which `yes`, `no` and whole numbers, which YAML takes for something else, are words again.

    Other numbers are refused: 1.20 has become 1.2 already.
    """
    if isinstance(tree, dict):
        return {key: _with_words(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_with_words(value) for value in tree]
    if isinstance(tree, bool):
        return "yes" if tree else "no"
    return str(tree) if isinstance(tree, int) else tree


def _chosen(document: _WrittenTraits, traits: Iterable[PluginTrait]) -> PluginTraits:
    written = {trait.topic: trait for trait in traits}
    if document.plugin:
        settings = {key: {"yes": "true", "no": "false"}.get(value, value) for key, value in document.settings.items()}
        base = traits_of(named_plugin(document.plugin), document.version, settings)
    else:
        base = PluginTraits("", document.title or "this plugin", document.version, {}, {})
    title = document.title or base.title
    unknown = {topic: PluginTrait(topic, UNKNOWN, Confidence.UNVERIFIED) for topic in TOPICS}
    chosen = dict(base.chosen) if document.plugin else {one: _of_file(title, trait) for one, trait in unknown.items()}
    chosen |= {topic: _of_file(title, trait) for topic, trait in written.items()}
    # In the order of the table, whatever the order of the file, so that equal traits are printed alike.
    ordered = {topic: chosen[topic] for topic in TOPICS if topic in chosen}
    return msgspec.structs.replace(base, title=title, version=document.version, chosen=ordered)


def _of_file(title: str, trait: PluginTrait) -> ChosenTrait:
    engine = trait.subject.engine_value(trait.value) if trait.subject.field else None
    others = dict.fromkeys(one for one in uncertain(title, trait) if one.engine != engine)
    return ChosenTrait(trait, tuple(others))


def plugin_traits(text: str) -> PluginTraits:
    """The traits that a text names: a file, or `NAME[@VERSION][:SETTING=VALUE,...]`. Raises InputError as both do."""
    return read_traits(text) if _is_file(text) else named_traits(text)


def is_plugin_name(text: str) -> bool:
    """Whether a text is the name of a plugin alone, without a version and settings, and no file."""
    return not _is_file(text) and not set(text) & {"@", ":"}


def _is_file(text: str) -> bool:
    return text.endswith((".yaml", ".yml", ".json")) or "/" in text.partition(":")[0]
