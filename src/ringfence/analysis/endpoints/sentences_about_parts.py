"""Sentences about parts of the pods that an `any-pod:` endpoint names."""

import re
from collections.abc import Iterable, Sequence

from ringfence.analysis.endpoints.endpoints import Endpoint


def about_endpoints(sentences: Iterable[str], endpoints: Sequence[Endpoint]) -> tuple[str, ...]:
    """Sentences, each once: one that is the same for several parts of an endpoint is about the endpoint.

    Policies divide its pods into parts. What an answer assumes, such as an address, is often the same for all of them.
    """
    whole = {str(end): endpoint.text for endpoint in endpoints if len(endpoint.parts) > 1 for end in endpoint.ends}
    if not whole:
        return tuple(dict.fromkeys(sentences))
    # The longest name first, and only whole names: `any-pod:prod/app=web` begins `any-pod:prod/app=web,tier=front`.
    names = "|".join(map(re.escape, sorted(whole, key=len, reverse=True)))
    pattern = re.compile(rf"({names})(?=[\s:]|$)")
    of_endpoints: dict[str, list[str]] = {}
    for sentence in dict.fromkeys(sentences):
        of_endpoints.setdefault(pattern.sub(lambda found: whole[found[1]], sentence), []).append(sentence)
    return tuple(some[0] if len(some) == 1 else sentence for sentence, some in of_endpoints.items())
