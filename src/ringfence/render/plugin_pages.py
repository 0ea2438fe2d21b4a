"""What is known about network plugins, as text for a terminal and as the page of the documentation."""

from collections.abc import Iterable

from ringfence.plugins import LEFT_OPEN, TOPICS, UNKNOWN, Plugin, PluginTrait, PluginTraits, source_link, traits_of
from ringfence.render.formats import markdown_table, one_line, table

_INTRODUCTION = """# Network plugins

The effect of a NetworkPolicy depends on the network plugin of the cluster. This page lists what is known about each
plugin; it is generated from `src/ringfence/plugins/traits.toml`. `--plugin NAME`
([docs/questions.md](questions.md#as-a-network-plugin-enforces-it)) answers as a plugin enforces policies.

How well a trait is known:

| confidence | means |
|---|---|
| measured | measured in a cluster |
| source-code | read in the source code |
| documented | stated by the project itself |
| reported | reported by users, with a reference |
| common | required by upstream's end-to-end tests, or generally understood from code and documents |
| unverified | from general knowledge only; an answer that depends on it says so |

A value marked with \\* differs from upstream's meaning, and changes answers. Of several values, the first
holds for the newest version without settings; the tables of the plugins say what each value means, for which versions
and settings it holds, and its source.
"""


def plugins_page(plugins: Iterable[Plugin]) -> str:
    """The page: each topic with the value of each plugin, and each plugin with all its traits."""
    known = list(plugins)
    parts = [_INTRODUCTION, "## By topic\n", _overview(known)]
    for plugin in known:
        names = ", ".join(f"`{alias}`" for alias in plugin.aliases)
        head = [f"## {plugin.title}\n", f"`--plugin {plugin.name}`{f', also called {names}' if names else ''}."]
        about = f" It describes {plugin.about}." if plugin.about else ""
        parts += [f"{head[0]}\n{head[1]}{about}\n", markdown_table(_HEADER, [_row(one) for one in plugin.traits])]
    return "\n".join(parts)


_HEADER = ("topic", "value", "what it means", "where", "confidence", "source")


def _row(trait: PluginTrait) -> tuple[str, ...]:
    note = f"; {trait.note}" if trait.note else ""
    mark = " *" if differs(trait) else ""
    source = source_link(trait.source)
    return trait.topic, trait.value + mark, trait.text + note, _where(trait), str(trait.confidence), source


def _where(trait: PluginTrait) -> str:
    """For which versions and settings a trait holds."""
    parts = [
        f"since {trait.since}" if trait.since else "",
        f"before {trait.until}" if trait.until else "",
        *(f"{key}={value}" for key, value in trait.setting.items()),
    ]
    return ", ".join(filter(None, parts))


def differs(trait: PluginTrait) -> bool:
    """Whether a trait changes answers, because its value differs from upstream."""
    topic = trait.subject
    # Two values may mean the same to the engine, so the words alone are not compared.
    if not topic.field or topic.values[topic.upstream].engine == topic.engine_value(trait.value):
        return False
    return topic.upstream != LEFT_OPEN


def _overview(plugins: list[Plugin]) -> str:
    header = ("topic", "question", *(plugin.name for plugin in plugins))
    rows = [(name, topic.title, *(_values(plugin, name) for plugin in plugins)) for name, topic in TOPICS.items()]
    return markdown_table(header, rows)


def _values(plugin: Plugin, topic: str) -> str:
    """The values of a plugin in a topic, the default first; a dash if none is known."""
    found = sorted(plugin.about_topic(topic), key=lambda trait: (bool(trait.setting), bool(trait.until)))
    written = dict.fromkeys(trait.value + (" *" if differs(trait) else "") for trait in found)
    return ", ".join(written) or "–"


def differing_table(plugins: Iterable[Plugin]) -> str:
    """The traits of each plugin that change answers compared with upstream, for the newest version without settings."""
    rows = []
    for plugin in plugins:
        chosen = [one.trait for one in traits_of(plugin).modelled()]
        unknown = sum(one.value == UNKNOWN for one in chosen)
        found = [f"{one.text} ({one.confidence})" for one in chosen if differs(one)]
        found += [f"{unknown} of {len(chosen)} traits {'is' if unknown == 1 else 'are'} not known"] if unknown else []
        rows.append((plugin.title, "; ".join(found) or "nothing is known to differ"))
    return markdown_table(("network plugin", "differs from upstream in that"), rows)


def plugin_text(plugin: Plugin) -> str:
    """All traits of a plugin, as a table for a terminal."""
    header = ("TOPIC", "VALUE", "MEANS", "WHERE", "CONFIDENCE", "SOURCE")
    rows = [_terminal_row(one) for one in plugin.traits]
    return "\n".join([f"{plugin.title}\n", table(header, rows), *_legend(plugin.traits)])


def chosen_text(plugin: PluginTraits) -> str:
    """The traits of a plugin in one version and with some settings, and their assumptions."""
    settings = "".join(f", {key}={value}" for key, value in plugin.settings.items())
    traits = [one.trait for one in plugin.chosen.values()]
    header = ("TOPIC", "VALUE", "MEANS", "CONFIDENCE", "SOURCE")
    rows = [_terminal_row(one) for one in traits]
    without_where = [(*row[:3], *row[4:]) for row in rows]
    assumed = dict.fromkeys(other.because for one in plugin.chosen.values() for other in one.alternatives)
    return "\n".join(
        [
            f"{plugin.name}{settings}\n",
            table(header, without_where),
            *_legend(traits),
            *(f"assumption: {one_line(text)}" for text in assumed),
        ]
    )


def _terminal_row(trait: PluginTrait) -> tuple[str, ...]:
    topic, value, text, where, confidence, source = _row(trait)
    return topic, value, one_line(text), where, confidence, source


def _legend(traits: Iterable[PluginTrait]) -> list[str]:
    if any(map(differs, traits)):
        return ["* differs from what upstream means, and changes answers"]
    return []
