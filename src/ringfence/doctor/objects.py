"""The fields of the objects that show how a cluster enforces policies.

Only the fields that the diagnosis uses are decoded. None of them is required, because no contract says which fields the
objects of a plugin have.

Source: kubernetes.io, "Kubernetes API reference".
"""

from collections.abc import Iterator

import msgspec


class SeenMetadata(msgspec.Struct, frozen=True, rename="camel"):
    """The names, labels and annotations of an object."""

    name: str = ""
    namespace: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class SeenVariable(msgspec.Struct, frozen=True):
    """An environment variable of a container. If it has a `valueFrom`, its value is empty here."""

    name: str = ""
    value: str = ""


class SeenContainer(msgspec.Struct, frozen=True, rename="camel"):
    """A container: its image, command, arguments and environment variables."""

    name: str = ""
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: tuple[SeenVariable, ...] = ()

    @property
    def repository(self) -> str:
        """The name of its image without registry, tag and digest, such as `calico/node`.

        Source: github.com/distribution/reference.
        """
        path = self.image.partition("@")[0]
        registry, slash, rest = path.partition("/")
        if slash and (set(registry) & {".", ":"} or registry == "localhost"):
            path = rest
        directory, slash, name = path.rpartition("/")
        return f"{directory}{slash}{name.partition(':')[0]}"

    def flag(self, name: str) -> str | None:
        """The value of a command line flag; `true` for a flag without a value; None if the flag is not given."""
        words = [*self.command, *self.args]
        for number, word in enumerate(words):
            option, equals, value = word.partition("=")
            # Go's flag package accepts one or two dashes.
            if option in (f"--{name}", f"-{name}"):
                if equals:
                    return value
                # A flag without a value is a boolean one that is set.
                following = words[number + 1] if number + 1 < len(words) else ""
                return following if following and not following.startswith("-") else "true"
        return None

    def variable(self, name: str) -> str | None:
        """The value of an environment variable; None if it is not set."""
        return next((one.value for one in self.env if one.name == name), None)


class SeenPodSpec(msgspec.Struct, frozen=True, rename="camel"):
    """The spec of a pod or of a pod template: its node, service account and containers."""

    node_name: str = ""
    service_account_name: str = ""
    containers: tuple[SeenContainer, ...] = ()
    init_containers: tuple[SeenContainer, ...] = ()


class SeenTemplate(msgspec.Struct, frozen=True):
    """The pod template of a workload."""

    spec: SeenPodSpec = SeenPodSpec()


class SeenSelector(msgspec.Struct, frozen=True, rename="camel"):
    """The selector by which a workload finds its pods. Only `matchLabels` is read."""

    match_labels: dict[str, str] = {}


class DaemonSetSpec(msgspec.Struct, frozen=True):
    """The spec of a DaemonSet."""

    selector: SeenSelector = SeenSelector()
    template: SeenTemplate = SeenTemplate()


class DaemonSet(msgspec.Struct, frozen=True):
    """A DaemonSet. Every network plugin runs as a DaemonSet, unless it is built into the nodes."""

    metadata: SeenMetadata = SeenMetadata()
    spec: DaemonSetSpec = DaemonSetSpec()

    @property
    def key(self) -> tuple[str, str]:
        """Its namespace and name."""
        return self.metadata.namespace, self.metadata.name

    @property
    def title(self) -> str:
        """Its name in messages."""
        return f"DaemonSet {self.metadata.namespace}/{self.metadata.name}"

    @property
    def service_account(self) -> tuple[str, str]:
        """The namespace and the name of the service account of its pods."""
        return self.metadata.namespace, self.spec.template.spec.service_account_name or "default"

    def containers(self) -> Iterator[SeenContainer]:
        """The containers of its pods, and then the init containers, which include sidecars."""
        yield from self.spec.template.spec.containers
        yield from self.spec.template.spec.init_containers

    def container(self, name: str) -> SeenContainer | None:
        """The container with this name; None if it does not exist."""
        return next((one for one in self.containers() if one.name == name), None)


