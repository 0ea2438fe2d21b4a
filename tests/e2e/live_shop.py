"""Two pods, a Service and a policy, in the form in which a cluster has them: with addresses."""

from .control_plane import ControlPlane

LIVE_SHOP = """\
apiVersion: v1
kind: Pod
metadata: {{name: web, namespace: {0}, labels: {{app: web}}}}
spec: {{nodeName: worker-1, containers: [{{name: it, image: example.org/it, ports: [{{containerPort: 80}}]}}]}}
status: {{phase: Running, podIP: 10.244.9.1, podIPs: [{{ip: 10.244.9.1}}]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: db, namespace: {0}, labels: {{app: db}}}}
spec: {{nodeName: worker-1, containers: [{{name: it, image: example.org/it, ports: [{{containerPort: 3306}}]}}]}}
status: {{phase: Running, podIP: 10.244.9.2, podIPs: [{{ip: 10.244.9.2}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: db, namespace: {0}}}
spec: {{selector: {{app: db}}, ports: [{{port: 3306}}]}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: db-policy, namespace: {0}}}
spec:
  podSelector: {{matchLabels: {{app: db}}}}
  ingress: [{{from: [{{podSelector: {{matchLabels: {{app: web}}}}}}]}}]
"""


def create_live_shop(server: ControlPlane, namespace: str) -> None:
    """Create `LIVE_SHOP` in a namespace, with the addresses of its pods."""
    objects = LIVE_SHOP.format(namespace)
    server.kubectl("create", "--filename=-", stdin=objects)
    pods = "---\n".join(objects.split("---\n")[:2])
    server.kubectl("apply", "--server-side", "--subresource=status", "--filename=-", stdin=pods)
