"""Sightings: the network plugins that show in a cluster, their versions and their settings."""

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
    """Its pods cannot be listed."""


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin in a cluster, and what shows it.

    `plugin` is its name in the table of plugins. `settings` are those on which its traits depend, as they are set.
    `nodes` are those on which it runs; a node that is not among them has nothing of it. `unproven` says why it
    is not certain that it is this plugin, and `doubts` why it may not do what its traits say. `switched_off` says where
    it is configured to enforce nothing.
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
        """How the plugin enforces policies as it is."""
        return traits_of(named_plugin(self.plugin), self.version, self.settings)

    @property
    def switch(self) -> ChosenTrait:
        """The trait that says whether it enforces policies at all."""
        return self.traits.chosen["enforcement"]

    @property
    def enforces(self) -> bool:
        """Whether it enforces policies where it runs."""
        return not self.switched_off and self.switch.trait.value == "yes"

    @property
    def why_not(self) -> str:
        """Why it does not enforce policies: the setting that turns it off, or what it is."""
        settings = ", ".join(f"{key} is {value}" for key, value in self.switch.trait.setting.items())
        return self.switched_off or settings or self.switch.trait.text

    @property
    def title(self) -> str:
        """What texts call the plugin."""
        return self.traits.title

    @property
    def name(self) -> str:
        """What texts call it, with its version."""
        return self.traits.name


def doubted(sighting: Sighting, doubt: str) -> Sighting:
    """A sighting with one more doubt."""
    return msgspec.structs.replace(sighting, doubts=(*sighting.doubts, doubt))


def nodes_of(observed: Observed, daemon_set: DaemonSet) -> dict[str, Presence]:
    """On which nodes the pods of a DaemonSet are, and whether they are ready there."""
    if observed.is_unseen(pods_of(daemon_set)):
        return {node.name: Presence.UNKNOWN for node in observed.nodes}
    found: dict[str, Presence] = {}
    for pod in observed.pods.get(daemon_set.key, ()):
        if pod.spec.node_name and found.get(pod.spec.node_name) is not Presence.READY:
            found[pod.spec.node_name] = Presence.READY if pod.is_ready else Presence.NOT_READY
    return found


def pods_of(daemon_set: DaemonSet) -> str:
    """What the pods of a DaemonSet are called where they cannot be read."""
    return f"the pods of {daemon_set.title}"


def image_version(images: Iterable[str]) -> str:
    """The version that the tag of the first image with a tag names; empty if it names none.

    A digest names no version. Source: github.com/distribution/reference.
    """
    for image in images:
        name = image.partition("@")[0].rpartition("/")[2]
        tag = name.partition(":")[2].removeprefix("v")
        if tag:
            numbers = tag.split("-")[0].split("+")[0]
            return numbers if numbers.replace(".", "").isdigit() and not numbers.startswith(".") else ""
    return ""
