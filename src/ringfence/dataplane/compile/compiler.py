"""The compiler: makes the program for the pods of one node from the engine's state.

A set, map or chain that does not change is the same object in consecutive programs. This makes comparing them cheap.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from ringfence.dataplane.compile.class_numbers import ClassNumbers
from ringfence.dataplane.compile.computations import InSteps, never
from ringfence.dataplane.compile.isolation import Isolation
from ringfence.dataplane.compile.maps_in_use import MapsInUse
from ringfence.dataplane.compile.peer_groups import PeerGroups
from ringfence.dataplane.compile.peer_maps import PeerMap
from ringfence.dataplane.compile.peers import PodSet, TrackedSet, owners_of
from ringfence.dataplane.compile.ports import Locate, PortSets
from ringfence.dataplane.compile.profile_chains import ProfileChain
from ringfence.dataplane.compile.subjects import Changes, MayBuild, PodPlacement, Subjects, always
from ringfence.dataplane.compile.tracked_maps import SharedClasses
from ringfence.dataplane.program import ENFORCING, GROUPS, TUNNELS, Chain, Collection, Program, Reaction, base_program
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.errors import KernelError
from ringfence.sets.addresses import FAMILIES, NO_ADDRESSES, Addresses


class NodeGuard(NamedTuple):
    """How the program guards a node besides the policies of its pods.

    `held` are the ranges from which the node's own pods get their addresses. An address in them is closed until a known
    pod has it for which `is_released` is true. The compiler calls `is_released` again for pods that the population
    reports as changed (`touch`).

    `reaction` decides what happens to packets that no rule allows. `locate` finds the bridge ports of the node's own
    pods; with it, the program also guards bridges.
    """

    held: Addresses = NO_ADDRESSES
    reaction: Reaction = ENFORCING
    locate: Locate | None = None
    is_released: Callable[[Member], bool] = lambda pod: True


NOTHING_HELD: Final = NodeGuard()


class Compiler:
    """Makes the program for a node's own pods, and updates it when the state changes."""

    def __init__(
        self,
        state: State,
        is_local: Callable[[Member], bool],
        guard: NodeGuard = NOTHING_HELD,
        in_steps: InSteps = never,
    ) -> None:
        """Create a compiler for one node.

        `is_local` decides whether a pod is the node's own. The program isolates only these pods; peers can be on any
        node. `in_steps` decides which policies are compiled step by step (`compute`). The pods of such policies are
        closed until the compilation is done.
        """
        held, reaction, locate, is_released = guard
        self._state = state
        self._subjects = Subjects(state, is_local, is_released, in_steps)
        self._isolation = Isolation(held)
        self._tracked: dict[str, TrackedSet] = {}
        self._groups = {family: PeerGroups(family, state) for family in FAMILIES}
        self._classes = SharedClasses()
        self._class_numbers = ClassNumbers()
        self._maps = MapsInUse(state, self._class_numbers)
        self._used = _UsedByChains({})
        self._port_sets = PortSets(locate) if locate else None
        self._last = Program()
        self._skeleton, self._skeleton_with_tunnels = (
            base_program(
                holds=held != NO_ADDRESSES,
                reaction=reaction,
                with_bridges=self._port_sets is not None,
                with_tunnels=with_tunnels,
            )
            for with_tunnels in (False, True)
        )

    @property
    def closed(self) -> frozenset[str]:
        """The namespaces whose pods the last program denies everything: as requested, or because chains are missing."""
        return self._subjects.closed

    @property
    def loaded_for(self) -> frozenset[str]:
        """The namespaces for which the last program adds or removes parts of large chains."""
        return frozenset(self._subjects.loading.loaded_for)

    @property
    def has_leftovers(self) -> bool:
        """Whether the last program contains unused parts of large chains, or chains whose form no longer suits.

        The next program contains fewer of them.
        """
        return self._subjects.loading.has_leftovers or self._subjects.has_outgrown

    @property
    def computing(self) -> frozenset[str]:
        """The namespaces whose pods are closed until a computation ends. No program opens them before that."""
        return self._subjects.computations.namespaces & self.closed

    def compute(self, rank: Callable[[str], float]) -> str | None:
        """Do one step for the namespace with the lowest rank, and return the namespace; None if nothing is left."""
        return self._subjects.computations.advance(rank)

    def pods_in(self, namespaces: frozenset[str]) -> int:
        """Count the node's own pods in these namespaces."""
        return self._subjects.pods_in(namespaces)

    def placements(self) -> Iterator[PodPlacement]:
        """Yield the chain that each address of the node's own pods has in the last program."""
        return self._subjects.placements()

    def pod_outside(self, ranges: Addresses) -> Member | None:
        """Return one of the node's own pods that has an address outside `ranges`; None if there is none."""
        return self._subjects.pod_outside(ranges)

    def program(
        self,
        closed: frozenset[str] = frozenset(),
        may_build: MayBuild = always,
        present: Program | None = None,
        may_load: MayBuild = always,
    ) -> Program:
        """Make the program for the current state.

        Pods in the namespaces `closed` are denied everything, regardless of their policies. If `may_build` returns
        false for a namespace, the compiler does not build its chains now, and the pods are denied everything until a
        later program.

        `present` is the program in the kernel. If it is given, chains that take long to load are loaded in parts
        (`loading`): each program has more parts, and the pods are denied everything until all parts are there. Unused
        parts are removed over several programs, too. `may_load` decides for which namespaces a program may add parts
        of chains that were computed step by step, or remove unused parts.
        """
        loading = self._subjects.loading
        loading.begin(present, may_load)
        if present is not None:
            # The numbers of an earlier process are taken over, so that a restart changes no element.
            self._class_numbers.adopt(present)
            for groups in self._groups.values():
                groups.adopt(present)
        changes = self._subjects.take_changes(closed, may_build)
        self._isolation.apply_moves(changes.moves)
        known = {address: self._subjects.known_pod(address) for address in changes.addresses}
        self._isolation.mark_known({address: bool(pod) for address, pod in known.items()})
        chains = self._subjects.chains(self._isolation.chains())
        self._track(chains, changes)
        if self._subjects.rebuild(self._outgrown(chains)):
            chains = self._subjects.chains(chains)
            # A chain in another form uses other sets, so these are tracked once more.
            self._track(chains, changes)
        self._classes.update(self._maps.maps)
        self._class_numbers.forget_unused(self._classes.chains)
        used = self._used
        collections: dict[str, Collection] = {**dict(self._isolation.collections()), **used.collections}
        compiled = {**used.compiled, **self._classes.chains, **loading.chains}
        collections |= self._classes.collections
        collections |= loading.collections
        collections |= {name: tracked.set for name, tracked in self._tracked.items()}
        for tracked_map in self._maps.maps.values():
            collections |= tracked_map.collections
        collections |= {
            GROUPS[family]: self._groups[family].map for family, maps in self._maps.of_family.items() if maps
        }
        if self._port_sets:
            moved = any(changes.moves.values())
            collections |= self._port_sets.update(known, self._isolation.is_isolated, moved=moved)
            collections |= self._isolation.held_on_bridges()
        return loading.with_leftovers(self._joined(collections, compiled), chains)

    def _joined(self, collections: Mapping[str, Collection], chains: Mapping[str, Chain]) -> Program:
        """Return the program with these sets, maps and chains. It shares equal chains with the last program."""
        skeleton = self._skeleton_with_tunnels if _has_tunnels(collections) else self._skeleton
        program = skeleton.changed(collections, chains)
        if program.chains == self._last.chains:
            program = self._last.with_collections(program.collections)
        self._last = program
        return program

    def refusals(self) -> list[KernelError]:
        """Return an error for each profile whose pods are closed because its policies are too complex."""
        return self._subjects.refusals()

    def _track(self, chains: Mapping[str, ProfileChain], changes: Changes) -> None:
        """Update the sets and maps of pods that the chains use, and drop all others."""
        if chains != self._used.chains:
            self._used = _UsedByChains(chains)
            self._tracked = {name: one for name, one in self._tracked.items() if name in self._used.pods}
            self._maps.keep(self._used.maps)
        # Most pods that are added or removed have the same labels as other pods, so the selectors select the same
        # identities as before.
        may_select_others = changes.relabelled or bool(changes.namespaces)
        # Before new maps are added: these are computed from the present state and need no refresh.
        changed = self._maps.refresh() if may_select_others else dict.fromkeys(FAMILIES, 0)
        self._maps.add(self._used.maps)
        owners = owners_of(self._state, changes.addresses)
        for tracked in self._tracked.values():
            tracked.refresh(owners, changes.namespaces, relabelled=changes.relabelled)
        for name in self._used.pods.keys() - self._tracked.keys():
            self._tracked[name] = TrackedSet(self._used.pods[name], self._state)
        for family, groups in self._groups.items():
            groups.update(self._maps.of_family[family], owners, self._maps.selected(family), changed[family])

    def _outgrown(self, chains: Mapping[str, ProfileChain]) -> frozenset[str]:
        """Return the chains with a set of their own that has grown so much that the chain may need another form."""
        sets = {name for name, tracked in self._tracked.items() if tracked.has_outgrown()}
        if not sets:
            return frozenset()
        return frozenset(name for name, chain in chains.items() if not sets.isdisjoint(chain.pods))


class _UsedByChains:
    """Everything that the profile chains of a program use, by name. Most changes of pods leave these chains alone."""

    def __init__(self, chains: Mapping[str, ProfileChain]) -> None:
        self.chains = chains
        self.compiled: dict[str, Chain] = {name: chain.chain for name, chain in chains.items()}
        """The chains themselves, and their parts."""
        self.collections: dict[str, Collection] = {}
        """Their sets and maps that do not depend on pods."""
        self.pods: dict[str, PodSet] = {}
        self.maps: dict[str, PeerMap] = {}
        for _, fixed, pods, maps, parts in chains.values():
            # Most are empty, and a node has thousands.
            if parts:
                self.compiled |= parts
            if fixed:
                self.collections |= fixed
            if pods:
                self.pods |= pods
            if maps:
                self.maps |= maps


def _has_tunnels(collections: Mapping[str, Collection]) -> bool:
    tunnels = collections.get(TUNNELS)
    return tunnels is not None and bool(tunnels.elements)
