"""`validate` says what the real API server says, word for word, of whatever can be wrong with a policy."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from ringfence.model.objects import (
    IPBlock,
    NetworkPolicy,
    NetworkPolicyIngressRule,
    NetworkPolicyPeer,
    NetworkPolicySpec,
    PolicyMeta,
)
from ringfence.model.policies import defaulted
from ringfence.model.validation import validate, warnings

from .control_plane import Answer, ControlPlane, running
from .odd_policies import blocks, policies

POLICIES = "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies?dryRun=All&fieldValidation=Strict"

agreement = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


class Judgement(NamedTuple):
    """Why a policy is refused, or what it is accepted with.

    In no order: servers have changed theirs, and that of several bad labels is one of chance.
    """

    errors: list[str]
    warnings: list[str]


def judgement_of_server(answer: Answer) -> Judgement:
    causes = answer.body["details"]["causes"] if answer.status != 201 else []
    return Judgement(sorted({f"{cause['field']}: {cause['message']}" for cause in causes}), sorted(answer.warnings))


def our_judgement(policy: NetworkPolicy, *, strict_cidrs: bool = True) -> Judgement:
    stored = defaulted(policy)
    errors = validate(stored, strict_cidrs=strict_cidrs)
    # A server that refuses a policy does not come to warn of it.
    return Judgement(sorted(map(str, errors)), [] if errors else sorted(map(str, warnings(stored))))


def create(api_server: ControlPlane, policy: NetworkPolicy) -> Answer:
    identity = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
    return api_server.request("POST", POLICIES, identity | msgspec.to_builtins(policy))


@agreement
@given(policies)
def test_any_policy(api_server: ControlPlane, policy: NetworkPolicy) -> None:
    assert our_judgement(policy) == judgement_of_server(create(api_server, policy))


def blocking(block: IPBlock) -> NetworkPolicy:
    rule = NetworkPolicyIngressRule(peers=(NetworkPolicyPeer(ip_block=block),))
    return NetworkPolicy(PolicyMeta(name="x"), NetworkPolicySpec(ingress=(rule,)))


@agreement
@given(blocks)
def test_any_block_of_addresses(api_server: ControlPlane, block: IPBlock) -> None:
    assert our_judgement(blocking(block)) == judgement_of_server(create(api_server, blocking(block)))


@pytest.fixture(scope="module")
def older_server(real_parts: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A server that takes CIDRs as leniently as all did before Kubernetes 1.36."""
    with running(tmp_path_factory.mktemp("older"), "--feature-gates=StrictIPCIDRValidation=false") as control_plane:
        yield control_plane


@agreement
@given(blocks)
def test_any_block_of_addresses_as_older_servers_take_it(older_server: ControlPlane, block: IPBlock) -> None:
    policy = blocking(block)
    assert our_judgement(policy, strict_cidrs=False) == judgement_of_server(create(older_server, policy))
