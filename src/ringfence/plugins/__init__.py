"""Network plugins: how each enforces policies, as data, and the part of it that the engine uses."""

from ringfence.plugins.chosen import (
    Alternative,
    ChosenTrait,
    PluginTraits,
    named_plugin,
    named_traits,
    traits_of,
    uncertain,
)
from ringfence.plugins.table import (
    NO_SOURCE,
    Confidence,
    Plugin,
    PluginTrait,
    check_trait,
    names_of,
    plugins,
    read_plugins,
    source_link,
)
from ringfence.plugins.topics import LEFT_OPEN, MODELLED, TOPICS, UNKNOWN, Topic
from ringfence.plugins.traits import NOT_IN_POLICIES, UPSTREAM, Excepts, OwnNode, Traits
from ringfence.plugins.versions import version_of

__all__ = [
    "LEFT_OPEN",
    "MODELLED",
    "NOT_IN_POLICIES",
    "NO_SOURCE",
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
    "check_trait",
    "named_plugin",
    "named_traits",
    "names_of",
    "plugins",
    "read_plugins",
    "source_link",
    "traits_of",
    "uncertain",
    "version_of",
]
