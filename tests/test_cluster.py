"""How `Cluster.load` treats an input with errors."""

from pathlib import Path

import pytest

from ringfence import Cluster
from ringfence.errors import ManifestError

POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {%s, namespace: prod}
spec: {podSelector: {}, policyTypes: [%s]}
---
"""


class TestStrict:
    """`strict=True` refuses an input with any error, where an answer could lack what the error is about."""

    def test_all_errors_are_raised_with_their_places(self, tmp_path: Path) -> None:
        (tmp_path / "a.yaml").write_text(POLICY % ("name: a", "Outgress") + "kind: [\n")
        with pytest.raises(ManifestError) as refusal:
            Cluster.load(tmp_path, strict=True)
        first, remedy, second, *_ = str(refusal.value).splitlines()
        assert first.startswith(
            f"{tmp_path / 'a.yaml'}:5: error: NetworkPolicy prod/a: spec.policyTypes[0]: Unsupported"
        )
        assert remedy == "  remedy: write Egress"
        assert second.startswith(f"{tmp_path / 'a.yaml'}:7: error: ")

    def test_warnings_are_not(self, tmp_path: Path) -> None:
        (tmp_path / "a.yaml").write_text((POLICY % ("name: a", "Ingress")) * 2)
        assert Cluster.load(tmp_path, strict=True).problems
