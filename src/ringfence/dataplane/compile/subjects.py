"""Subjects: the addresses of the node's own pods, and the chain of the profiles of each of them.

`take_changes` returns what has changed since its last call. It processes only pods that were added, removed or got
another identity, identities whose facts have changed, and, if policies have changed, identities that have other
profiles now. So the work does not grow with the cluster.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from ringfence.dataplane.compile.computations import ChainKey, Computations, InSteps, never
from ringfence.dataplane.compile.division import TooComplex
from ringfence.dataplane.compile.large_policies import LargePolicies
from ringfence.dataplane.compile.loading import Loading
from ringfence.dataplane.compile.peer_maps import RulesOfProfiles
from ringfence.dataplane.compile.profile_chains import (
    ProfileChain,
    SharedParts,
    build_chain,
    chain_name,
    denies_everything,
    effort,
    refusal,
)
from ringfence.dataplane.compile.shared_addresses import SharedAddresses
from ringfence.dataplane.program import CLOSED, DENIED, Move, address_key
from ringfence.engine.policies import BEFORE_EVERYTHING, NETWORK_POLICY_TIER, Profile, Stack, own_ports
from ringfence.engine.population import Identity, Member
from ringfence.engine.state import State
from ringfence.errors import KernelError
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES, Addresses, Family
from ringfence.steps import Steps, finish

Address = tuple[Family, int]
Side = tuple[Direction, Family]

MayBuild = Callable[[str], bool]
"""Decides whether a chain may be built now for pods of a namespace, because building it can take long.

The namespace is empty if only policies of the whole cluster have changed, because then no tenant causes the work.
"""

OF_THE_CLUSTER: Final = ""

REBUILT_AT_ONCE: Final = 20_000
"""The effort, in units of 1.5 us, after which no further outgrown chain is built again for the same program."""


def always(namespace: str) -> bool:
    """Postpone nothing."""
    return True


class Changes(NamedTuple):
    """The addresses whose pods have changed, and the moves between chains for each verdict map.

    Selectors may select other pods than before in `namespaces`. If namespaces were `relabelled`, this applies to all
    namespaces.
    """

    addresses: set[Address]
    moves: dict[Side, list[Move]]
    namespaces: frozenset[str]
    relabelled: bool


class PodPlacement(NamedTuple):
    """The chain of one address of one of the node's own pods in one direction, and the reasons for it."""

    pod: Member
    direction: Direction
    address: Address
    chain: str | None
    """The name of the chain; None if the address is not isolated."""
    stack: Stack
    """The profiles of the pod; empty if there are none, or if they are not known yet."""
    refusal: KernelError | None
    """Why no chain could be built for the profiles."""
    is_disputed: bool
    """Whether the address is denied everything because another pod claims it, too."""


class _Isolation(NamedTuple):
    """The profiles of an identity in one direction, and the name of their chain.

    `chain` is None if there are no profiles, or if they allow everything.
    """

    stack: Stack
    chain: str | None


