"""Describes the network plugins that were found in a cluster, their versions and their settings."""

from collections.abc import Iterable, Mapping
from enum import Enum

import msgspec

from ringfence.doctor.objects import DaemonSet
from ringfence.doctor.observed import Observed
from ringfence.plugins import ChosenTrait, PluginTraits, named_plugin, traits_of


class Presence(Enum):
    """Whether a plugin runs on a node."""

    READY = "ready"
    NOT_READY = "not ready"
    UNKNOWN = "unknown"
    """The pods of the plugin cannot be listed."""


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin that was found in a cluster.

    `plugin` is its name in the table of plugins, and `shown_by` the object that shows it. `settings` are the values of
    the settings on which its traits depend. `nodes` are the nodes on which the plugin runs; it does not run on any
    other node. `unproven` is the reason why it may be another program. `doubts` are reasons why it may not behave as
    its traits say. `switched_off` names the setting that disables enforcement.
    """

    plugin: str
    shown_by: str
    nodes: Mapping[str, Presence]
    version: str = ""
    settings: Mapping[str, str] = {}
    unproven: str = ""
    doubts: tuple[str, ...] = ()
    switched_off: str = ""

    @property
    def traits(self) -> PluginTraits:
        """The traits of the plugin in this version and with these settings."""
        return traits_of(named_plugin(self.plugin), self.version, self.settings)

    @property
    def switch(self) -> ChosenTrait:
        """The trait for whether the plugin enforces policies at all."""
        return self.traits.chosen["enforcement"]

    @property
    def enforces(self) -> bool:
        """Whether the plugin enforces policies on the nodes on which it runs."""
        return not self.switched_off and self.switch.trait.value == "yes"

    @property
    def why_not(self) -> str:
        """Why the plugin does not enforce policies: the setting that disables it, or the text of its trait."""
        settings = ", ".join(f"{key} is {value}" for key, value in self.switch.trait.setting.items())
        return self.switched_off or settings or self.switch.trait.text

    @property
    def title(self) -> str:
        """The name of the plugin in texts, without its version."""
        return self.traits.title

    @property
    def name(self) -> str:
        """The name of the plugin in texts, with its version."""
        return self.traits.name


def doubted(sighting: Sighting, doubt: str) -> Sighting:
    """A copy of a sighting with one more doubt."""
    return msgspec.structs.replace(sighting, doubts=(*sighting.doubts, doubt))


def nodes_of(observed: Observed, daemon_set: DaemonSet) -> dict[str, Presence]:
    """The nodes on which the pods of a DaemonSet run, and whether the pods are ready."""
    if observed.is_unseen(pods_of(daemon_set)):
        return {node.name: Presence.UNKNOWN for node in observed.nodes}
    found: dict[str, Presence] = {}
    for pod in observed.pods.get(daemon_set.key, ()):
        if pod.spec.node_name and found.get(pod.spec.node_name) is not Presence.READY:
            found[pod.spec.node_name] = Presence.READY if pod.is_ready else Presence.NOT_READY
    return found


def pods_of(daemon_set: DaemonSet) -> str:
    """The text that names the pods of a DaemonSet in `Observed.unseen`."""
    return f"the pods of {daemon_set.title}"


def image_version(images: Iterable[str]) -> str:
    """The version in the tag of the first image that has a tag; empty if this tag is not a version.

    A digest does not contain a version. Source: github.com/distribution/reference.
    """
    for image in images:
        # A registry can have a port, so only a colon after the last slash begins a tag.
        name = image.partition("@")[0].rpartition("/")[2]
        tag = name.partition(":")[2].removeprefix("v")
        if tag:
            numbers = tag.split("-")[0].split("+")[0]
            return numbers if numbers.replace(".", "").isdigit() and not numbers.startswith(".") else ""
    return ""
