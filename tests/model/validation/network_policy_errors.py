"""The errors that the API server reports about a NetworkPolicy, as text, and the rules that they quote."""

from collections.abc import Iterable
from typing import Final

from ringfence.model.objects import NetworkPolicy
from ringfence.model.server_versions import NEWEST, ServerVersion
from ringfence.model.validation import network_policy_errors

DIRECTIONS: Final = (("ingress", "from"), ("egress", "to"))

KEY_RULE: Final = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
VALUE_RULE: Final = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
SUBDOMAIN_RULE: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL_RULE: Final = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)


def errors_of(policy: NetworkPolicy, server: ServerVersion = NEWEST) -> list[str]:
    return [str(error) for error in network_policy_errors(policy, server)]


def at(path: str, complaints: Iterable[str]) -> list[str]:
    """Complaints whose paths were relative to `path`; those that start with a colon are about `path` itself."""
    return [path + complaint if complaint.startswith(":") else f"{path}.{complaint}" for complaint in complaints]
