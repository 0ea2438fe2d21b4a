"""The universe of possible pods, as regions of labels (`sets.regions`).

A possible pod is in an existing namespace, whose labels are known, or in one that does not exist yet (`to_come`), with
any labels and a new name. So the first axis of a region is the name of the namespace. Below an existing name, regions
never depend on labels of the namespace, because they are known; below all other names they may. Then follow the labels
of the pod, and last the names that the pod, as a destination, gives to the port of the connection.
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
    """The value of a label of a namespace that does not exist yet."""
    return OrderedAxis(_NAMESPACE_RANK, key)


def pod_axis(key: str) -> OrderedAxis:
    """The value of a label of the pod."""
    return OrderedAxis(_POD_RANK, key)


def port_axis(name: PortName) -> OrderedAxis:
    """Whether the pod gives the destination port this name, for its protocol: any value if it does."""
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
    """Creates the regions of one computation, whose steps are counted.

    `supposed` are additional namespaces that count as existing, with their labels. Universes of two clusters can be
    compared if they share `regions` and have the same existing namespaces.
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
        # A dict as an ordered set: descriptions list namespaces in this order in every process.
        self.existing = dict.fromkeys(sorted([*namespaces.names(), *self._supposed]))
        """The names of the existing namespaces, in alphabetical order."""
        nothing, everything = self.regions.nothing, self.regions.everything
        existing: dict[LabelValue, Region] = dict.fromkeys(self.existing, nothing)
        self.to_come = self.regions.node(NAME, existing, everything)
        """The possible pods of namespaces that do not exist yet."""
        self._selected: dict[PodSelection, Region] = {}
        self._labelled: dict[Selector, Region] = {}

    def labels(self, name: str) -> Labels:
        """The labels of an existing namespace."""
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
        """The possible pods whose labels a selector matches, in any namespace."""
        region = self._labelled.get(selector)
        if region is None:
            region = self.regions.box((pod_axis(term.key), values_of(term)) for term in selector.terms)
            self._labelled[selector] = region
        return region

    def in_namespace(self, name: str, pods: Region) -> Region:
        """The pods of a region that are in the namespace with this name."""
        return self.regions.node(NAME, {name: pods}, self.regions.nothing)

    def in_namespaces(self, selector: Selector, pods: Region) -> Region:
        """The pods of a region that are in namespaces, existing or not, whose labels a selector matches."""
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
        # The namespaces of `State.supposing_pods` are temporary. For this universe they do not exist yet.
        matching = filter(self.existing.__contains__, self.namespaces.named(self.namespaces.select(selector)))
        supposed = (name for name, labels in self._supposed.items() if selector.matches(labels))
        listed |= dict.fromkeys(chain(matching, supposed), pods)
        return self.regions.node(NAME, listed, to_come if names.is_complement else nothing)

    def with_port_name(self, name: PortName) -> Region:
        """Every possible pod that gives the destination port this name."""
        return self.regions.along(port_axis(name), PRESENT)


def _names_meeting(term: Term) -> LabelValues:
    """The names of namespaces that meet a requirement; all names if it is about another label."""
    return values_of(term, of_name=True) if term.key == NAME_LABEL else PRESENT
