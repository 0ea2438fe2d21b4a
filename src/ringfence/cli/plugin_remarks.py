"""Which traits of a network plugin change a list: a message, or a part of the document."""

from collections.abc import Callable, Hashable

import msgspec

from ringfence.cli.terminal import print_message
from ringfence.cluster import Cluster
from ringfence.engine.answers import trait_effects
from ringfence.render.formats import Json
from ringfence.render.plugin_views import plugin_json, plugin_remark


class PluginRemark(msgspec.Struct, frozen=True):
    """What a list says of the plugin: as text, as a part of a document, and what it assumes. Empty without a plugin."""

    text: str = ""
    document: Json | None = None
    assumptions: tuple[str, ...] = ()

    def print(self) -> None:
        """Print the text on standard error: tables, CSV and graphs have no place for it."""
        if self.text:
            print_message(self.text)


def plugin_remark_on(cluster: Cluster, listed: Callable[[], Hashable]) -> PluginRemark:
    """The remark on a list, which is made several times if the cluster is asked about with a plugin."""
    plugin = cluster.state.enforced_by
    # Without a plugin the list is not made once more, which would double the time of the command.
    if plugin is None:
        return PluginRemark()
    effects = trait_effects(cluster.state, listed)
    return PluginRemark(
        plugin_remark(plugin, effects.deciding), plugin_json(plugin, effects.deciding), effects.assumptions
    )
