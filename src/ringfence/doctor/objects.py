"""What is read of the objects that show how a cluster enforces policies.

Only the fields that matter are decoded, and none of them is required: an object of a plugin is nobody's contract.

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
    """An environment variable of a container; one that is taken from elsewhere has no value here."""

    name: str = ""
    value: str = ""


class SeenContainer(msgspec.Struct, frozen=True, rename="camel"):
    """A container: what it runs, and with which settings."""

    name: str = ""
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: tuple[SeenVariable, ...] = ()

    @property
    def repository(self) -> str:
        """The name of its image without registry, tag and digest: `calico/node`.

        Source: github.com/distribution/reference.
        """
        path = self.image.partition("@")[0]
        registry, slash, rest = path.partition("/")
        if slash and (set(registry) & {".", ":"} or registry == "localhost"):
            path = rest
        directory, slash, name = path.rpartition("/")
        return f"{directory}{slash}{name.partition(':')[0]}"

    def flag(self, name: str) -> str | None:
        """The value of a command line flag, `true` for one without a value; None if it is not given."""
        words = [*self.command, *self.args]
        for number, word in enumerate(words):
            option, equals, value = word.partition("=")
            if option in (f"--{name}", f"-{name}"):
                following = words[number + 1] if number + 1 < len(words) else ""
                return value if equals else following if following and not following.startswith("-") else "true"
        return None

    def variable(self, name: str) -> str | None:
        """The value of an environment variable; None if it is not set."""
        return next((one.value for one in self.env if one.name == name), None)


class SeenPodSpec(msgspec.Struct, frozen=True, rename="camel"):
    """The part of a pod, or of its template, that says where and as whom it runs, and what."""

    node_name: str = ""
    service_account_name: str = ""
    containers: tuple[SeenContainer, ...] = ()
    init_containers: tuple[SeenContainer, ...] = ()


class SeenTemplate(msgspec.Struct, frozen=True):
    """The template of a workload's pods."""

    spec: SeenPodSpec = SeenPodSpec()


class SeenSelector(msgspec.Struct, frozen=True, rename="camel"):
    """The labels by which a workload knows its pods."""

    match_labels: dict[str, str] = {}


class DaemonSetSpec(msgspec.Struct, frozen=True):
    """The part of a DaemonSet that its owner writes."""

    selector: SeenSelector = SeenSelector()
    template: SeenTemplate = SeenTemplate()


class DaemonSet(msgspec.Struct, frozen=True):
    """A DaemonSet: how every network plugin runs on nodes, unless it is part of their operating system."""

    metadata: SeenMetadata = SeenMetadata()
    spec: DaemonSetSpec = DaemonSetSpec()

    @property
    def key(self) -> tuple[str, str]:
        """Its namespace and name."""
        return self.metadata.namespace, self.metadata.name

    @property
    def title(self) -> str:
        """What messages call it."""
        return f"DaemonSet {self.metadata.namespace}/{self.metadata.name}"

    @property
    def service_account(self) -> tuple[str, str]:
        """The namespace and the name of the account as which its pods run."""
        return self.metadata.namespace, self.spec.template.spec.service_account_name or "default"

    def containers(self) -> Iterator[SeenContainer]:
        """The containers of its pods, and then those that prepare them (sidecars are among these)."""
        yield from self.spec.template.spec.containers
        yield from self.spec.template.spec.init_containers

    def container(self, name: str) -> SeenContainer | None:
        """The container with this name; None if there is none."""
        return next((one for one in self.containers() if one.name == name), None)


class SeenCondition(msgspec.Struct, frozen=True):
    """A condition of an object: its type, and `True`, `False` or `Unknown`."""

    type: str = ""
    status: str = ""


class SeenNodeInfo(msgspec.Struct, frozen=True, rename="camel"):
    """What the kubelet reports of its node."""

    kubelet_version: str = ""
    operating_system: str = ""


class SeenNodeStatus(msgspec.Struct, frozen=True, rename="camel"):
    """The state of a Node."""

    conditions: tuple[SeenCondition, ...] = ()
    node_info: SeenNodeInfo = SeenNodeInfo()


class SeenNode(msgspec.Struct, frozen=True):
    """A Node: its labels and annotations name the distribution and the provider."""

    metadata: SeenMetadata = SeenMetadata()
    status: SeenNodeStatus = SeenNodeStatus()

    @property
    def name(self) -> str:
        """Its name."""
        return self.metadata.name

    @property
    def runs_linux(self) -> bool:
        """Whether its pods are those of Linux; so are they where nothing says otherwise."""
        said = (self.status.node_info.operating_system, self.metadata.labels.get("kubernetes.io/os", ""))
        return not any(one not in ("", "linux") for one in said)

    @property
    def is_ready(self) -> bool:
        """Whether its kubelet reports that it is ready."""
        return is_true(self.status.conditions, "Ready")


class SeenPodStatus(msgspec.Struct, frozen=True):
    """The state of a pod."""

    conditions: tuple[SeenCondition, ...] = ()


class SeenPod(msgspec.Struct, frozen=True):
    """A pod of a DaemonSet: on which Node it is, and whether it is ready."""

    metadata: SeenMetadata = SeenMetadata()
    spec: SeenPodSpec = SeenPodSpec()
    status: SeenPodStatus = SeenPodStatus()

    @property
    def is_ready(self) -> bool:
        """Whether all its containers are ready."""
        return is_true(self.status.conditions, "Ready")


class PolicyRule(msgspec.Struct, frozen=True, rename="camel"):
    """Verbs that a role allows for resources; `*` is all. With `resource_names`, only for objects of these names."""

    api_groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()


class ClusterRole(msgspec.Struct, frozen=True):
    """A role for the whole cluster. One that is aggregated has the rules of the others already."""

    metadata: SeenMetadata = SeenMetadata()
    rules: tuple[PolicyRule, ...] | None = None


class RoleReference(msgspec.Struct, frozen=True):
    """The role that a binding gives."""

    kind: str = ""
    name: str = ""


class BoundSubject(msgspec.Struct, frozen=True):
    """To whom a binding gives a role."""

    kind: str = ""
    name: str = ""
    namespace: str = ""


class ClusterRoleBinding(msgspec.Struct, frozen=True, rename="camel"):
    """Who has a role for the whole cluster."""

    metadata: SeenMetadata = SeenMetadata()
    role_ref: RoleReference = RoleReference()
    subjects: tuple[BoundSubject, ...] | None = None


class ConfigMap(msgspec.Struct, frozen=True):
    """Settings as texts."""

    metadata: SeenMetadata = SeenMetadata()
    data: dict[str, str] | None = None


class OperatorObject(msgspec.Struct, frozen=True):
    """What an operator reads, of which only that it exists matters here. It belongs to the whole cluster."""

    metadata: SeenMetadata = SeenMetadata()


class SeenServiceSpec(msgspec.Struct, frozen=True):
    """Where a Service is."""

    cluster_ip: str = msgspec.field(name="clusterIP", default="")


class SeenService(msgspec.Struct, frozen=True):
    """A Service and its address."""

    metadata: SeenMetadata = SeenMetadata()
    spec: SeenServiceSpec = SeenServiceSpec()


def is_true(conditions: tuple[SeenCondition, ...], kind: str) -> bool:
    """Whether a condition of this type holds."""
    return any(one.type == kind and one.status == "True" for one in conditions)
