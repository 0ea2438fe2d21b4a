"""Objects that make something outside of the pod network connect to a Service.

The API server calls webhooks and aggregated APIs; ingress controllers pass requests on. All kinds are converted to one
shape: the Services that they name. Only these references are read.

Source: Kubernetes API v1.36, `admissionregistration/v1`, `apiregistration/v1`, `networking/v1`; Gateway API v1;
OpenShift `route/v1`.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from ringfence.model.metadata import Int32, ObjectMeta

_HTTPS: Final = 443
"""The port of a Service that the API server calls if none is written."""


class ServiceTarget(msgspec.Struct, frozen=True):
    """A reference to a Service and its port: a number or a name, None for any of its ports.

    An empty `namespace` is that of the object.
    """

    namespace: str
    name: str
    port: int | str | None = None


class ServiceUser(msgspec.Struct, frozen=True):
    """An object that names Services. `kind` is one of `CONTROL_PLANE_KINDS` or `ROUTING_KINDS`."""

    kind: str
    metadata: ObjectMeta = ObjectMeta()
    targets: tuple[ServiceTarget, ...] = ()


CONTROL_PLANE_KINDS: Final = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "APIService")
"""The kinds whose Services the API server connects to."""

ROUTING_KINDS: Final = ("Ingress", "HTTPRoute", "Route")
"""The kinds whose Services an ingress controller connects to."""


class ServiceReference(msgspec.Struct, frozen=True):
    """A Service that the API server calls."""

    namespace: str = ""
    name: str = ""
    port: Int32 | None = None


class WebhookClientConfig(msgspec.Struct, frozen=True):
    """Where a webhook is: a Service, or a URL."""

    service: ServiceReference | None = None


class Webhook(msgspec.Struct, frozen=True, rename="camel"):
    """One webhook."""

    client_config: WebhookClientConfig = WebhookClientConfig()


class WebhookConfiguration(msgspec.Struct, frozen=True):
    """A ValidatingWebhookConfiguration or a MutatingWebhookConfiguration."""

    metadata: ObjectMeta = ObjectMeta()
    webhooks: tuple[Webhook, ...] | None = None


class AggregatedApiSpec(msgspec.Struct, frozen=True):
    """The Service of an aggregated API; None if the API server has it itself."""

    service: ServiceReference | None = None


class AggregatedApi(msgspec.Struct, frozen=True):
    """An APIService."""

    metadata: ObjectMeta = ObjectMeta()
    spec: AggregatedApiSpec = AggregatedApiSpec()


class BackendPort(msgspec.Struct, frozen=True):
    """A port of a Service, by name or number."""

    name: str = ""
    number: Int32 = 0


class ServiceBackend(msgspec.Struct, frozen=True):
    """A Service behind an Ingress."""

    name: str = ""
    port: BackendPort = BackendPort()


class IngressBackend(msgspec.Struct, frozen=True):
    """The backend of an Ingress: a Service, or a resource of another kind."""

    service: ServiceBackend | None = None


class IngressPath(msgspec.Struct, frozen=True):
    """A path of a rule."""

    backend: IngressBackend = IngressBackend()


class IngressPaths(msgspec.Struct, frozen=True):
    """The paths of a rule."""

    paths: tuple[IngressPath, ...] | None = None


class IngressRule(msgspec.Struct, frozen=True):
    """A rule for a host."""

    http: IngressPaths | None = None


class IngressSpec(msgspec.Struct, frozen=True, rename="camel"):
    """The rules of an Ingress."""

    default_backend: IngressBackend | None = None
    rules: tuple[IngressRule, ...] | None = None


class IngressFields(msgspec.Struct, frozen=True):
    """An Ingress."""

    metadata: ObjectMeta = ObjectMeta()
    spec: IngressSpec = IngressSpec()


class BackendReference(msgspec.Struct, frozen=True):
    """The backend of a route: a Service, unless it has another kind."""

    kind: str = "Service"
    namespace: str = ""
    name: str = ""
    port: Int32 | None = None


class HTTPRouteRule(msgspec.Struct, frozen=True, rename="camel"):
    """A rule of a route."""

    backend_refs: tuple[BackendReference, ...] | None = None


class HTTPRouteSpec(msgspec.Struct, frozen=True):
    """The rules of a route."""

    rules: tuple[HTTPRouteRule, ...] | None = None


class HTTPRouteFields(msgspec.Struct, frozen=True):
    """An HTTPRoute of the Gateway API."""

    metadata: ObjectMeta = ObjectMeta()
    spec: HTTPRouteSpec = HTTPRouteSpec()


class RoutePort(msgspec.Struct, frozen=True, rename="camel"):
    """The port of a route: of the pods, or the name of a port of the Service."""

    target_port: Int32 | str | None = None


class RouteSpec(msgspec.Struct, frozen=True):
    """Where a route leads."""

    to: BackendReference = BackendReference()
    port: RoutePort | None = None


class RouteFields(msgspec.Struct, frozen=True):
    """A Route of OpenShift."""

    metadata: ObjectMeta = ObjectMeta()
    spec: RouteSpec = RouteSpec()


def webhook_configuration(kind: str, written: WebhookConfiguration) -> ServiceUser:
    """A configuration of webhooks, with the Services that it calls."""
    references = (webhook.client_config.service for webhook in written.webhooks or ())
    return ServiceUser(kind, written.metadata, tuple(map(_called, filter(None, references))))


def aggregated_api(kind: str, written: AggregatedApi) -> ServiceUser:
    """An aggregated API, with the Service that serves it."""
    service = written.spec.service
    return ServiceUser(kind, written.metadata, (_called(service),) if service else ())


def _called(service: ServiceReference) -> ServiceTarget:
    return ServiceTarget(service.namespace, service.name, _HTTPS if service.port is None else service.port)


def ingress(kind: str, written: IngressFields) -> ServiceUser:
    """An Ingress, with the Services behind it."""
    # Several paths often lead to one Service: it is named once, in the order of the Ingress.
    return ServiceUser(kind, written.metadata, tuple(dict.fromkeys(_behind(written.spec))))


def _behind(spec: IngressSpec) -> Iterator[ServiceTarget]:
    paths = (path for rule in spec.rules or () if rule.http for path in rule.http.paths or ())
    for backend in (spec.default_backend, *(path.backend for path in paths)):
        if backend and backend.service:
            port = backend.service.port
            # The API server takes either a name or a number: the other one is empty or 0.
            yield ServiceTarget("", backend.service.name, port.name or port.number or None)


def http_route(kind: str, written: HTTPRouteFields) -> ServiceUser:
    """An HTTPRoute, with the Services behind it."""
    references = (one for rule in written.spec.rules or () for one in rule.backend_refs or ())
    targets = (ServiceTarget(one.namespace, one.name, one.port) for one in references if one.kind == "Service")
    return ServiceUser(kind, written.metadata, tuple(dict.fromkeys(targets)))


def route(kind: str, written: RouteFields) -> ServiceUser:
    """A Route, with the Service behind it."""
    to, port = written.spec.to, written.spec.port
    # A number is a port of the pods, and does not say which port of the Service it is: then it may be any of them.
    name = port.target_port if port and isinstance(port.target_port, str) else None
    return ServiceUser(kind, written.metadata, (ServiceTarget("", to.name, name),) if to.kind == "Service" else ())
