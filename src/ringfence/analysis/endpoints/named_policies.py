"""Looks up policies by name: `prod/db-policy`, or `cnp/tenant-guard` for a cluster-scoped policy.

The words for kinds are those of kubectl: the short name, the singular and the plural, also with the group, which
distinguishes AWS's ClusterNetworkPolicy from that of SIG Network.
"""

from collections.abc import Iterator

from ringfence.analysis.endpoints.endpoint_text import similar
from ringfence.engine.population import Reference
from ringfence.engine.state import State
from ringfence.errors import InputError
from ringfence.model.kinds import KINDS, Kind


def named_policy(state: State, text: str, namespace: str) -> Reference:
    """The policy that a text names; a name alone is a NetworkPolicy in `namespace`. Raises InputError if there is none.

    If a namespace has the name of a kind (`cnp`), a policy of the kind takes precedence.
    """
    space, slash, name = text.rpartition("/")
    kinds = list(_kinds(space)) if slash else []
    of_kinds = [one for kind in kinds if state.has(one := Reference("", kind.key, name))]
    if len(of_kinds) > 1:
        full = " or ".join(f"{kind.plural}.{kind.group}/{name}" for kind in kinds)
        raise InputError(f"{text}: there are several policies of this name: use {full}")
    reference = of_kinds[0] if of_kinds else Reference(space if slash else namespace, "NetworkPolicy", name)
    if state.has(reference):
        return reference
    known = list(policy_names(state))
    if kinds:
        raise InputError(f"{text}: there is no {kinds[0].name} {name}{similar(text, known)}")
    message = f"there is no NetworkPolicy {name} in namespace {reference.namespace}"
    wanted = f"{reference.namespace}/{name}"
    # The same name in another place is a better guess than a similar name.
    of_administrators = [one for one in known if one.rpartition("/")[2] == name and one != wanted]
    meant = f"; did you mean {of_administrators[0]}?" if of_administrators else similar(wanted, known)
    raise InputError(f"{text}: {message}{meant}")


def policy_names(state: State) -> Iterator[str]:
    """The names of all policies in force, as `named_policy` accepts them."""
    for policy in state.tiers.policies():
        kind = KINDS.keyed(policy.kind)
        assert kind is not None
        yield f"{policy.namespace or kind.short_name}/{policy.name}"


def _kinds(word: str) -> Iterator[Kind]:
    """The cluster-scoped kinds of policies that a word means."""
    for kind in KINDS.policies():
        words = (kind.short_name, kind.name.lower(), kind.plural, f"{kind.plural}.{kind.group}")
        if not kind.is_namespaced and word.lower() in words:
            yield kind
