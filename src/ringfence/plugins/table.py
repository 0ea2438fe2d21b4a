"""The table of plugins: what is known about how each enforces policies (`traits.toml`).

The file is validated in full when it is read. For each plugin and topic there are entries for versions and settings;
of those without a setting exactly one holds for every version.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cache
from itertools import pairwise
from typing import Final

import msgspec

from ringfence.errors import InputError
from ringfence.plugins.topics import TOPICS, UNKNOWN, Topic
from ringfence.plugins.versions import Version, is_within, version_of


class Confidence(StrEnum):
    """How well a trait is known."""

    MEASURED = "measured"
    """Measured in this cluster."""
    SOURCE_CODE = "source-code"
    DOCUMENTED = "documented"
    REPORTED = "reported"
    COMMON = "common"
    """As upstream's end-to-end tests require it, or as code and documents are commonly understood."""
    UNVERIFIED = "unverified"


class PluginTrait(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The behaviour of one plugin in one topic: from version `since` on, before `until`, with some settings."""

    topic: str
    value: str
    confidence: Confidence
    source: str = ""
    note: str = ""
    since: str = ""
    until: str = ""
    setting: dict[str, str] = {}

    @property
    def subject(self) -> Topic:
        """The topic itself."""
        return TOPICS[self.topic]

    @property
    def is_certain(self) -> bool:
        """Whether an answer may depend on it without listing it as an assumption."""
        return self.confidence is not Confidence.UNVERIFIED

    @property
    def text(self) -> str:
        """What it says, as a sentence without a capital letter and without a full stop."""
        return self.subject.text(self.value)

    def holds(self, version: Version | None, settings: Mapping[str, str]) -> bool:
        """Whether it holds for a version, or without one for the newest, and for these settings."""
        # Without a version, the entry that has no end holds.
        within = not self.until if version is None else is_within(version, self.since, self.until)
        return within and all(_is_set(settings.get(key, ""), value) for key, value in self.setting.items())


class Plugin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A network plugin, and its traits in the order of the file."""

    title: str
    docs: str
    traits: tuple[PluginTrait, ...]
    code: str = ""
    aliases: tuple[str, ...] = ()
    about: str = ""
    name: str = ""

    @property
    def settings(self) -> tuple[str, ...]:
        """The settings on which its traits depend."""
        return tuple(sorted({key for trait in self.traits for key in trait.setting}))

    def about_topic(self, topic: str) -> list[PluginTrait]:
        """Its traits in a topic, those for settings first: the first that holds is the one that applies."""
        found = [trait for trait in self.traits if trait.topic == topic]
        return sorted(found, key=lambda trait: not trait.setting)


NO_SOURCE: Final = "no single source"
"""The source of a trait that is commonly known."""


def _is_set(given: str, wanted: str) -> bool:
    """Whether a setting has a value; several values are joined by `+`."""
    return wanted in given.split("+")


@cache
def plugins() -> Mapping[str, Plugin]:
    """All plugins by name, in the order of the file."""
    # Only questions about a plugin need the table: the others do not wait for these modules (4 ms).
    from importlib.resources import files

    return read_plugins((files("ringfence.plugins") / "traits.toml").read_text())


def read_plugins(text: str) -> dict[str, Plugin]:
    """The plugins of a file. Raises InputError for the first error in it."""
    import tomllib

    try:
        read = msgspec.convert(tomllib.loads(text), dict[str, Plugin])
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InputError(f"traits.toml: {error}") from error
    found = {name: _complete(name, plugin) for name, plugin in read.items()}
    names = [one for name, plugin in found.items() for one in (name, *plugin.aliases)]
    if twice := {one for one in names if names.count(one) > 1}:
        raise InputError(f"traits.toml: two plugins are called {min(twice)}")
    return found


def _complete(name: str, plugin: Plugin) -> Plugin:
    """A plugin with its name and a source for each of its traits. Raises InputError for an error in them."""
    for trait in plugin.traits:
        check_trait(trait, f"traits.toml: {name}")
    for topic in TOPICS:
        _check_versions(plugin, topic, f"traits.toml: {name}: {topic}")
    replace = msgspec.structs.replace
    sources = {Confidence.DOCUMENTED: plugin.docs, Confidence.SOURCE_CODE: plugin.code}
    traits = [replace(one, source=one.source or sources.get(one.confidence) or NO_SOURCE) for one in plugin.traits]
    return replace(plugin, name=name, traits=tuple(traits))


def check_trait(trait: PluginTrait, place: str) -> None:
    """Raise InputError if a trait has an unknown topic, an unknown value, or an invalid version."""
    topic = TOPICS.get(trait.topic)
    if topic is None:
        raise InputError(f"{place}: there is no topic {trait.topic!r}: use one of {', '.join(TOPICS)}")
    where = f"{place}: {trait.topic}"
    if trait.value not in (*topic.values, UNKNOWN):
        raise InputError(f"{where}: {trait.value!r} is not a value: use one of {', '.join((*topic.values, UNKNOWN))}")
    if trait.value == UNKNOWN and trait.is_certain:
        raise InputError(
            f"{where}: the confidence of the value unknown must be {Confidence.UNVERIFIED}, not {trait.confidence}"
        )
    bounds = [version_of(text) for text in (trait.since, trait.until) if text]
    if bounds != sorted(set(bounds)):
        raise InputError(f"{where}: since {trait.since} is not before until {trait.until}")


def _check_versions(plugin: Plugin, topic: str, place: str) -> None:
    """Raise InputError unless exactly one trait without a setting holds for every version, or there is none at all."""
    general = [trait for trait in plugin.about_topic(topic) if not trait.setting]
    ordered = sorted(general, key=lambda trait: version_of(trait.since) if trait.since else ())
    # Each has to begin where the one before it ends. The first has no beginning, and the last no end.
    gapless = all(before.until and before.until == after.since for before, after in pairwise(ordered))
    if ordered and (ordered[0].since or ordered[-1].until or not gapless):
        raise InputError(f"{place}: the traits without a setting do not hold for every version exactly once")
    if not ordered and plugin.about_topic(topic):
        raise InputError(f"{place}: no trait without a setting")


_GITHUB: Final = "https://github.com/"


def source_link(source: str) -> str:
    """The URL of a source; for `owner/name#1`, the URL of the issue."""
    repository, mark, number = source.partition("#")
    is_issue = bool(mark) and number.isdecimal() and repository.count("/") == 1
    return f"{_GITHUB}{repository}/issues/{number}" if is_issue else source


def names_of(known: Iterable[Plugin]) -> list[str]:
    """All names under which plugins are known."""
    return [one for plugin in known for one in (plugin.name, *plugin.aliases)]