class Subjects:
    """The chain of each address of the node's own pods, in each direction."""

    def __init__(
        self,
        state: State,
        is_local: Callable[[Member], bool],
        is_released: Callable[[Member], bool] = lambda pod: True,
        in_steps: InSteps = never,
    ) -> None:
        self._state = state
        self._is_local = is_local
        self._is_released = is_released
        self._large = LargePolicies(state)
        self._rules = RulesOfProfiles()
        self._addresses = SharedAddresses()
        self.computations = Computations(in_steps)
        self.loading = Loading()
        self._changes = state.population.record_changes()
        self._policies_version = BEFORE_EVERYTHING
        self._namespaces_version = -1
        self._families: tuple[Family, ...] = ()
        self._identities: dict[Member, Identity] = {}
        self._pods: dict[Identity, set[Member]] = {}
        self._isolation: dict[Direction, dict[Identity, _Isolation]] = {direction: {} for direction in Direction}
        self._names: dict[ChainKey, str | None] = {}
        self._names_in_use = 0
        self._chains: dict[str, ProfileChain] = {}
        self._computed_in_steps: set[str] = set()
        """The chains that were computed step by step. They are loaded slowly."""
        self._postponed: set[Identity] = set()
        """The identities in closed namespaces whose current chains are not known."""
        self.closed: frozenset[str] = frozenset()
        """The namespaces whose pods are denied everything: as requested, or because chains are not built or loaded."""
        self._refusals: dict[ChainKey, KernelError] = {}
        self._outgrown: set[str] = set()
        """The chains that are to be built again because their sets have grown."""
        self._placed: dict[Side, dict[bytes, str]] = {(side, family): {} for side in Direction for family in FAMILIES}

    def take_changes(self, closed: frozenset[str] = frozenset(), may_build: MayBuild = always) -> Changes:
        """Return what has changed since the last call.

        Pods in the namespaces `closed` are denied everything, and no chains are built for them. If `may_build` returns
        false for a namespace, its chains are not built in this call, either.
        """
        moved, changed = self._state.population.take_changes(self._changes)
        namespaces = frozenset(one.namespace for some in (moved, changed) for one in some)
        addresses = {address for member in moved if not member.host_network for address in member.addresses}
        identities = self._assign_identities(moved) | (changed & self._pods.keys())
        before, self.closed = self.closed, closed
        resumed = {one for one in self._postponed if one.namespace not in closed}
        self._postponed -= resumed
        placed = addresses | self._update_isolation(identities | resumed, may_build)
        # Also pods about which nothing has changed but that their namespace was closed or opened.
        placed |= self._addresses_in(before ^ self.closed)
        moves = {side: list(self._moves(side, placed)) for side in self._placed}
        return Changes(addresses, moves, namespaces, self._were_relabelled())

    def known_pod(self, address: Address) -> frozenset[Address]:
        """Return all addresses of the node's own pod that has this address; none if the pod is not known yet.

        The pod is known if all pods that may have the address are released. If there are several, the result contains
        only the addresses that all of them have.
        """
        owners = [member for member in self._state.members_at(*address) if self._is_subject(member)]
        if not owners or not all(map(self._is_released, owners)):
            return frozenset()
        return frozenset(owners[0].addresses).intersection(*(owner.addresses for owner in owners[1:]))

    def pods_in(self, namespaces: frozenset[str]) -> int:
        """Count the node's own pods in these namespaces."""
        return sum(member.namespace in namespaces for member in self._identities) if namespaces else 0

    def pod_outside(self, ranges: Addresses) -> Member | None:
        """Return one of the node's own pods that has an address outside `ranges`; None if there is none."""
        for member in self._identities:
            if not all(ranges.contains(*address) for address in member.addresses):
                return member
        return None

    def chains(self, names: Iterable[str]) -> dict[str, ProfileChain]:
        """Return the chains with these names."""
        return {name: self._chains[name] for name in names}

    def placements(self) -> Iterator[PodPlacement]:
        """Yield the chain of each address of the node's own pods, as of the last call of `take_changes`."""
        for pod, identity in self._identities.items():
            for direction, known in self._isolation.items():
                isolation = known.get(identity)
                stack = isolation.stack if isolation else ()
                refusal = self._refusals.get((stack, own_ports(stack, identity))) if self._refusals else None
                for address in pod.addresses:
                    chain = self._placed[direction, address[0]].get(address_key(*address))
                    differs = isolation is not None and isolation.chain != chain and pod.namespace not in self.closed
                    yield PodPlacement(pod, direction, address, chain, stack, refusal, differs)

    def refusals(self) -> list[KernelError]:
        """Return an error for each profile whose pods are closed because its policies are too complex."""
        if not self._refusals:
            return []
        stacks = {isolation.stack for _, isolation in self._all_isolation()}
        return [error for (stack, _), error in self._refusals.items() if stack in stacks]

    def rebuild(self, names: Iterable[str]) -> bool:
        """Build these chains again because their sets have grown, or some of them; returns whether any was built.

        Until then the old form of a chain stays: it allows the same. So only as many are built in one call as
        `REBUILT_AT_ONCE` allows, and the others in later calls: changes of other namespaces must not wait for them.
        """
        self._outgrown |= set(names)
        if not self._outgrown:
            return False
        due = self._due_to_be_rebuilt()
        # A name that is missing here is built again when it is asked for.
        self._names = {key: name for key, name in self._names.items() if name not in due}
        for subject, (stack, chain) in self._all_isolation():
            if chain in due:
                self._chain_name(stack, subject)
        return bool(due)

    @property
    def has_outgrown(self) -> bool:
        """Whether chains are to be built again because their sets have grown."""
        return bool(self._outgrown)

    def _due_to_be_rebuilt(self) -> frozenset[str]:
        """Remove and return outgrown chains, as many as can be built now; drop those that nobody uses any more."""
        stacks = {chain: stack for _, (stack, chain) in self._all_isolation() if chain in self._outgrown}
        due: set[str] = set()
        left = REBUILT_AT_ONCE
        for name in sorted(self._outgrown & stacks.keys()):
            # Before the limit is checked: one chain is always built, however large it is.
            due.add(name)
            left -= effort(stacks[name], self._large)
            if left <= 0:
                break
        self._outgrown &= stacks.keys() - due
        return frozenset(due)

    def _were_relabelled(self) -> bool:
        """Whether namespaces were added, removed or relabelled since the last call."""
        before, self._namespaces_version = self._namespaces_version, self._state.namespaces.version
        return before != self._namespaces_version

    def _assign_identities(self, moved: set[Member]) -> set[Identity]:
        """Record the current identities of the node's own pods that moved; returns these identities."""
        found: set[Identity] = set()
        for member in moved:
            old = self._identities.pop(member, None)
            if old is not None:
                self._pods[old].remove(member)
                if not self._pods[old]:
                    self._forget(old)
            # `moved` also contains replaced members. The state has another member with the same name, or none.
            if self._is_subject(member) and self._state.member(member.reference) is member:
                new = self._identities[member] = self._state.identity(member)
                self._pods.setdefault(new, set()).add(member)
                found.add(new)
        return found & self._pods.keys()

    def _forget(self, identity: Identity) -> None:
        """Drop an identity that none of the node's own pods has."""
        del self._pods[identity]
        self._postponed.discard(identity)
        for known in self._isolation.values():
            known.pop(identity, None)

    def _with_other_policies(self) -> set[Identity]:
        """Return the identities of subjects in namespaces whose policies have changed."""
        tiers = self._state.tiers
        namespaces = tiers.namespaces_changed_since(self._policies_version)
        self._policies_version = tiers.version
        if namespaces is None:
            return set(self._pods)
        return {one for one in self._pods if one.namespace in namespaces} if namespaces else set()

    def _is_subject(self, member: Member) -> bool:
        return bool(member.addresses) and not member.host_network and self._is_local(member)

    def _addresses_in(self, namespaces: frozenset[str]) -> set[Address]:
        """Return the addresses of the node's own pods in these namespaces."""
        if not namespaces:
            return set()
        return {address for one in self._identities if one.namespace in namespaces for address in one.addresses}

    def _update_isolation(self, touched: set[Identity], may_build: MayBuild) -> set[Address]:
        """Update the chains of identities; returns the addresses of pods whose chain has changed.

        The `touched` identities are new, or their facts have changed, so their chains are computed again in any case.
        """
        if self._families_changed():
            # Chains have rules only for the families of the pods' addresses, so all chains are built again.
            touched = set(self._pods)
        asked = touched | self._with_other_policies()
        changed: set[Identity] = set()
        for direction, known in self._isolation.items():
            for identity in asked:
                if identity.namespace in self.closed:
                    self._postponed.add(identity)
                    continue
                before = known.get(identity)
                stack = self._state.tiers.stack(identity, direction)
                # The chain of a touched identity can change although its profiles do not: its named ports may differ.
                if before is None or before.stack != stack or identity in touched:
                    is_own = before is None or identity in touched or _isolating(before.stack) != _isolating(stack)
                    # A tenant has caused the work only if the pod is new or its facts or its own policies have changed.
                    cause = identity.namespace if is_own else OF_THE_CLUSTER
                    if not self._is_ready(stack, identity, cause, may_build):
                        self.closed |= {identity.namespace}
                        self._postponed.add(identity)
                        continue
                    name = self._chain_name(stack, identity)
                    known[identity] = _Isolation(stack, name)
                    if before is None or before.chain != name:
                        changed.add(identity)
        awaited = set(self._awaited())
        self.computations.keep(awaited)
        loading = [(key, name) for key in awaited if (name := self._names.get(key)) is not None]
        self.loading.keep(name for _, name in loading)
        self._forget_unused(loading)
        return {address for identity in changed for member in self._pods[identity] for address in member.addresses}

    def _all_isolation(self) -> Iterator[tuple[Identity, _Isolation]]:
        for known in self._isolation.values():
            yield from known.items()

    def _families_changed(self) -> bool:
        """Whether the address families of the pods have changed since the last call."""
        before, self._families = self._families, tuple(filter(self._state.population.in_family, FAMILIES))
        if before == self._families:
            return False
        # Chains, also those that are being computed, are for the families of before.
        self._names.clear()
        self.computations.keep(())
        return True

    def _chain_name(self, stack: Stack, subject: Identity) -> str | None:
        """Return the name of the chain of a pod's profiles; None if they allow everything. Builds a missing chain."""
        if not stack:
            return None
        if denies_everything(stack):
            return DENIED[stack[0].direction]
        key = stack, own_ports(stack, subject)
        if key not in self._names:
            self._names[key] = self._build(key)
        return self._names[key]

    def _is_ready(self, stack: Stack, subject: Identity, cause: str, may_build: MayBuild) -> bool:
        """Whether the chain of a pod's profiles is loaded, after building and loading as much of it as is permitted."""
        if not self._is_built(stack, subject) and not self._may_be_built(stack, subject, cause, may_build):
            return False
        name = self._chain_name(stack, subject)
        # Nothing is to be loaded for a fixed chain, such as that of refused profiles, or if everything is allowed.
        if name not in self._chains:
            return True
        return self.loading.is_loaded(
            name, self._chains[name], subject.namespace, slowly=name in self._computed_in_steps
        )

    def _may_be_built(self, stack: Stack, subject: Identity, cause: str, may_build: MayBuild) -> bool:
        """Whether a chain may be built now. A chain that takes long must be computed step by step first."""
        key = stack, own_ports(stack, subject)
        is_built = self.computations.begin(
            subject.namespace,
            key,
            # A generator does nothing before its first step, so it costs nothing if it is not needed.
            self._building(key),
            lambda: effort(stack, self._large, of_the_cluster=cause == OF_THE_CLUSTER),
        )
        return may_build(cause) if is_built is None else is_built

    def _building(self, key: ChainKey) -> Steps[ProfileChain | None]:
        stack, ports = key
        return build_chain(
            self._state, stack, ports, self._families, SharedParts(self._large, self._rules, self._addresses)
        )

    def _awaited(self) -> Iterator[ChainKey]:
        """Yield the keys of the chains of postponed identities, which are not built or not loaded yet."""
        for identity in self._postponed:
            for direction in Direction:
                stack = self._state.tiers.stack(identity, direction)
                yield stack, own_ports(stack, identity)

    def _is_built(self, stack: Stack, subject: Identity) -> bool:
        """Whether the chain of a pod's profiles exists already or is not needed."""
        return not stack or denies_everything(stack) or (stack, own_ports(stack, subject)) in self._names

    def _build(self, key: ChainKey) -> str | None:
        stack, ports = key
        in_steps = self.computations.has_built(key)
        try:
            chain = self.computations.take(key) if in_steps else finish(self._building(key))
        except TooComplex as error:
            self._refusals[key] = refusal(stack, error)
            return CLOSED[stack[0].direction]
        self._refusals.pop(key, None)
        if chain is None:
            return None
        name = chain_name(stack, ports)
        self._chains[name] = chain
        if in_steps:
            self._computed_in_steps.add(name)
        return name

    def _forget_unused(self, loading: Sequence[tuple[ChainKey, str]]) -> None:
        """Drop unused chains if there are many of them.

        This iterates over all identities of the node, so it happens only when the number of chains has doubled.
        """
        if len(self._names) <= 2 * self._names_in_use:
            return
        stacks = {isolation.stack for _, isolation in self._all_isolation()} | {key[0] for key, _ in loading}
        names = {isolation.chain for _, isolation in self._all_isolation()} | {name for _, name in loading}
        self._names = {key: name for key, name in self._names.items() if key[0] in stacks}
        self._refusals = {key: error for key, error in self._refusals.items() if key[0] in stacks}
        self._chains = {name: chain for name, chain in self._chains.items() if name in names}
        self._computed_in_steps &= self._chains.keys()
        self._names_in_use = len(self._names)

    def _moves(self, side: Side, addresses: Iterable[Address]) -> Iterator[Move]:
        direction, side_family = side
        placed = self._placed[side]
        for family, number in addresses:
            if family is side_family:
                key = address_key(family, number)
                old, new = placed.get(key), self._chain_at(family, number, direction)
                if old != new:
                    yield Move(key, old, new)
                    if new is None:
                        del placed[key]
                    else:
                        placed[key] = new

    def _chain_at(self, family: Family, number: int, direction: Direction) -> str | None:
        """Return the chain for an address. If two pods claim it and have different chains, the address is closed.

        Only one of the two pods still runs, and ringfence does not know which. Neither pod may get what only the other
        is allowed. The dropped packets count as packets of closed pods, because the policies of the running pod may
        allow them.
        """
        owners = list(filter(self._is_subject, self._state.members_at(family, number)))
        if any(member.namespace in self.closed for member in owners):
            return CLOSED[direction]
        chains = {self._isolation[direction][self._identities[member]].chain for member in owners}
        if len(chains) > 1:
            return CLOSED[direction]
        return chains.pop() if chains else None


def _isolating(stack: Stack) -> list[Profile]:
    """Return the profile of the NetworkPolicies of a pod's own namespace, if there is one."""
    return [profile for profile in stack if profile.tier == NETWORK_POLICY_TIER]
