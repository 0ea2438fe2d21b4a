"""All verdicts at once, in a form that does not grow with pods squared.

For each identity as a source there is a partition of all identities by the traffic that passes to them. Its egress half
comes directly from the source's policies. The ingress halves are known by destination, so they are transposed: every
destination's row says, as one byte for each source, which of the different traffics it lets in; the columns of those
rows are the ingress half by source.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from itertools import islice
from operator import and_, attrgetter, itemgetter, or_
from typing import Final

from ringfence.engine.policies import Stack, own_ports
from ringfence.engine.population import Identity
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Addresses, Family
from ringfence.sets.bitsets import Bitset
from ringfence.sets.partitions import Partition, combined, merged
from ringfence.sets.traffic import Traffic

ConnectivityRow = Partition[Bitset, Traffic]


_BLOCK: Final = 64
"""The number of sources whose ingress halves are kept at a time: each block takes one step for each destination."""


def connectivity_rows(
    state: State, sources: Iterable[Identity] | None = None
) -> Iterator[tuple[Identity, ConnectivityRow]]:
    """For each identity, ordered by namespace, the identities that it reaches and with what traffic.

    With `sources`, for each of these, in their order. Cells without traffic are left out. What a pod may always do
    (reach itself) is not in the rows.
    """
    telling = state.population.decisive_families()
    incoming = {family: _Incoming(state, family) for family in telling}
    if sources is None:
        sources = sorted(state.population.identities(), key=attrgetter("namespace"))
    remaining = iter(sources)
    while block := list(islice(remaining, _BLOCK)):
        # Callers may give an identity for each of their pods, so a block can have the same one many times.
        different = list(dict.fromkeys(block))
        ingress = {
            family: dict(zip(different, incoming[family].by_source(different), strict=True)) for family in telling
        }
        for source in block:
            over = {
                family: combined(_egress(state, source, family), ingress[family][source], and_)
                # Families in which no rule differs give equal rows, so one of them is enough (`decisive_families`). A
                # source without a known address is judged over the first.
                for family in [family for family in telling if family in source.families] or telling[:1]
            }
            yield source, [(peers, traffic) for peers, traffic in merged(_row(state, source, over)) if traffic]


def allowed_addresses(state: State, subject: Identity, direction: Direction) -> Partition[Addresses, Traffic]:
    """The addresses outside the cluster that `subject` may reach (or be reached from), by traffic."""
    cells = state.tiers.allowed_addresses(subject, direction)
    return [(within, traffic) for within, traffic in cells if traffic]


def side_row(state: State, subject: Identity, direction: Direction, stack: Stack | None = None) -> ConnectivityRow:
    """The traffic that `subject`'s side allows with every identity that it can meet, over all that both have.

    With a `stack`, as if these policies were those that select it, such as policies that were in force before.
    """
    telling = state.population.decisive_families()
    own = [family for family in telling if family in subject.families] or telling[:1]
    policies = state.tiers.stack(subject, direction) if stack is None else stack
    ports = own_ports(policies, subject)
    return _row(state, subject, {family: state.tiers.peers_of(policies, ports, family) for family in own})


def _egress(state: State, source: Identity, family: Family) -> ConnectivityRow:
    return state.tiers.allowed_peers(source, Direction.EGRESS, family)


def _row(state: State, source: Identity, over: dict[Family, ConnectivityRow]) -> ConnectivityRow:
    """The traffic that is allowed over every family that both ends have, given what is allowed over each."""
    having = state.population.in_family
    if len(over) == 1:
        (row,) = over.values()
        return _within(row, reduce(or_, map(having, source.families)))
    (a, over_a), (b, over_b) = over.items()
    return [
        *_within(combined(over_a, over_b, and_), having(a) & having(b)),
        *_within(over_a, having(a) & ~having(b)),
        *_within(over_b, having(b) & ~having(a)),
    ]


def _within(row: ConnectivityRow, bits: Bitset) -> ConnectivityRow:
    return [(within, traffic) for peers, traffic in row if (within := peers & bits)]


class _Incoming:
    """The ingress of every identity over one family, kept by destination and read by source.

    A row is the destination's: byte s of it is the code of the traffic let in from source s, 0 for none. Codes fit into
    a byte, so more than 255 different traffics take several layers of rows.
    """

    def __init__(self, state: State, family: Family) -> None:
        population = state.population
        self._width = population.everyone.bit_length()
        self._traffics: list[Traffic] = []
        self._layers: list[list[bytes]] = []
        numbers: dict[Traffic, int] = {}
        encoded: dict[tuple[tuple[Bitset, Traffic], ...], dict[int, bytes]] = {}
        for destination in population.identities():
            row = tuple(state.tiers.allowed_peers(destination, Direction.INGRESS, family))
            # Destinations with the same policies have equal rows: each is encoded once, and the layers share its bytes.
            if row not in encoded:
                encoded[row] = self._encode(
                    [(peers, self._number(numbers, traffic)) for peers, traffic in row if traffic]
                )
            for layer, line in encoded[row].items():
                self._layers[layer][destination.bit] = line

    def by_source(self, sources: Sequence[Identity]) -> list[ConnectivityRow]:
        """For each source, the destinations that let something in from it, by what they let in."""
        pick = _picker([source.bit for source in sources])
        found: list[ConnectivityRow] = [[] for _ in sources]
        for layer, lines in enumerate(self._layers):
            # `zip(*rows)` is the transposition: one tuple of bytes for each source, made in C.
            for row, column in zip(found, zip(*map(pick, lines), strict=True), strict=True):
                row.extend(self._decode(layer, bytes(column)))
        return found

    def _number(self, numbers: dict[Traffic, int], traffic: Traffic) -> int:
        number = numbers.setdefault(traffic, len(numbers))
        if number == len(self._traffics):
            self._traffics.append(traffic)
            if number % _CODES == 0:
                self._layers.append([bytes(self._width)] * self._width)
        return number

    def _encode(self, row: Iterable[tuple[Bitset, int]]) -> dict[int, bytes]:
        lines: defaultdict[int, int] = defaultdict(int)
        for peers, number in row:
            layer, code = divmod(number, _CODES)
            # Bits become bytes by `format` and `translate`, which run in C; a loop over the members would take a step
            # for each pair of identities.
            digits = format(peers, f"0{self._width}b").encode()
            lines[layer] |= int.from_bytes(digits.translate(_DIGITS_TO_CODE[code]), "little")
        return {layer: line.to_bytes(self._width, "big") for layer, line in lines.items()}

    def _decode(self, layer: int, column: bytes) -> ConnectivityRow:
        return [
            (int(column[::-1].translate(_CODE_TO_DIGITS[code - 1]), 2), self._traffics[layer * _CODES + code - 1])
            for code in set(column) - {0}
        ]


# A byte has 256 values, and 0 means that nothing is let in.
_CODES = 255
_DIGITS_TO_CODE = [bytes.maketrans(b"01", bytes((0, code + 1))) for code in range(_CODES)]
_CODE_TO_DIGITS = [b"0" * (code + 1) + b"1" + b"0" * (_CODES - 1 - code) for code in range(_CODES)]


def _picker(bits: Sequence[int]) -> Callable[[bytes], tuple[int, ...]]:
    """Takes the bytes at `bits` out of a row."""
    # `itemgetter` with one key returns the item itself, not a tuple of one.
    if len(bits) == 1:
        return lambda row: (row[bits[0]],)
    return itemgetter(*bits)
