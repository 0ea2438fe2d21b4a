"""Policies that are kept as their server wrote them."""

import json
import re
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cluster_policy_strategies import cluster_policies
from tests.model.artificial_kind import CLUSTER_POLICY
from tests.semantics.objects import admits, block, labelled, policy
from tests.strategies import policies

from ringfence.errors import DecodingError
from ringfence.model.cluster_policies import ClusterPolicy
from ringfence.model.decoding import decode, stored_tree
from ringfence.model.kinds import KINDS
from ringfence.model.objects import NetworkPolicy
from ringfence.model.policies import without_rules
from ringfence.sources.cluster.undecoded import Undecoded

KIND = next(kind for kind in KINDS if kind.name == "NetworkPolicy")
BLOCKS = [block(f"10.{i >> 8}.{i & 255}.0/24") for i in range(1_000)]
LARGE = policy("x/large", labelled(app="db"), ingress=[admits(*BLOCKS)])


def undecoded(written: Any) -> Undecoded:
    return Undecoded.of(KIND, "x", "p", json.dumps(written).encode())


@given(policies)
def test_it_decodes_to_what_was_written(written: Any) -> None:
    assert undecoded(written).decode() == decode(written)


def test_its_digest_is_the_same_in_a_list_and_in_a_watch_and_another_for_every_change() -> None:
    listed = {"metadata": {"name": "p", "resourceVersion": "7"}, "spec": {"podSelector": {}}}
    watched = {"kind": "NetworkPolicy", "apiVersion": "networking.k8s.io/v1", **listed}
    newer = listed | {"metadata": {"name": "p", "resourceVersion": "8"}}

    def digest(written: Any) -> bytes:
        return Undecoded.of(KIND, "x", "p", msgspec.json.encode(written)).digest

    assert digest(listed) == digest(watched)
    assert len({digest(one) for one in (listed, newer, {"kind": "NetworkPolicy", **listed})}) == 3


@given(policies)
def test_its_subject_is_that_of_the_policy_without_rules(written: Any) -> None:
    stored = KIND.default(decode(written))
    text = msgspec.json.encode(stored)  # as a server writes it, without a null where a list may be
    assert Undecoded.of(KIND, "x", "p", text).decode_subject() == without_rules(stored)


@given(cluster_policies)
def test_the_subject_of_a_cluster_policy_is_read_without_its_rules(written: Any) -> None:
    kind = KINDS.find(written["apiVersion"], written["kind"])
    assert kind
    text = json.dumps(
        stored_tree(written)
    ).encode()  # as a server writes it, without a null where a field may be absent
    subject = Undecoded.of(kind, "", "p", text).decode_subject()
    assert isinstance(subject, kind.model)
    assert isinstance(subject, ClusterPolicy)
    whole = decode(written)
    assert isinstance(whole, ClusterPolicy)
    assert (subject.metadata, subject.spec.subject) == (whole.metadata, whole.spec.subject)
    assert not subject.spec.ingress
    assert not subject.spec.egress


def test_without_policy_types_its_subject_is_meant_in_both_directions() -> None:
    """Which of them it is depends on the rules."""
    subject = undecoded({"spec": {"podSelector": {}, "egress": [{}]}}).decode_subject()
    assert isinstance(subject, NetworkPolicy)
    assert subject.spec.policy_types == ("Ingress", "Egress")


def test_a_kind_that_cannot_be_read_without_its_rules() -> None:
    with pytest.raises(ValueError, match="is not read without its rules"):
        Undecoded.of(CLUSTER_POLICY, "", "p", b"{}").decode_subject()


def test_a_large_one_is_kept_compressed() -> None:
    large = undecoded(LARGE)
    assert len(large.packed) < len(json.dumps(LARGE)) / 4
    assert large.decode() == decode(LARGE)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param(b'{"spec": ', "truncated", id="not JSON"),
        pytest.param(b"[]", r"not a NetworkPolicy: b'\[\]'", id="not an object"),
        pytest.param(b'{"spec": {"ingress": 5}}', "cannot be handled as a NetworkPolicy", id="a value of a wrong type"),
        pytest.param(b'{"metadata": {"name": "\xff"}}', "utf-8", id="not UTF-8"),
        pytest.param(b"[" * 100_000, "recursion", id="nested too deeply"),
    ],
)
def test_what_cannot_be_decoded_is_an_error(text: bytes, reason: str) -> None:
    with pytest.raises(DecodingError, match=re.compile(reason, re.IGNORECASE)):
        Undecoded.of(KIND, "x", "p", text).decode()


@given(st.binary(max_size=40))
def test_no_text_is_a_defect(text: bytes) -> None:
    for decode_it in (Undecoded.of(KIND, "x", "p", text).decode, Undecoded.of(KIND, "x", "p", text).decode_subject):
        with suppress(DecodingError):
            decode_it()


def test_the_uid_is_read_without_the_rest() -> None:
    assert undecoded({"metadata": {"uid": "1234"}, "spec": {"podSelector": 7}}).uid() == "1234"
    assert undecoded({"metadata": {}}).uid() == ""
    assert undecoded({"metadata": {"uid": 7}}).uid() == ""
