"""Certificates of a private authority, and kubeconfigs that refer to them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import trustme

EMAIL_DOMAIN: Final = "ringfence.test"


class KeyPair(NamedTuple):
    """The files of a certificate and of its private key, in PEM format."""

    certificate: Path
    key: Path


class Authority:
    """Issues certificates into `folder`. `certificate` is its own certificate, which clients and servers trust."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificate = folder / "authority.crt"
        self._authority = trustme.CA()
        self._authority.cert_pem.write_to_path(self.certificate)

    def issue(self, name: str, *identities: str, organization: str = "") -> KeyPair:
        """Issue a certificate. Kubernetes reads its name as that of a user and its organization as the user's group."""
        # Without one a certificate has an empty list of alternative names, which Go does not accept.
        identities = identities or (f"{name}@{EMAIL_DOMAIN}",)
        issued = self._authority.issue_cert(*identities, common_name=name, organization_name=organization or None)
        pair = KeyPair(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        issued.cert_chain_pems[0].write_to_path(pair.certificate)
        issued.private_key_pem.write_to_path(pair.key)
        return pair


def write_kubeconfig(file: Path, server: str, authority: Path, user: Mapping[str, object]) -> Path:
    """A kubeconfig with one context. `user` contains the fields of a kubeconfig (`tokenFile`, `client-certificate`)."""
    name = file.stem
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority": str(authority)}}],
        "users": [{"name": name, "user": dict(user)}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    file.write_text(json.dumps(config, indent=2))
    return file
