"""Network plugins: how each enforces policies, as data, and what the engine takes of it."""

from ringfence.plugins.chosen import (
    Alternative,
    ChosenTrait,
    PluginTraits,
    named_plugin,
    named_traits,
    traits_of,
)
from ringfence.plugins.table import Confidence, Plugin, PluginTrait, names_of, plugins, read_plugins, source_link
from ringfence.plugins.topics import MODELLED, TOPICS, UNKNOWN, Topic
from ringfence.plugins.traits import UPSTREAM, Excepts, OwnNode, Traits

__all__ = [
    "MODELLED",
    "TOPICS",
    "UNKNOWN",
    "UPSTREAM",
    "Alternative",
    "ChosenTrait",
    "Confidence",
    "Excepts",
    "OwnNode",
    "Plugin",
    "PluginTrait",
    "PluginTraits",
    "Topic",
    "Traits",
    "named_plugin",
    "named_traits",
    "names_of",
    "plugins",
    "read_plugins",
    "source_link",
    "traits_of",
]
