"""Long values in messages are cut, and the rest is counted."""

from pathlib import Path

import pytest

from ringfence import Cluster
from ringfence.lint.texts import bounded, listed

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: web, namespace: shop}}
spec:
  podSelector: {{}}
  ingress:
  - from: [{{ipBlock: {{cidr: 10.0.0.0/12, except: [{holes}]}}}}]
"""


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, ""),
        (1, "0"),
        (4, "0, 1, 2, 3"),
        (5, "0, 1, 2, 3, 4"),
        (6, "0, 1, 2, 3 and 2 more"),
        (1000, "0, 1, 2, 3 and 996 more"),
    ],
)
def test_the_first_items_are_listed_and_the_others_counted(count: int, text: str) -> None:
    assert listed(range(count)) == text


@pytest.mark.parametrize("length", [0, 1, 600])
def test_a_message_of_usual_length_is_whole(length: int) -> None:
    assert bounded("x" * length) == "x" * length


def test_of_a_long_message_the_beginning_and_the_end_are_left() -> None:
    text = bounded("begin" + "x" * 100_000 + "end")
    assert len(text) < 700
    assert text.startswith("beginx")
    assert text.endswith("xend")
    assert "x … x" in text


def test_a_finding_about_thousands_of_blocks_is_short(tmp_path: Path) -> None:
    holes = ", ".join(f"10.{high}.{low}.0/24" for high in range(16) for low in range(256))
    file = tmp_path / "p.yaml"
    file.write_text(POLICY.format(holes=holes))
    (found,) = Cluster.load(file).lint(select=["RF118"]).found
    assert found.message == (
        "the peer means no address: 10.0.0.0/24, 10.0.1.0/24, 10.0.2.0/24, 10.0.3.0/24 and 4092 more under except "
        "cover all of 10.0.0.0/12"
    )
