"""What rules are told about a cluster beyond its objects."""

from typing import Final

import msgspec


class LintSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the input does not say.

    `complete` says that the input is the whole cluster: what it does not hold does not exist. `plugin` is the network
    plugin that enforces the policies (`ovn-kubernetes`), or empty. `pod_cidrs` and `service_cidrs` are the ranges of
    which pods and Services get their addresses, `ingress_namespaces` the namespaces with ingress controllers.
    """

    complete: bool = False
    plugin: str = ""
    pod_cidrs: tuple[str, ...] = ()
    service_cidrs: tuple[str, ...] = ()
    ingress_namespaces: tuple[str, ...] = ()


DEFAULT_SETTINGS: Final = LintSettings()
