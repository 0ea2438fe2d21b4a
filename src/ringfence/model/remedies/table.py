"""The table of remedies. To add one, write a function that returns the sentence, and add a row here."""

from collections.abc import Callable
from typing import Final, NamedTuple

from ringfence.model.problems import ProblemCode
from ringfence.model.remedies import cluster_policies, metadata, other_kinds, rules, shapes
from ringfence.model.remedies.mistakes import Mistake


class _Row(NamedTuple):
    """A remedy for mistakes of some codes, in some fields or in any.

    `sentence` returns it, or an empty text if the next row is to be tried. With `in_rules` it is for rules of policies
    only.
    """

    codes: tuple[str, ...]
    fields: tuple[str, ...]
    sentence: Callable[[Mistake], str]
    in_rules: bool = False

    def fits(self, mistake: Mistake) -> bool:
        is_here = mistake.is_in_rule or not self.in_rules
        return mistake.code in self.codes and (not self.fields or mistake.field in self.fields) and is_here


def remedy_of(mistake: Mistake) -> str:
    """The sentence that says how to correct the mistake; empty if that is not known."""
    for row in _ROWS:
        if row.fits(mistake) and (remedy := row.sentence(mistake)):
            return remedy
    return ""


_MALFORMED: Final = (ProblemCode.INVALID_VALUE, ProblemCode.UNSUPPORTED_VALUE)
_REQUIRED: Final = (ProblemCode.REQUIRED_VALUE,)
_REFUSED: Final = (*_MALFORMED, *_REQUIRED, ProblemCode.FORBIDDEN_VALUE, ProblemCode.TOO_LONG_VALUE)
_OF_A_TEXT: Final = (*_REFUSED, ProblemCode.WRONG_TYPE, ProblemCode.UNKNOWN_FIELD)
_UNKNOWN: Final = (ProblemCode.UNKNOWN_FIELD,)
_NO_FIELD: Final = ()

_ROWS: Final = (
    # Templates and odd characters first: they explain an error of any field, and better than the field's own remedy.
    _Row(_OF_A_TEXT, _NO_FIELD, shapes.template),
    _Row(_OF_A_TEXT, _NO_FIELD, shapes.odd_character),
    _Row((*_MALFORMED, ProblemCode.TOO_MANY_VALUES), _NO_FIELD, cluster_policies.one_field),
    _Row(_MALFORMED, _NO_FIELD, cluster_policies.empty_list, in_rules=True),
    _Row((ProblemCode.TOO_MANY_VALUES,), _NO_FIELD, cluster_policies.too_many),
    _Row((ProblemCode.UNSUPPORTED_VALUE,), ("action", "tier"), cluster_policies.choice),
    _Row(_MALFORMED, ("priority",), cluster_policies.priority),
    _Row(_REQUIRED, ("from", "to"), cluster_policies.no_peers, in_rules=True),
    _Row(_MALFORMED, ("networks",), cluster_policies.network, in_rules=True),
    _Row(_MALFORMED, ("domainNames",), cluster_policies.domain_name, in_rules=True),
    _Row(_MALFORMED, ("number", "range", "start", "end"), cluster_policies.port, in_rules=True),
    _Row(_MALFORMED, _NO_FIELD, cluster_policies.whole_rule),
    _Row(
        _MALFORMED, ("port",), lambda one: rules.port_name(one) if one.text else rules.port_number(one), in_rules=True
    ),
    _Row(_MALFORMED, ("endPort",), rules.end_port, in_rules=True),
    _Row(_MALFORMED, ("protocol",), rules.protocol, in_rules=True),
    _Row(_MALFORMED, ("policyTypes",), rules.policy_type),
    _Row(_MALFORMED, ("operator",), rules.operator),
    _Row(_REFUSED, ("values",), lambda one: rules.selector_values(one) if one.value is None else metadata.label(one)),
    _Row(_REQUIRED, ("cidr",), rules.no_cidr),
    _Row((*_MALFORMED, ProblemCode.NONSTANDARD_CIDR), ("cidr", "except"), rules.cidr),
    _Row(_REFUSED, ("from", "to"), rules.peer, in_rules=True),
    _Row((*_MALFORMED, *_REQUIRED), ("name", "generateName", "namespace"), metadata.name),
    _Row(_MALFORMED, ("labels",), other_kinds.template_labels),
    _Row((*_MALFORMED, *_REQUIRED), ("selector",), lambda one: "" if one.text else other_kinds.selector(one)),
    _Row(_MALFORMED, ("labels", "matchLabels", "selector", "key"), metadata.label),
    _Row(_MALFORMED, ("port", "targetPort", "containerPort", "hostPort"), other_kinds.port),
    _Row((*_MALFORMED, *_REQUIRED), ("name",), other_kinds.port_name),
    _Row(_MALFORMED, ("protocol",), other_kinds.protocol),
    _Row(_REQUIRED, ("ports",), other_kinds.service_ports),
    _Row((ProblemCode.WRONG_TYPE,), _NO_FIELD, shapes.wrong_type),
    _Row(_UNKNOWN, _NO_FIELD, shapes.of_the_other_direction),
    _Row(_UNKNOWN, _NO_FIELD, shapes.label_of_selector),
    _Row(_UNKNOWN, ("ports", "ipBlock", "podSelector", "namespaceSelector"), cluster_policies.foreign_field),
    _Row(_UNKNOWN, _NO_FIELD, shapes.unknown_field),
    _Row((ProblemCode.MISSING_TYPE,), _NO_FIELD, shapes.missing_type),
    _Row((ProblemCode.NOT_AN_OBJECT,), _NO_FIELD, shapes.not_an_object),
    _Row((ProblemCode.DUPLICATE_KEY,), _NO_FIELD, shapes.duplicate_key),
    _Row((ProblemCode.FORMER_FIELD,), _NO_FIELD, lambda one: f"remove `{one.field}`"),
    _Row((ProblemCode.DUPLICATE_VALUE,), ("networks", "domainNames"), cluster_policies.duplicate),
    _Row((ProblemCode.DUPLICATE_OBJECT,), _NO_FIELD, lambda one: "remove one of the two, or give it a name of its own"),
    # General sentences last: a remedy for the field itself says more.
    _Row(_REFUSED, _NO_FIELD, shapes.what_was_meant),
    _Row(_REQUIRED, _NO_FIELD, other_kinds.missing),
)
"""The rows in the order in which they are tried; the first sentence is used."""
