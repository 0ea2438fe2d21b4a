"""TLS to an API server: which authorities are trusted, and which client certificate is presented.

Source: `client-go/transport/transport.go` (`TLSConfigFor`); Go's `crypto/x509`, which verifies for kubectl.
"""

import os
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ringfence.sources.cluster.kubeconfig_entries import KubeconfigCluster, KubeconfigUser


def server_context(cluster: KubeconfigCluster, user: KubeconfigUser) -> ssl.SSLContext:
    """The TLS settings of connections to the cluster's API server.

    Raises OSError (ssl.SSLError is one) or ValueError for a certificate or a key that cannot be used.
    """
    context = _verifying_context(cluster)
    if cluster.insecure_skip_tls_verify:
        _skip_verification(context)
    if user.has_certificate:
        _load_client_certificate(context, user)
    return context


def proxy_context(cluster: KubeconfigCluster) -> ssl.SSLContext:
    """The TLS settings of connections to an HTTPS proxy.

    kubectl trusts a proxy that the cluster's authority has certified. The system's authorities are trusted, too, since
    a public proxy has a certificate of theirs; what passes through the proxy is verified on its own.
    """
    context = _verifying_context(cluster)
    context.load_default_certs()
    if cluster.insecure_skip_tls_verify:
        _skip_verification(context)
    return context


def _verifying_context(cluster: KubeconfigCluster) -> ssl.SSLContext:
    """A context that verifies by the cluster's authority, or by the system's where it names none."""
    if cluster.insecure_skip_tls_verify:  # without authorities to load, a context is made ten times as fast
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if cluster.certificate_authority_data:
        # Go ignores what stands between the certificates; OpenSSL does, but Python takes only ASCII.
        context = ssl.create_default_context(cadata=cluster.certificate_authority_data.decode("ascii", "ignore"))
    else:
        context = ssl.create_default_context(cafile=cluster.certificate_authority or None)
    # Since Python 3.13 the default is strict: certificates of many cluster authorities lack the key identifiers that
    # RFC 5280 demands, and Go does not ask for them.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    # Go trusts every certificate that is configured, including an intermediate one or the server's own.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _skip_verification(context: ssl.SSLContext) -> None:
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE


def _load_client_certificate(context: ssl.SSLContext, user: KubeconfigUser) -> None:
    with ExitStack() as stack:
        certificate, key = user.client_certificate, user.client_key
        if user.client_certificate_data:
            certificate = stack.enter_context(_file_of(user.client_certificate_data))
        if user.client_key_data:
            key = stack.enter_context(_file_of(user.client_key_data))
        # An empty password keeps OpenSSL from asking on the terminal for that of an encrypted key.
        context.load_cert_chain(certificate, key, password="")


@contextmanager
def _file_of(content: bytes) -> Iterator[str]:
    """The path of a file in memory with this content: OpenSSL loads files only, and a key must not reach the disk."""
    file = os.memfd_create("ringfence-credential")
    try:
        with os.fdopen(file, "wb", closefd=False) as writer:
            writer.write(content)
        yield f"/proc/self/fd/{file}"
    finally:
        os.close(file)
