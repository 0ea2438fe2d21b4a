"""How a network plugin enforces policies, as text and as JSON: the traits that decide an answer, and all known ones."""

from collections.abc import Iterable, Iterator

from ringfence.plugins import NO_SOURCE, ChosenTrait, PluginTrait, PluginTraits, source_link
from ringfence.render.formats import Json


def plugin_lines(plugin: PluginTraits, deciding: Iterable[ChosenTrait]) -> Iterator[str]:
    """The plugin that an answer is for, and each trait that decides it, with its confidence and source."""
    found = list(deciding)
    yield f"with {plugin.name}:" + ("" if found else " no trait of it changes this answer")
    yield from (f"  ! {trait_text(one.trait)}" for one in found)


def plugin_remark(plugin: PluginTraits, deciding: Iterable[ChosenTrait]) -> str:
    """The same in one line, for lists."""
    found = "; ".join(trait_text(one.trait) for one in deciding)
    return f"with {plugin.name}: {found or 'no trait of it changes this list'}"


def trait_text(trait: PluginTrait) -> str:
    """A trait in one line: `an ipBlock matches no pods (ipBlock-pods=no; documented: https://...)`."""
    source = f": {source_link(trait.source)}" if trait.source not in ("", NO_SOURCE) else ""
    return f"{trait.text} ({trait.topic}={trait.value}; {trait.confidence}{source})"


def plugin_json(plugin: PluginTraits, deciding: Iterable[ChosenTrait]) -> Json:
    """The plugin, and the traits that decide an answer."""
    return {**named_plugin_json(plugin), "traits": [trait_json(one.trait) for one in deciding]}


def named_plugin_json(plugin: PluginTraits) -> Json:
    """The plugin alone."""
    return {
        "name": plugin.plugin,
        "title": plugin.title,
        "version": plugin.version,
        "settings": dict(plugin.settings),
    }


def trait_json(trait: PluginTrait) -> Json:
    """A trait: its topic and value, its meaning, and how well it is known."""
    return {
        "topic": trait.topic,
        "value": trait.value,
        "text": trait.text,
        "confidence": str(trait.confidence),
        "source": source_link(trait.source),
        **({"note": trait.note} if trait.note else {}),
    }
