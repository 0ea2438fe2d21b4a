"""PluginTraits: the traits of one plugin in one version and with some settings, and their values for the engine."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cached_property
from typing import Any

import msgspec

from ringfence.errors import InputError
from ringfence.plugins.table import Plugin, PluginTrait, names_of, plugins
from ringfence.plugins.topics import MODELLED, TOPICS, UNKNOWN, Topic
from ringfence.plugins.traits import OwnNode, Traits
from ringfence.plugins.versions import version_of


class Alternative(msgspec.Struct, frozen=True):
    """Another value that a trait might have, in the engine's form, and why it is possible."""

    engine: Any
    because: str


class ChosenTrait(msgspec.Struct, frozen=True):
    """The trait that holds in a topic, and what else might hold."""

    trait: PluginTrait
    alternatives: tuple[Alternative, ...] = ()

    @property
    def topic(self) -> Topic:
        """Its topic."""
        return self.trait.subject

    @property
    def engine(self) -> Any:
        """The value of the trait for the engine."""
        return self.topic.engine_value(self.trait.value)

    @property
    def counterpart(self) -> Any:
        """The engine's value without the trait: upstream's meaning or, if upstream leaves it open, the other value."""
        upstream = self.topic.engine_value(self.topic.upstream)
        if upstream is OwnNode.OPEN:
            return OwnNode.ALWAYS if self.engine is OwnNode.POLICY else OwnNode.OPEN
        return upstream


class PluginTraits(msgspec.Struct, frozen=True, dict=True):
    """How a plugin enforces policies: one trait for each topic about which anything is known."""

    plugin: str
    title: str
    version: str
    settings: Mapping[str, str]
    chosen: Mapping[str, ChosenTrait]

    @property
    def name(self) -> str:
        """The name of the plugin in texts: `Cilium 1.19`."""
        return f"{self.title} {self.version}" if self.version else self.title

    @property
    def argument(self) -> str:
        """The value of `--plugin` that names it: `cilium@1.19:enable-sctp=true`; for a file with traits, its title."""
        settings = ",".join(f"{key}={value}" for key, value in sorted(self.settings.items()))
        version = f"@{self.version}" if self.version else ""
        return f"{self.plugin or self.title}{version}{f':{settings}' if settings else ''}"

    @cached_property
    def traits(self) -> Traits:
        """The traits in the engine's form."""
        return Traits(**{one.topic.field: one.engine for one in self.modelled()})

    def modelled(self) -> Iterator[ChosenTrait]:
        """The traits that change answers, in the order of the topics."""
        return (self.chosen[topic.name] for topic in MODELLED if topic.name in self.chosen)


def traits_of(plugin: Plugin, version: str = "", settings: Mapping[str, str] | None = None) -> PluginTraits:
    """How a plugin enforces policies in a version, by default the newest, with some settings.

    Raises InputError for a text that is not a version, and for a setting on which no trait depends.
    """
    settings = dict(settings or {})
    for key in settings:
        if key not in plugin.settings:
            known = f"use one of {', '.join(plugin.settings)}" if plugin.settings else "it has none"
            raise InputError(f"no trait of {plugin.title} depends on the setting {key!r}: {known}")
    found = {topic: _chosen(plugin, topic, version, settings) for topic in TOPICS if plugin.about_topic(topic)}
    return PluginTraits(plugin.name, plugin.title, version, settings, found)


def _chosen(plugin: Plugin, topic: str, version: str, settings: Mapping[str, str]) -> ChosenTrait:
    numbers = version_of(version) if version else None
    every = plugin.about_topic(topic)
    # There is one: `read_plugins` refuses a topic without a trait for every version, and those for settings come first.
    trait = next(one for one in every if one.holds(numbers, settings))
    found = dict.fromkeys(_alternatives(plugin, trait, version, settings, every))
    return ChosenTrait(trait, tuple(one for one in found if one.engine != trait.subject.engine_value(trait.value)))


def _alternatives(
    plugin: Plugin, trait: PluginTrait, version: str, settings: Mapping[str, str], every: list[PluginTrait]
) -> Iterator[Alternative]:
    topic = trait.subject
    if not topic.field:
        return
    yield from uncertain(plugin.title, trait)
    numbers = version_of(version) if version else None
    for other in every:
        engine = topic.engine_value(other.value)
        missing = [key for key in other.setting if key not in settings]
        # A question about a plugin assumes that it enforces policies: this is not listed with each answer.
        if missing and topic.name != "enforcement" and other.holds(numbers, {**settings, **other.setting}):
            written = ", ".join(f"{key}={other.setting[key]}" for key in missing)
            yield Alternative(engine, f"{plugin.title} is assumed to be configured without {written}")
        elif not version and not other.setting and (other.until or other.since or trait.since):
            since = trait.since or next((one.since for one in every if not one.setting and not one.until), "")
            yield Alternative(
                engine, f"the version of {plugin.title} is not given: it is assumed to be {since} or later"
            )


def uncertain(title: str, trait: PluginTrait) -> Iterator[Alternative]:
    """The other values that a trait might have, if it is not certain, or if its value leaves something open."""
    topic = trait.subject
    if not trait.is_certain:
        assumed = topic.text(topic.upstream if trait.value == UNKNOWN else trait.value)
        about = f"it is not known of {title}" if trait.value == UNKNOWN else f"it is not verified of {title}"
        for meaning in topic.values.values():
            yield Alternative(meaning.engine, f"{about} {topic.title}: the assumption is that {assumed}")
    if trait.value != UNKNOWN and (other := topic.values[trait.value].or_else):
        yield Alternative(topic.values[other].engine, f"{title}: {topic.text(trait.value)}: it is assumed to count")


def named_plugin(name: str) -> Plugin:
    """The plugin of a name or an alias.

    Raises InputError, with the most similar name and a list of all plugins, if there is none.
    """
    known = plugins()
    for plugin in known.values():
        if name.lower() in (plugin.name, *plugin.aliases):
            return plugin
    close = get_close_matches(name.lower(), names_of(known.values()), n=1)
    meant = f"; did you mean {close[0]}? Known" if close else ": known"
    raise InputError(f"there is no plugin {name!r}{meant} are {', '.join(known)}")


def named_traits(text: str) -> PluginTraits:
    """The traits that `NAME[@VERSION][:SETTING=VALUE[,SETTING=VALUE]]` names.

    Raises InputError if the text is not of this form, and for an unknown name, version or setting.
    """
    named, colon, listed = text.partition(":")
    name, at, version = named.partition("@")
    if not name or (at and not version) or (colon and not listed):
        raise InputError(
            f"{text!r} does not name a plugin: write NAME, NAME@VERSION or NAME:SETTING=VALUE, "
            "such as cilium@1.19 or cilium:enable-sctp=true"
        )
    settings: dict[str, str] = {}
    for one in listed.split(",") if listed else ():
        key, equals, value = one.partition("=")
        if not key or not equals or not value:
            raise InputError(f"{one!r} is not a setting: write SETTING=VALUE, such as enable-sctp=true")
        settings[key] = value
    return traits_of(named_plugin(name), version, settings)
