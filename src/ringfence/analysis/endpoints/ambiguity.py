"""Names that match several objects, such as a pod and a Deployment: they are refused only if the answers differ."""

from collections.abc import Callable, Sequence
from itertools import product
from typing import TypeVar

from ringfence.analysis.endpoints.endpoints import Endpoint, ambiguous

Result = TypeVar("Result")


def agreed(
    choices: Sequence[tuple[Endpoint, ...]],
    ask: Callable[..., Result],
    meaning: Callable[[Result], object],
) -> Result:
    """The answer to a question about texts that may each name several endpoints (`choices`), with the first of each.

    `ask` answers for one endpoint of each text. Raises EndpointError if answers differ in their `meaning`.
    """
    # Usually the pod of a name belongs to the workload of the same name, and then the answers agree: no need to refuse.
    first, *others = [ask(*endpoints) for endpoints in product(*choices)]
    if others and any(meaning(other) != meaning(first) for other in others):
        raise ambiguous(next(endpoints for endpoints in choices if len(endpoints) > 1))
    return first
