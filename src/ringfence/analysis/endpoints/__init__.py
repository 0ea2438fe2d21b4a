"""What the text of an endpoint names, and where a connection to it leads."""

from ringfence.analysis.endpoints.ambiguity import agreed
from ringfence.analysis.endpoints.assumed_translations import translation_assumptions
from ringfence.analysis.endpoints.destination_targets import Targets, targets
from ringfence.analysis.endpoints.endpoint_text import KINDS, parse_endpoint, similar
from ringfence.analysis.endpoints.endpoints import Endpoint, alternatives, check_namespace, resolve
from ringfence.analysis.endpoints.internet import internet_addresses
from ringfence.analysis.endpoints.named_policies import named_policy, policy_names
from ringfence.analysis.endpoints.ports import AskedPorts, PortArgument, PortEntry, PortName, asked_ports, parse_port
from ringfence.analysis.endpoints.representatives import (
    possible_pods_endpoint,
    represented,
    represented_alone,
    selection_of,
)
from ringfence.analysis.endpoints.sentences_about_parts import about_endpoints
from ringfence.analysis.endpoints.services import (
    Backend,
    backends,
    families_of,
    is_headless,
    selected_members,
    target_port,
)
from ringfence.analysis.endpoints.targets_by_address import address_targets
from ringfence.analysis.endpoints.translations import Translation

__all__ = [
    "KINDS",
    "AskedPorts",
    "Backend",
    "Endpoint",
    "PortArgument",
    "PortEntry",
    "PortName",
    "Targets",
    "Translation",
    "about_endpoints",
    "address_targets",
    "agreed",
    "alternatives",
    "asked_ports",
    "backends",
    "check_namespace",
    "families_of",
    "internet_addresses",
    "is_headless",
    "named_policy",
    "parse_endpoint",
    "parse_port",
    "policy_names",
    "possible_pods_endpoint",
    "represented",
    "represented_alone",
    "resolve",
    "selected_members",
    "selection_of",
    "similar",
    "target_port",
    "targets",
    "translation_assumptions",
]
