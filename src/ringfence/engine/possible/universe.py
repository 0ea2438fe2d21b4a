"""The universe of pods that could exist, as regions of labels (`sets.regions`).

A pod to come is in a namespace that exists, whose labels are known, or in one to come, with any labels and a name of
its own. So a region asks first for the name of the namespace. Below the name of one that exists it never asks for
labels of the namespace: they are known. Below all other names it does. Then come the labels of the pod, and last the
names that the pod, as a destination, gives to the port that is connected to.
"""

from collections.abc import Mapping
from functools import reduce
from itertools import chain
from typing import Final

from ringfence.engine.policies import PodSelection
from ringfence.engine.population import NAME_LABEL, Namespaces, PortName
from ringfence.engine.possible.axes import values_of
from ringfence.model.metadata import Labels
from ringfence.model.selectors import EVERYTHING, Selector, Term
from ringfence.sets.boxes import Step, no_limit
from ringfence.sets.label_values import PRESENT, LabelValue, LabelValues
from ringfence.sets.regions import OrderedAxis, Region, Regions

NAME: Final = OrderedAxis(0, NAME_LABEL)
"""The name of the namespace. Every namespace has one, so no region lists `ABSENT` for it."""

NO_LABELS_BY_NAME: Final[Mapping[str, Labels]] = {}

_NAMESPACE_RANK, _POD_RANK, _PORT_RANK = 1, 2, 3


def namespace_axis(key: str) -> OrderedAxis:
    """The value of a label of a namespace to come."""
    return OrderedAxis(_NAMESPACE_RANK, key)


def pod_axis(key: str) -> OrderedAxis:
    """The value of a label of the pod."""
    return OrderedAxis(_POD_RANK, key)


def port_axis(name: PortName) -> OrderedAxis:
    """Whether the pod gives the port that is connected to this name, for its protocol: any value if it does."""
    return OrderedAxis(_PORT_RANK, "/".join(name))


def is_about_pods(axis: OrderedAxis) -> bool:
    """Whether an axis is a label of the pod."""
    return axis.rank == _POD_RANK


def is_about_namespaces(axis: OrderedAxis) -> bool:
    """Whether an axis is the name or a label of the namespace."""
    return axis.rank < _POD_RANK


def is_about_ports(axis: OrderedAxis) -> bool:
    """Whether an axis is a name of a port."""
    return axis.rank == _PORT_RANK


class Universe:
    """Makes the regions of one computation, of which each step counts.

    `supposed` are namespaces that no object mentions, with their labels: they are taken to exist. Universes of two
    clusters that share `regions`, and in which the same namespaces exist, can be compared.
    """

    def __init__(
        self,
        namespaces: Namespaces,
        step: Step = no_limit,
        supposed: Mapping[str, Labels] = NO_LABELS_BY_NAME,
        regions: Regions | None = None,
    ) -> None:
        self.regions = Regions(step) if regions is None else regions
        self.namespaces = namespaces
        self._supposed = {name: labels for name, labels in supposed.items() if not namespaces.exists(name)}
        self.existing = dict.fromkeys(sorted([*namespaces.names(), *self._supposed]))
        """The names of the namespaces that exist, in alphabetical order."""
        nothing, everything = self.regions.nothing, self.regions.everything
        existing: dict[LabelValue, Region] = dict.fromkeys(self.existing, nothing)
        self.to_come = self.regions.node(NAME, existing, everything)
        """The possible pods of namespaces to come."""
        self._selected: dict[PodSelection, Region] = {}
        self._labelled: dict[Selector, Region] = {}

    def labels(self, name: str) -> Labels:
        """The labels of a namespace that exists."""
        return self._supposed.get(name) or self.namespaces.labels(name)

    def selected(self, selection: PodSelection) -> Region:
        """The possible pods that a selection selects."""
        region = self._selected.get(selection)
        if region is None:
            pods = self.labelled(selection.pods)
            if selection.namespace is not None:
                region = self.in_namespace(selection.namespace, pods)
            else:
                region = self.in_namespaces(selection.namespaces or EVERYTHING, pods)
            self._selected[selection] = region
        return region

    def labelled(self, selector: Selector) -> Region:
        """The possible pods whose labels a selector matches, wherever they are."""
        region = self._labelled.get(selector)
        if region is None:
            region = self.regions.box((pod_axis(term.key), values_of(term)) for term in selector.terms)
            self._labelled[selector] = region
        return region

    def in_namespace(self, name: str, pods: Region) -> Region:
        """Some pods, as far as they are in the namespace of this name."""
        return self.regions.node(NAME, {name: pods}, self.regions.nothing)

    def in_namespaces(self, selector: Selector, pods: Region) -> Region:
        """Some pods, as far as they are in namespaces, existing or to come, whose labels a selector matches."""
        names = reduce(LabelValues.__and__, map(_names_meeting, selector.terms), PRESENT)
        labels = [term for term in selector.terms if term.key != NAME_LABEL]
        to_come = self.regions.box((namespace_axis(term.key), values_of(term)) for term in labels) & pods
        nothing = self.regions.nothing
        listed: dict[LabelValue, Region] = {
            name: to_come if names.contains(name) else nothing
            for name in names.listed
            if name is not None and name not in self.existing
        }
        listed |= dict.fromkeys(self.existing, nothing)
        # A namespace that is only supposed to exist for now is still one to come.
        matching = filter(self.existing.__contains__, self.namespaces.named(self.namespaces.select(selector)))
        supposed = (name for name, labels in self._supposed.items() if selector.matches(labels))
        listed |= dict.fromkeys(chain(matching, supposed), pods)
        return self.regions.node(NAME, listed, to_come if names.is_complement else nothing)

    def with_port_name(self, name: PortName) -> Region:
        """Every pod that gives the port that is connected to this name."""
        return self.regions.along(port_axis(name), PRESENT)


def _names_meeting(term: Term) -> LabelValues:
    """The names of namespaces that meet a requirement: all, if it is about another label."""
    return values_of(term, of_name=True) if term.key == NAME_LABEL else PRESENT
