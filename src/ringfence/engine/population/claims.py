"""Which pod has an address that several pods claim.

A pod keeps its addresses in its status for as long as its object exists. A finalizer, which every user who may change
the pod can set, keeps the object for ever, while the network plugin gives the address to another pod. So neither the
object nor how long it has claimed the address says who has it, but only what the kubelet does and writes into the
status, which tenants cannot write: which containers run, whether there is a network, and when.

- A pod that is being deleted and whose containers have all ended has no address any more (`is_over`): nothing in it can
  send, and the kubelet does not start it again.

Of the pods that are left, each of these rules decides as long as more than one pod claims the address; a rule that
would leave no pod decides nothing:

1. A pod on a Node that is gone loses: the plugin gives the range of a Node to another one.
2. A pod that the kubelet reports without a network loses (condition PodReadyToStartContainers): while its sandbox is
   made again, it still reports the address of the last one.
3. A pod that is being deleted and of which no container runs loses.
4. Of pods of one Node, that one has it whose network was seen last. An address is given away only after its last owner
   has lost it, so the times at which two pods had it never overlap, and any time in them shows the order. Other Nodes
   have other clocks.

If several pods still claim it, each is granted only what all of them are, because it is not known which one has it.

Source: `pkg/kubelet/kubelet_pods.go`, `pkg/kubelet/pleg/generic.go` (`getPodIPs`), `pkg/kubelet/status/generate.go` of
Kubernetes; Kubernetes documentation, "Pod Lifecycle".
"""

from collections.abc import Callable, Container
from typing import Final, Protocol, TypeVar

import msgspec

from ringfence.model.objects import Pod

_HAS_NETWORK: Final = ("PodReadyToStartContainers", "PodHasNetwork")
"""The condition that a pod has its network, and its name before Kubernetes 1.28."""

_LENGTH_OF_TIME: Final = len("2026-01-01T00:00:00Z")
"""The API server writes these times in this form only, in which the order of the texts is that of the times."""


class Claim(msgspec.Struct, frozen=True):
    """What the kubelet has reported about the network of a pod."""

    has_network: bool = True
    """Whether its network is not reported to be missing."""
    is_ending: bool = False
    """Whether it is being deleted and none of its containers runs."""
    last_seen: str = ""
    """The last time at which its network was there for sure; empty if none is known."""


NO_CLAIM: Final = Claim()
"""Nothing is known: every pod for which this holds has the same object."""


class Claimant(Protocol):
    """A pod that claims an address."""

    @property
    def node(self) -> str:
        """The name of its Node."""

    @property
    def claim(self) -> Claim:
        """What is known about its network."""


C = TypeVar("C", bound=Claimant)


def claim_of(pod: Pod) -> Claim:
    """What the status of a pod says about its network."""
    status = pod.status
    has_network, runs, last_seen = True, False, ""
    # Every pod passes here: one loop takes a third of the time of separate ones.
    for condition in status.conditions or ():
        if condition.type in _HAS_NETWORK:
            has_network = condition.status != "False"
            if condition.status == "True":
                last_seen = _later(last_seen, condition.last_transition_time)
    for some in (status.container_statuses, status.init_container_statuses, status.ephemeral_container_statuses):
        for container in some or ():
            # The kubelet makes the network before it starts a container, and removes it after all have ended.
            if running := container.state.running:
                runs, last_seen = True, _later(last_seen, running.started_at)
            elif terminated := container.state.terminated:
                last_seen = _later(last_seen, terminated.finished_at)
    is_ending = pod.metadata.deletion_timestamp is not None and not runs
    return Claim(has_network, is_ending, last_seen) if last_seen or is_ending or not has_network else NO_CLAIM


def is_over(pod: Pod) -> bool:
    """Whether the pod is being deleted and all its containers have ended: then it has no address any more."""
    if pod.metadata.deletion_timestamp is None:
        return False
    status = pod.status
    reported = status.container_statuses or ()
    others = (*(status.init_container_statuses or ()), *(status.ephemeral_container_statuses or ()))
    return (
        len(reported) >= len(pod.spec.containers or ()) > 0
        and all(one.state.terminated for one in reported)
        and not any(one.state.running for one in others)
    )


def likely_owners(claimants: list[C], nodes: Container[str]) -> list[C]:
    """Those of several pods that may have the address which all of them claim; `nodes` are the Nodes that exist."""
    # The order matters: a rule only compares the pods that the rules before it have left.
    left = _those(claimants, lambda one: one.node in nodes)
    left = _those(left, lambda one: one.claim.has_network)
    left = _those(left, lambda one: not one.claim.is_ending)
    if len({one.node for one in left}) > 1 or not all(one.claim.last_seen for one in left):
        return left
    last = max(one.claim.last_seen for one in left)
    return _those(left, lambda one: one.claim.last_seen == last)


def _those(claimants: list[C], may_own: Callable[[C], bool]) -> list[C]:
    """The claimants that may own the address by one rule; all of them, if the rule would leave none."""
    return [one for one in claimants if may_own(one)] or claimants


def _later(last_seen: str, time: str | None) -> str:
    return time if time and len(time) == _LENGTH_OF_TIME and time > last_seen else last_seen
