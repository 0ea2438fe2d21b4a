"""Objects with a mistake in them, and the remedies of what is reported."""

from pathlib import Path
from tempfile import TemporaryDirectory

from tests.sources.manifests.texts import FILE

from ringfence import Cluster
from ringfence.model.problems import Problem

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: a, namespace: x}
spec:
  podSelector:
    matchLabels:
      app: web
  policyTypes: [Ingress]
  ingress:
  - from:
    - podSelector:
        matchExpressions:
        - {key: app, operator: In, values: [api]}
    - ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}
    ports:
    - protocol: TCP
      port: 80
"""


def problems(text: str) -> list[Problem]:
    """The problems of a file with this text."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / FILE
        file.write_text(text)
        return Cluster.load(file).problems


def remedies(right: str, wrong: str, text: str = POLICY) -> set[str]:
    """The remedies where the text has `wrong` in place of `right`."""
    assert right in text
    return {problem.remedy for problem in problems(text.replace(right, wrong, 1))}
