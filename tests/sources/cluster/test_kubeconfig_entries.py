"""The clusters and users of a kubeconfig, and why some cannot be used."""

import re
from typing import Any

import msgspec
import pytest

from ringfence.sources.cluster.kubeconfig_entries import (
    KubeconfigCluster,
    KubeconfigUser,
    cluster_error,
    parse_entry,
    user_error,
)

V1, V1BETA1 = "client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"


def plugin(**fields: object) -> dict[str, Any]:
    return {"exec": {"apiVersion": V1, "command": "login", "interactiveMode": "Never", **fields}}


def test_fields_have_the_names_that_kubectl_reads() -> None:
    user = parse_entry(
        {
            "token": "t",
            "tokenFile": "f",
            "username": "u",
            "password": "p",
            "client-certificate": "c",
            "client-certificate-data": "Yw==",
            "client-key": "k",
            "client-key-data": "aw==",
            "as": "jane",
            "as-uid": "7",
            "as-groups": ["g"],
            "as-user-extra": {"reason": ["x"]},
        },
        KubeconfigUser,
    )
    assert user == KubeconfigUser(
        token="t",
        token_file="f",
        username="u",
        password="p",
        client_certificate="c",
        client_certificate_data=b"c",
        client_key="k",
        client_key_data=b"k",
        impersonate="jane",
        impersonate_uid="7",
        impersonate_groups=["g"],
        impersonate_extra={"reason": ["x"]},
    )


def test_a_null_value_is_an_absent_one() -> None:
    assert parse_entry({"token": None, "as-groups": None, "exec": None}, KubeconfigUser) == KubeconfigUser()


def test_unknown_fields_are_ignored() -> None:
    assert parse_entry({"server": "https://c", "colour": "red"}, KubeconfigCluster).server == "https://c"


def test_data_must_be_base64() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"certificate-authority-data"):
        parse_entry({"certificate-authority-data": "?"}, KubeconfigCluster)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"server": "https://c"}, ""),
        ({"server": "https://c", "insecure-skip-tls-verify": True}, ""),
        ({}, "its cluster has no server"),
        (
            {"server": "https://c", "insecure-skip-tls-verify": True, "certificate-authority": "f"},
            "both a certificate authority and insecure-skip-tls-verify",
        ),
        (
            {"server": "https://c", "insecure-skip-tls-verify": True, "certificate-authority-data": "Yw=="},
            "both a certificate authority and insecure-skip-tls-verify",
        ),
    ],
)
def test_clusters(fields: dict[str, Any], error: str) -> None:
    found = cluster_error(parse_entry(fields, KubeconfigCluster))
    assert error in found
    assert bool(error) is bool(found)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, ""),
        ({"token": "t", "tokenFile": "f"}, ""),
        ({"username": "u", "password": "p"}, ""),
        ({"client-certificate": "c", "client-key-data": "aw=="}, ""),
        ({"as": "jane", "as-groups": ["g"]}, ""),
        (plugin(), ""),
        (plugin(apiVersion=V1BETA1, interactiveMode=None), ""),
        ({"auth-provider": {"name": "gcp"}}, 'auth-provider "gcp" is not supported: kubectl removed it in 1.26'),
        ({"token": "t", "username": "u"}, "both a token and a username"),
        ({"client-certificate": "c"}, "a client certificate without its key"),
        ({"as-groups": ["g"]}, "but no user: set as, too"),
        ({"as-uid": "1"}, "but no user: set as, too"),
        ({"as-user-extra": {"a": ["b"]}}, "but no user: set as, too"),
        (plugin(command=""), "its exec plugin has no command"),
        (plugin(apiVersion=None), f"its exec plugin has no apiVersion: {V1} and {V1BETA1} are supported"),
        (plugin(apiVersion="client.authentication.k8s.io/v1alpha1"), "v1alpha1: .* are supported"),
        (plugin(interactiveMode=None), "no interactiveMode: set it to Never, IfAvailable or Always"),
        (plugin(env=[{"name": "", "value": "x"}]), "an env variable without a name"),
    ],
)
def test_users(fields: dict[str, Any], error: str) -> None:
    found = user_error(parse_entry(fields, KubeconfigUser))
    if error:
        assert re.search(error, found)
    else:
        assert found == ""


def test_an_unknown_interactive_mode_is_named() -> None:
    with pytest.raises(msgspec.ValidationError, match="Invalid enum value 'Sometimes'"):
        parse_entry(plugin(interactiveMode="Sometimes"), KubeconfigUser)
