"""The compiler: makes the program for the pods of one node from the engine's state.

A set, map or chain that does not change is the same object in consecutive programs. This makes comparing them cheap.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import reduce
from operator import or_
from typing import Final, NamedTuple

from ringfence.dataplane.compile.class_numbers import ClassNumbers
from ringfence.dataplane.compile.computations import InSteps, never
from ringfence.dataplane.compile.isolation import Isolation
from ringfence.dataplane.compile.peer_groups import PeerGroups
from ringfence.dataplane.compile.peer_maps import PeerMap, PeerRules
from ringfence.dataplane.compile.peers import TrackedSet, owners_of
from ringfence.dataplane.compile.ports import Locate, PortSets
from ringfence.dataplane.compile.profile_chains import ProfileChain
from ringfence.dataplane.compile.selected_peers import SelectedPeers
from ringfence.dataplane.compile.subjects import Changes, MayBuild, PodPlacement, Subjects, always
from ringfence.dataplane.compile.tracked_maps import SharedClasses, TrackedMap
from ringfence.dataplane.compile.tracked_rules import TrackedRules
from ringfence.dataplane.program import ENFORCING, GROUPS, TUNNELS, Chain, Collection, Program, Reaction, base_program
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.errors import KernelError
from ringfence.sets.addresses import FAMILIES, NO_ADDRESSES, Addresses, Family
from ringfence.sets.bitsets import Bitset


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
        self._selected_peers = SelectedPeers(state)
        self._tracked_rules: dict[PeerRules, TrackedRules] = {}
        self._tracked_maps: dict[str, TrackedMap] = {}
        self._maps_of = {family: dict[str, TrackedMap]() for family in FAMILIES}
        self._groups = {family: PeerGroups(family, state) for family in FAMILIES}
        self._classes = SharedClasses()
        self._class_numbers = ClassNumbers()
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
            self._track(chains, changes)
        self._classes.update(self._tracked_maps.values())
        self._class_numbers.forget_unused(self._classes.chains)
        collections: dict[str, Collection] = dict(self._isolation.collections())
        compiled = {name: chain.chain for name, chain in chains.items()}
        for chain in chains.values():
            compiled |= chain.parts
        compiled |= self._classes.chains
        for chain in chains.values():
            collections |= chain.fixed
        collections |= self._classes.collections
        collections |= loading.collections
        compiled |= loading.chains
        collections |= {name: tracked.set for name, tracked in self._tracked.items()}
        for tracked_map in self._tracked_maps.values():
            collections |= tracked_map.collections
        used = {tracked.family for tracked in self._tracked_maps.values()}
        collections |= {GROUPS[family]: self._groups[family].map for family in FAMILIES if family in used}
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
        wanted = {name: pods for chain in chains.values() for name, pods in chain.pods.items()}
        wanted_maps = {name: peers for chain in chains.values() for name, peers in chain.maps.items()}
        self._tracked = {name: one for name, one in self._tracked.items() if name in wanted}
        are_others = wanted_maps.keys() != self._tracked_maps.keys()
        if are_others:
            self._tracked_maps = {name: one for name, one in self._tracked_maps.items() if name in wanted_maps}
        new_maps = {name: one for name, one in wanted_maps.items() if name not in self._tracked_maps}
        # Most pods that are added or removed have the same labels as other pods, so the selectors select the same
        # identities as before.
        may_select_others = changes.relabelled or bool(changes.namespaces)
        changed = self._refresh_maps() if may_select_others else dict.fromkeys(FAMILIES, 0)
        if are_others:
            self._track_rules(new_maps.values())
        owners = owners_of(self._state, changes.addresses)
        for tracked in self._tracked.values():
            tracked.refresh(owners, changes.namespaces, relabelled=changes.relabelled)
        for name in wanted.keys() - self._tracked.keys():
            self._tracked[name] = TrackedSet(wanted[name], self._state)
        for name, peers in new_maps.items():
            rules, common = (
                [self._tracked_rules[one] for one in some.profiles] if some else [] for some in (peers, peers.common)
            )
            self._tracked_maps[name] = TrackedMap(peers, rules, self._state, self._class_numbers, common)
        if are_others:
            self._maps_of = {family: dict[str, TrackedMap]() for family in FAMILIES}
            for name, one in self._tracked_maps.items():
                self._maps_of[one.family][name] = one
        for family, groups in self._groups.items():
            selected = [one.selected for rules, one in self._tracked_rules.items() if rules.family is family]
            groups.update(self._maps_of[family], owners, reduce(or_, selected, 0), changed[family])

    def _refresh_maps(self) -> dict[Family, Bitset]:
        """Update what rules decide about peers; returns the identities for which a map has changed, by family."""
        self._selected_peers.refresh()
        for tracked in self._tracked_rules.values():
            tracked.refresh()
        changed = dict.fromkeys(FAMILIES, 0)
        for tracked_map in self._tracked_maps.values():
            changed[tracked_map.family] |= tracked_map.refresh()
        return changed

    def _track_rules(self, maps: Iterable[PeerMap]) -> None:
        """Start to track the rules that new maps need, and stop for rules that no map needs."""
        wanted = {rules for one in maps for rules in one.all_profiles}
        wanted.update(*(one.all_profiles for one in self._tracked_maps.values()))
        if wanted == self._tracked_rules.keys():
            return
        self._tracked_rules = {rules: one for rules, one in self._tracked_rules.items() if rules in wanted}
        for rules in wanted - self._tracked_rules.keys():
            self._tracked_rules[rules] = TrackedRules(rules, self._state, self._selected_peers)
        self._selected_peers.keep(peers for one in self._tracked_rules.values() for peers in one.peers)

    def _outgrown(self, chains: Mapping[str, ProfileChain]) -> frozenset[str]:
        """Return the chains with a set of their own that has grown so much that the chain may need another form."""
        sets = {name for name, tracked in self._tracked.items() if tracked.has_outgrown()}
        return frozenset(name for name, chain in chains.items() if not sets.isdisjoint(chain.pods))


def _has_tunnels(collections: Mapping[str, Collection]) -> bool:
    tunnels = collections.get(TUNNELS)
    return tunnels is not None and bool(tunnels.elements)
