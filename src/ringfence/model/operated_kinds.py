"""Custom resources of which an operator makes pods: manifests have the resource, and neither pods nor templates.

They are not read. A message that no pod is found names them, because the question may be about one of their pods. The
tables have widely used kinds; a kind that is missing is not named, and changes no answer.

Source: the documentation of each project.
"""

from typing import Final

import msgspec

_KINDS: Final = {
    "acid.zalan.do": ("postgresql",),
    "apps.kruise.io": ("CloneSet", "DaemonSet", "StatefulSet"),
    "cassandra.datastax.com": ("CassandraDatacenter",),
    "databases.spotahome.com": ("RedisFailover",),
    "elasticsearch.k8s.elastic.co": ("Elasticsearch",),
    "flink.apache.org": ("FlinkDeployment",),
    "grafana.integreatly.org": ("Grafana",),
    "k8s.keycloak.org": ("Keycloak",),
    "k8s.mariadb.com": ("MariaDB",),
    "kafka.strimzi.io": ("Kafka", "KafkaBridge", "KafkaConnect", "KafkaMirrorMaker2", "KafkaNodePool"),
    "kibana.k8s.elastic.co": ("Kibana",),
    "kubevirt.io": ("VirtualMachine", "VirtualMachineInstance"),
    "mongodbcommunity.mongodb.com": ("MongoDBCommunity",),
    "monitoring.coreos.com": ("Alertmanager", "Prometheus", "PrometheusAgent", "ThanosRuler"),
    "mysql.oracle.com": ("InnoDBCluster",),
    "opentelemetry.io": ("OpenTelemetryCollector",),
    "postgres-operator.crunchydata.com": ("PostgresCluster",),
    "postgresql.cnpg.io": ("Cluster", "Pooler"),
    "psmdb.percona.com": ("PerconaServerMongoDB",),
    "pxc.percona.com": ("PerconaXtraDBCluster",),
    "rabbitmq.com": ("RabbitmqCluster",),
    "ray.io": ("RayCluster", "RayService"),
    "redis.redis.opstreelabs.in": ("Redis", "RedisCluster"),
    "serving.knative.dev": ("Configuration", "Service"),
    "sparkoperator.k8s.io": ("SparkApplication",),
    "tekton.dev": ("PipelineRun", "TaskRun"),
}

OPERATED_LABELS: Final = frozenset(
    (
        "acme.cert-manager.io/http01-solver",
        "actions.github.com/scale-set-name",
        "cnpg.io/cluster",
        "cnpg.io/poolerName",
        "common.k8s.elastic.co/type",
        "elasticsearch.k8s.elastic.co/cluster-name",
        "gateway.networking.k8s.io/gateway-name",
        "istio.io/gateway-name",
        "kibana.k8s.elastic.co/name",
        "kubevirt.io/domain",
        "vm.kubevirt.io/name",
        "operator.prometheus.io/name",
        "postgres-operator.crunchydata.com/cluster",
        "ray.io/cluster",
        "serving.knative.dev/service",
        "spark-role",
        "strimzi.io/cluster",
        "strimzi.io/name",
        "tekton.dev/pipelineRun",
        "tekton.dev/taskRun",
    )
)
"""Keys of labels that only operators and controllers give to pods, which they make of resources that may be elsewhere.

A pod with such a label may come at any time: a solver of cert-manager lives for a minute, and the pods of a Gateway
are made by its controller.
"""


class OperatedObject(msgspec.Struct, frozen=True):
    """A custom resource of which an operator makes pods. `namespace` is empty if it names none."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


def is_operated(api_version: object, kind: object) -> bool:
    """Whether an operator makes pods of the objects of this kind, in any version of its group."""
    return kind in _KINDS.get(str(api_version).rpartition("/")[0], ())


def operated_object(tree: dict[str, object]) -> OperatedObject:
    """The custom resource in `tree`, as far as messages name it."""
    metadata = tree.get("metadata")
    named = metadata if isinstance(metadata, dict) else {}
    name = named.get("name") or named.get("generateName") or ""
    return OperatedObject(str(tree.get("kind")), str(named.get("namespace") or ""), str(name))
