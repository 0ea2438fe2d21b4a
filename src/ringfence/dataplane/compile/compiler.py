"""Compiling: from the engine's state to the program for the pods of one node.

What did not change is the very same object in one program and the next, so that finding the difference is cheap.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import reduce
from operator import or_

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
from ringfence.dataplane.program import ENFORCING, GROUPS, Chain, Collection, Program, Reaction, base_program
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.errors import KernelError
from ringfence.sets.addresses import FAMILIES, NO_ADDRESSES, Addresses, Family
from ringfence.sets.bitsets import Bitset


class Compiler:
    """Makes the program for a node's own pods, again and again while the state changes."""

    def __init__(
        self,
        state: State,
        is_local: Callable[[Member], bool],
        held: Addresses = NO_ADDRESSES,
        reaction: Reaction = ENFORCING,
        locate: Locate | None = None,
        is_released: Callable[[Member], bool] = lambda pod: True,
        in_steps: InSteps = never,
    ) -> None:
        """`is_local` says which pods are the node's own: only they are isolated here, while peers may be anywhere.

        An address in the ranges `held`, from which the node's own pods have theirs, is closed as long as no pod that is
        known and `is_released` has it; the population says when to ask again (`touch`). `reaction` is what becomes of
        packets that nothing allows. With `locate`, which finds at which ports of bridges the node's own pods are, the
        program guards bridges as well. `in_steps` says which policies are compiled step by step (`compute`): until that
        is done, their pods are closed.
        """
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
        self._port_sets = PortSets(locate) if locate else None
        self._last = Program()
        self._skeleton = base_program(
            holds=held != NO_ADDRESSES, reaction=reaction, with_bridges=self._port_sets is not None
        )

    @property
    def closed(self) -> frozenset[str]:
        """The namespaces whose pods are denied everything in the last program: those asked for, and those postponed."""
        return self._subjects.closed

    @property
    def loaded_for(self) -> frozenset[str]:
        """The namespaces for which parts of large chains are new in the last program, or are gone."""
        return frozenset(self._subjects.loading.loaded_for)

    @property
    def has_leftovers(self) -> bool:
        """Whether the last program had parts of large chains that are not needed any more: the next one has fewer."""
        return self._subjects.loading.has_leftovers

    @property
    def computing(self) -> frozenset[str]:
        """The namespaces whose pods are closed until what is computed step by step is done: no program helps before."""
        return self._subjects.computations.namespaces & self.closed

    def compute(self, rank: Callable[[str], float]) -> str | None:
        """Do a step of what is computed, for the namespace with the lowest rank, and return it; None if all is done."""
        return self._subjects.computations.go_on(rank)

    def pods_in(self, namespaces: frozenset[str]) -> int:
        """How many of the node's own pods are in some namespaces."""
        return self._subjects.pods_in(namespaces)

    def placements(self) -> Iterator[PodPlacement]:
        """What is to be in force for each of the node's own pods, as of the last program."""
        return self._subjects.placements()

    def pod_outside(self, ranges: Addresses) -> Member | None:
        """One of the node's own pods that has an address outside of `ranges`; None if there is none."""
        return self._subjects.pod_outside(ranges)

    def program(
        self,
        closed: frozenset[str] = frozenset(),
        may_build: MayBuild = always,
        present: Program | None = None,
        may_load: MayBuild = always,
    ) -> Program:
        """The program for the present state.

        Pods in the namespaces `closed` are denied everything, whatever their policies say. What has to be built for a
        namespace is postponed if `may_build` refuses, and its pods are denied everything, too, until a later program.
        With the program that is `present` in the kernel, so are those whose chains would take long to load: of these,
        each program has more parts (`loading`), if `may_load` allows it where they were computed step by step; and of
        those that are gone, if it allows that, fewer.
        """
        loading = self._subjects.loading
        loading.begin(present, may_load)
        if present is not None:
            for groups in self._groups.values():
                groups.adopt(present)
        changes = self._subjects.take_changes(closed, may_build)
        self._isolation.apply_moves(changes.moves)
        known = {address: self._subjects.known_pod(address) for address in changes.addresses}
        self._isolation.mark_known({address: bool(pod) for address, pod in known.items()})
        chains = self._subjects.chains(self._isolation.chains())
        self._track(chains, changes)
        if outgrown := self._outgrown(chains):
            self._subjects.rebuild(outgrown)
            chains = self._subjects.chains(chains)
            self._track(chains, changes)
        self._classes.update(self._tracked_maps.values())
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
        """The program with these sets, maps and chains; it shares the chains with the last one if they are the same."""
        program = self._skeleton.changed(collections, chains)
        if program.chains == self._last.chains:
            program = self._last.with_collections(program.collections)
        self._last = program
        return program

    def refusals(self) -> list[KernelError]:
        """Why the pods of some profiles are closed in the last program: their policies are too complex."""
        return self._subjects.refusals()

    def _track(self, chains: Mapping[str, ProfileChain], changes: Changes) -> None:
        """Bring the sets and maps of pods that the chains look into up to date, and forget all others."""
        wanted = {name: pods for chain in chains.values() for name, pods in chain.pods.items()}
        wanted_maps = {name: peers for chain in chains.values() for name, peers in chain.maps.items()}
        self._tracked = {name: one for name, one in self._tracked.items() if name in wanted}
        are_others = wanted_maps.keys() != self._tracked_maps.keys()
        if are_others:
            self._tracked_maps = {name: one for name, one in self._tracked_maps.items() if name in wanted_maps}
        new_maps = {name: one for name, one in wanted_maps.items() if name not in self._tracked_maps}
        # Most pods that come and go are as others are: then selectors select the same identities as before.
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
            self._tracked_maps[name] = TrackedMap(peers, rules, self._state, common)
        if are_others:
            self._maps_of = {family: dict[str, TrackedMap]() for family in FAMILIES}
            for name, one in self._tracked_maps.items():
                self._maps_of[one.family][name] = one
        for family, groups in self._groups.items():
            selected = [one.selected for rules, one in self._tracked_rules.items() if rules.family is family]
            groups.update(self._maps_of[family], owners, reduce(or_, selected, 0), changed[family])

    def _refresh_maps(self) -> dict[Family, Bitset]:
        """Bring what rules decide about peers up to date; returns the identities of which maps say something else."""
        self._selected_peers.refresh()
        for tracked in self._tracked_rules.values():
            tracked.refresh()
        changed = dict.fromkeys(FAMILIES, 0)
        for tracked_map in self._tracked_maps.values():
            changed[tracked_map.family] |= tracked_map.refresh()
        return changed

    def _track_rules(self, maps: Iterable[PeerMap]) -> None:
        """Find out what rules decide about peers for new maps, and forget what no map needs any more."""
        wanted = {rules for one in maps for rules in one.all_profiles}
        wanted.update(*(one.all_profiles for one in self._tracked_maps.values()))
        if wanted == self._tracked_rules.keys():
            return
        self._tracked_rules = {rules: one for rules, one in self._tracked_rules.items() if rules in wanted}
        for rules in wanted - self._tracked_rules.keys():
            self._tracked_rules[rules] = TrackedRules(rules, self._state, self._selected_peers)
        self._selected_peers.keep(peers for one in self._tracked_rules.values() for peers in one.peers)

    def _outgrown(self, chains: Mapping[str, ProfileChain]) -> frozenset[str]:
        """The chains whose own sets have become so large that they may have to be built in another way."""
        sets = {name for name, tracked in self._tracked.items() if tracked.has_outgrown()}
        return frozenset(name for name, chain in chains.items() if not sets.isdisjoint(chain.pods))
