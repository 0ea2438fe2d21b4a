"""What the API server refuses in pods and in templates of pods, as far as their fields are read.

Source: `pkg/apis/core/validation/validation.go`.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from ringfence.model.field_errors import FieldError, duplicate, each_once, forbidden, invalid, required, unsupported
from ringfence.model.names import port_name_errors, subdomain_errors
from ringfence.model.objects import Container, ContainerPort, Pod, PodSpec, PodTemplate
from ringfence.model.policies import DEFAULT_PROTOCOL
from ringfence.model.server_versions import CONTAINER_RESTART_RULES, SIDECARS, ServerVersion
from ringfence.model.validation.labels import label_errors
from ringfence.model.validation.metadata import metadata_errors
from ringfence.model.validation.ports import port_number_errors, protocol_errors

_RESTART_POLICIES: Final = ("Always", "Never", "OnFailure")


def pod_errors(pod: Pod, server: ServerVersion) -> list[FieldError]:
    """Everything for which the API server would refuse to create `pod`.

    Only fields that matter for its connections are validated: a pod without containers is not an error here.
    """
    return each_once(
        chain(metadata_errors(pod.metadata, subdomain_errors), _spec_errors(pod.spec, "spec", server, is_pod=True))
    )


def template_errors(template: PodTemplate, path: str, server: ServerVersion) -> Iterator[FieldError]:
    """What is wrong with the template of a workload's pods."""
    # Upstream's path of these labels lacks `metadata`.
    yield from label_errors((template.metadata and template.metadata.labels) or {}, f"{path}.labels")
    yield from _spec_errors(template.spec or PodSpec(), f"{path}.spec", server, is_pod=False)


def _spec_errors(spec: PodSpec, path: str, server: ServerVersion, *, is_pod: bool) -> Iterator[FieldError]:
    containers, init_containers = spec.containers or (), spec.init_containers or ()
    for i, container in enumerate(containers):
        yield from _container_errors(container, f"{path}.containers[{i}]", server)
    # The server sets the host ports of a pod that uses its node's network; those of a template stay unset until then.
    sets_host_ports = is_pod and bool(spec.host_network)
    yield from _host_port_conflicts(containers, f"{path}.containers", sets_host_ports)
    for i, container in enumerate(init_containers):
        yield from _init_container_errors(container, f"{path}.initContainers[{i}]", server)
        # They run one after the other, so each is compared with itself only; upstream gives each the index 0.
        yield from _host_port_conflicts((container,), f"{path}.initContainers", sets_host_ports)
    if spec.host_network:
        yield from _host_network_errors(containers, f"{path}.containers")
    if spec.node_name:
        for error in subdomain_errors(spec.node_name):
            yield invalid(f"{path}.nodeName", spec.node_name, error)


def _container_errors(container: Container, path: str, server: ServerVersion) -> Iterator[FieldError]:
    yield from _container_port_errors(container.ports or (), f"{path}.ports")
    if container.restart_policy is None:
        return
    if server < CONTAINER_RESTART_RULES:
        yield forbidden(f"{path}.restartPolicy", "may not be set for non-init containers")
    elif container.restart_policy not in _RESTART_POLICIES:
        yield unsupported(f"{path}.restartPolicy", container.restart_policy, _RESTART_POLICIES)


def _init_container_errors(container: Container, path: str, server: ServerVersion) -> Iterator[FieldError]:
    yield from _container_port_errors(container.ports or (), f"{path}.ports")
    if container.restart_policy is None:
        return
    known = _RESTART_POLICIES if server >= CONTAINER_RESTART_RULES else ("Always",)
    if server < SIDECARS:
        message = f"Kubernetes {server} does not have this field, which came with {SIDECARS}"
        yield forbidden(f"{path}.restartPolicy", message)
    elif container.restart_policy not in known:
        yield unsupported(f"{path}.restartPolicy", container.restart_policy, known)


def _container_port_errors(ports: Iterable[ContainerPort], path: str) -> Iterator[FieldError]:
    names: set[str] = set()
    for i, port in enumerate(ports):
        if port.name:
            errors = port_name_errors(port.name)
            for error in errors:
                yield invalid(f"{path}[{i}].name", port.name, error)
            if not errors and port.name in names:
                yield duplicate(f"{path}[{i}].name", port.name)
            names.add(port.name)
        if port.container_port == 0:
            yield required(f"{path}[{i}].containerPort")
        else:
            yield from port_number_errors(port.container_port, f"{path}[{i}].containerPort")
        if port.host_port:
            yield from port_number_errors(port.host_port, f"{path}[{i}].hostPort")
        yield from protocol_errors(port.protocol or DEFAULT_PROTOCOL, f"{path}[{i}].protocol")


def _host_port_conflicts(containers: Iterable[Container], path: str, sets_host_ports: bool) -> Iterator[FieldError]:
    taken: set[str] = set()
    for i, container in enumerate(containers):
        for j, port in enumerate(container.ports or ()):
            host_port = port.host_port or (port.container_port if sets_host_ports else 0)
            if not host_port:
                continue
            text = f"{port.protocol or DEFAULT_PROTOCOL}/{port.host_ip}/{host_port}"
            if text in taken:
                yield duplicate(f"{path}[{i}].ports[{j}].hostPort", text)
            taken.add(text)


def _host_network_errors(containers: Iterable[Container], path: str) -> Iterator[FieldError]:
    for i, container in enumerate(containers):
        for j, port in enumerate(container.ports or ()):
            if port.host_port and port.host_port != port.container_port:
                message = "must match `containerPort` when `hostNetwork` is true"
                yield invalid(f"{path}[{i}].ports[{j}].hostPort", port.host_port, message)