class SeenCondition(msgspec.Struct, frozen=True):
    """A condition of an object: its type, and its status `True`, `False` or `Unknown`."""

    type: str = ""
    status: str = ""


class SeenNodeInfo(msgspec.Struct, frozen=True, rename="camel"):
    """The kubelet's report about its node."""

    kubelet_version: str = ""
    operating_system: str = ""


class SeenNodeStatus(msgspec.Struct, frozen=True, rename="camel"):
    """The status of a Node."""

    conditions: tuple[SeenCondition, ...] = ()
    node_info: SeenNodeInfo = SeenNodeInfo()


class SeenNode(msgspec.Struct, frozen=True):
    """A Node. Its labels and annotations identify the distribution and the provider."""

    metadata: SeenMetadata = SeenMetadata()
    status: SeenNodeStatus = SeenNodeStatus()

    @property
    def name(self) -> str:
        """Its name."""
        return self.metadata.name

    @property
    def runs_linux(self) -> bool:
        """Whether the node runs Linux. A node that does not report an operating system counts as Linux."""
        said = (self.status.node_info.operating_system, self.metadata.labels.get("kubernetes.io/os", ""))
        return not any(one not in ("", "linux") for one in said)

    @property
    def is_ready(self) -> bool:
        """Whether its kubelet reports that it is ready."""
        return is_true(self.status.conditions, "Ready")


class SeenPodStatus(msgspec.Struct, frozen=True):
    """The status of a pod."""

    conditions: tuple[SeenCondition, ...] = ()


class SeenPod(msgspec.Struct, frozen=True):
    """A pod of a DaemonSet: its Node, and whether it is ready."""

    metadata: SeenMetadata = SeenMetadata()
    spec: SeenPodSpec = SeenPodSpec()
    status: SeenPodStatus = SeenPodStatus()

    @property
    def is_ready(self) -> bool:
        """Whether the pod's condition `Ready` is true."""
        return is_true(self.status.conditions, "Ready")


class PolicyRule(msgspec.Struct, frozen=True, rename="camel"):
    """The verbs that a role permits for resources; `*` means all.

    With `resource_names`, the rule applies only to the objects with these names.
    """

    api_groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()


class ClusterRole(msgspec.Struct, frozen=True):
    """A ClusterRole. The rules of an aggregated role already contain the rules of the roles that it combines."""

    metadata: SeenMetadata = SeenMetadata()
    rules: tuple[PolicyRule, ...] | None = None


class RoleReference(msgspec.Struct, frozen=True):
    """The role that a binding grants."""

    kind: str = ""
    name: str = ""


class BoundSubject(msgspec.Struct, frozen=True):
    """A subject to which a binding grants a role."""

    kind: str = ""
    name: str = ""
    namespace: str = ""


class ClusterRoleBinding(msgspec.Struct, frozen=True, rename="camel"):
    """A ClusterRoleBinding: it grants a ClusterRole to subjects."""

    metadata: SeenMetadata = SeenMetadata()
    role_ref: RoleReference = RoleReference()
    subjects: tuple[BoundSubject, ...] | None = None


class ConfigMap(msgspec.Struct, frozen=True):
    """A ConfigMap."""

    metadata: SeenMetadata = SeenMetadata()
    data: dict[str, str] | None = None


class OperatorObject(msgspec.Struct, frozen=True):
    """A cluster-scoped object that an operator reads. Only its existence matters here."""

    metadata: SeenMetadata = SeenMetadata()


class SeenServiceSpec(msgspec.Struct, frozen=True):
    """The spec of a Service."""

    cluster_ip: str = msgspec.field(name="clusterIP", default="")


class SeenService(msgspec.Struct, frozen=True):
    """A Service and its cluster IP."""

    metadata: SeenMetadata = SeenMetadata()
    spec: SeenServiceSpec = SeenServiceSpec()


def is_true(conditions: tuple[SeenCondition, ...], kind: str) -> bool:
    """Whether a condition of this type has the status `True`."""
    return any(one.type == kind and one.status == "True" for one in conditions)
