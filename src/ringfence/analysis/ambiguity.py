"""Names that fit several objects, such as a pod and a Deployment: they are refused only if the answers differ."""

from collections.abc import Sequence
from typing import TypeVar

from ringfence.analysis.endpoints import Endpoint, ambiguous
from ringfence.analysis.questions import Answer

AnswerT = TypeVar("AnswerT", bound=Answer)


def agreed(answers: Sequence[AnswerT]) -> AnswerT:
    """The first of the answers to one question, one for each combination of what its two texts may name.

    Raises EndpointError if the answers differ.
    """
    first, *others = answers
    if any((other.result, other.traffic) != (first.result, first.traffic) for other in others):
        sources, destinations = ([answer.source for answer in answers], [answer.destination for answer in answers])
        raise ambiguous(sources if len(_different(sources)) > 1 else destinations)
    return first


def _different(endpoints: Sequence[Endpoint]) -> set[object]:
    return {endpoint.reference for endpoint in endpoints}
