"""The version under which a server has a kind: the definition of a custom resource may be added, removed and changed.

If a server refuses a request for the objects of such a kind, it may not have it, may have it under another version, or
the user may have no right to read it. Discovery shows which of these is the case, and every user may ask for it.

Source: kubernetes.io, "Versions in CustomResourceDefinitions".
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import httpx2

from ringfence.model.kinds import Kind
from ringfence.sources.cluster.discovery import Discovery
from ringfence.sources.cluster.responses import ApiStatusError

_UNCLEAR: Final = (httpx2.codes.NOT_FOUND, httpx2.codes.FORBIDDEN)
"""How a server refuses what it does not have: a user without rights is refused before the server looks for it."""


class NotServed(Exception):
    """The server does not have the kind, or has it elsewhere: under another version, which is asked from now on."""

    def __init__(self, *, elsewhere: bool) -> None:
        super().__init__("under another version" if elsewhere else "not at all")
        self.elsewhere = elsewhere


class ServedKind:
    """A kind, and the version under which it is asked for. Threads may share it."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.api_version = kind.api_versions[0]

    def path(self, namespace: str = "") -> str:
        """Where its objects are; those of all namespaces, unless one is named."""
        return self.kind.path_in(namespace, self.api_version)

    @contextmanager
    def asking(self, client: httpx2.Client) -> Iterator[None]:
        """A context for requests for its objects. Raises NotServed in place of an ApiStatusError that means this."""
        try:
            yield
        except ApiStatusError as error:
            if not self.kind.is_custom or error.code not in _UNCLEAR:
                raise
            version = Discovery(client).served_version(self.kind)
            # The server has the kind, so the refusal is about rights.
            if version == self.api_version:
                raise
            self.api_version = version or self.api_version
            raise NotServed(elsewhere=version is not None) from None
