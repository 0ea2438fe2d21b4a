"""What a list of answers assumes about pods: as values that can be compared, and as sentences.

Several pods about which the same is assumed are one sentence, in which they are counted and one of them is named. So
are several policies that are assumed not to apply to the same hostNetwork pods.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from ringfence.engine.policies import Assumption, pods_text
from ringfence.engine.population import Member

_MOST_POLICIES: Final = 3
_SOME_PODS: Final = "some pods"


class AssumedMatches(msgspec.Struct, frozen=True):
    """The pods about which each fact is assumed, in groups, and the hostNetwork pods to which policies do not apply.

    That policies do not apply to these is assumed; `unapplied` has the pods by the name of the policy.
    """

    about: Mapping[Assumption, frozenset[frozenset[Member]]]
    unapplied: Mapping[str, frozenset[Member]]

    def and_of(self, about: Mapping[Assumption, frozenset[Member]]) -> "AssumedMatches":
        """The same, and what else is assumed about some pods."""
        others = {one: frozenset((pods,)) for one, pods in about.items()}
        # What is already known wins: it may be divided into groups, while `about` is one group for each assumption.
        return AssumedMatches({**others, **self.about}, self.unapplied)

    def in_general(self) -> Iterator[str]:
        """What is assumed, in words that do not change with the pods."""
        yield from (assumption.of(_SOME_PODS, several=True) for assumption in self.about)
        for policy in self.unapplied:
            yield f"{_SOME_PODS} use their nodes' network: {policy} is assumed not to apply to them"

    def sentences(self) -> Iterator[str]:
        """What is assumed, in words."""
        names: dict[frozenset[frozenset[Member]], tuple[str, bool]] = {}
        for assumption, groups in self.about.items():
            # The same is often assumed about very many pods for one block after another.
            if groups not in names:
                pods = frozenset[Member]().union(*groups)
                names[groups] = (pods_text(pods), len(pods) > 1)
            named, several = names[groups]
            yield assumption.of(named, several=several)
        yield from _unapplied_sentences(self.unapplied)


def _unapplied_sentences(unapplied: Mapping[str, frozenset[Member]]) -> Iterator[str]:
    """The policies that are assumed not to apply to hostNetwork pods; those about the same pods together."""
    by_hosts: defaultdict[frozenset[Member], list[str]] = defaultdict(list)
    for policy in sorted(unapplied):
        by_hosts[unapplied[policy]].append(policy)
    for hosts, policies in by_hosts.items():
        use, them = ("use their nodes'", "them") if len(hosts) > 1 else ("uses its node's", "it")
        # A cluster can have hundreds of such policies; three show the pattern and keep the sentence in one line.
        named = ", ".join(policies[:_MOST_POLICIES]) + (" ..." if len(policies) > _MOST_POLICIES else "")
        are = "are" if len(policies) > 1 else "is"
        yield f"{pods_text(hosts)} {use} network: {named} {are} assumed not to apply to {them}"
