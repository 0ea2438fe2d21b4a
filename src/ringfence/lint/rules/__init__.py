"""The rules, one file each. A new rule is a file here and an entry below."""

from typing import Final

from ringfence.lint.rule import LintRule
from ringfence.lint.rules import (
    cidr_host_bits,
    direction_not_listed,
    dns_blocked,
    dns_wrong_namespace,
    duplicate_policy,
    empty_egress_without_type,
    except_defeated,
    except_swallows,
    half_open,
    implicit_ingress_isolation,
    label_not_on_template,
    namespace_missing,
    or_instead_of_and,
    peer_selects_nothing,
    port_range,
    replicas_apart,
    selects_nothing,
    service_port,
    shadowed_rule,
    strict_decoding,
    tcp_only,
    unknown_port_name,
    unread_policy,
)

RULES: Final[tuple[LintRule, ...]] = (
    selects_nothing.RULE,
    peer_selects_nothing.RULE,
    or_instead_of_and.RULE,
    direction_not_listed.RULE,
    implicit_ingress_isolation.RULE,
    empty_egress_without_type.RULE,
    shadowed_rule.RULE,
    service_port.RULE,
    unknown_port_name.RULE,
    half_open.RULE,
    dns_blocked.RULE,
    dns_wrong_namespace.RULE,
    cidr_host_bits.RULE,
    except_swallows.RULE,
    except_defeated.RULE,
    namespace_missing.RULE,
    duplicate_policy.RULE,
    label_not_on_template.RULE,
    port_range.RULE,
    tcp_only.RULE,
    unread_policy.RULE,
    strict_decoding.RULE,
    replicas_apart.RULE,
)
"""All rules, by identifier."""
