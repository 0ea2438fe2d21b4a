"""Policies that the API server refuses, each with its error."""

from typing import Final, NamedTuple

from tests.semantics.mistakes import policy


class Refusal(NamedTuple):
    """Manifests that the API server or kubectl refuses, and a part of the error message."""

    number: int
    title: str
    manifests: str
    message: str


REFUSALS: Final = (
    Refusal(
        21,
        "an exception that is not inside the block",
        policy("""
            podSelector: {matchLabels: {app: db}}
            ingress:
            - from:
              - ipBlock: {cidr: 10.0.0.0/8, except: [192.168.0.0/16]}
        """),
        'spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "192.168.0.0/16": must be a strict subset of `cidr`',
    ),
    Refusal(
        22,
        "a range that starts with a name",
        policy("""
            podSelector: {matchLabels: {app: db}}
            ingress:
            - ports: [{port: http, endPort: 8090}]
        """),
        "spec.ingress[0].ports[0].endPort: Invalid value: 8090: may not be specified when `port` is non-numeric",
    ),
    Refusal(
        22,
        "a range as text",
        policy("""
            podSelector: {matchLabels: {app: db}}
            ingress:
            - ports: [{port: "8080-8090"}]
        """),
        'spec.ingress[0].ports[0].port: Invalid value: "8080-8090": must contain at least one letter (a-z)',
    ),
    Refusal(
        23,
        "a selector without matchLabels, which would be one of all pods",
        policy("podSelector: {app: db}"),
        'unknown field "spec.podSelector.app"',
    ),
    Refusal(
        23,
        "matchLabels misspelt, which would be a selector of all pods",
        policy("podSelector: {matchLabel: {app: db}}"),
        'unknown field "spec.podSelector.matchLabel"',
    ),
    Refusal(
        27,
        "two lists of peers in one rule, of which kubectl keeps the last",
        policy("""
            podSelector: {matchLabels: {app: db}}
            ingress:
            - from: [{podSelector: {matchLabels: {app: web}}}]
              from: [{podSelector: {matchLabels: {app: api}}}]
        """),
        'key "from" already set in map',
    ),
    Refusal(
        30,
        "from in a rule of egress, without which the rule allows everything",
        policy("""
            podSelector: {matchLabels: {app: db}}
            policyTypes: [Egress]
            egress:
            - from: [{podSelector: {matchLabels: {app: web}}}]
        """),
        'unknown field "spec.egress[0].from"',
    ),
    Refusal(
        32,
        "a label that YAML takes for a number",
        policy("podSelector: {matchLabels: {version: 1.10}}"),
        "spec.podSelector.matchLabels of type string",
    ),
    Refusal(
        32,
        "a label that YAML takes for a truth",
        policy("podSelector: {matchLabels: {enabled: yes}}"),
        "cannot unmarshal bool",
    ),
)
