"""The rules, one file each. A new rule is a file here and an entry below."""

from typing import Final

from ringfence.lint.rule import LintRule
from ringfence.lint.rules import (
    direction_not_listed,
    dns_blocked,
    dns_wrong_namespace,
    empty_egress_without_type,
    except_defeated,
    except_swallows,
    half_open,
    label_not_on_template,
    or_instead_of_and,
    peer_selects_nothing,
    replicas_apart,
    selects_nothing,
    service_port,
    shadowed_rule,
    unknown_port_name,
)

RULES: Final[tuple[LintRule, ...]] = (
    selects_nothing.RULE,
    peer_selects_nothing.RULE,
    or_instead_of_and.RULE,
    direction_not_listed.RULE,
    empty_egress_without_type.RULE,
    shadowed_rule.RULE,
    service_port.RULE,
    unknown_port_name.RULE,
    half_open.RULE,
    dns_blocked.RULE,
    dns_wrong_namespace.RULE,
    except_swallows.RULE,
    except_defeated.RULE,
    label_not_on_template.RULE,
    replicas_apart.RULE,
)
"""All rules, by identifier."""
