"""Common mistakes in NetworkPolicies: the expected effect, and the real one (`mistakes.py`, `refusals.py`)."""

from pathlib import Path

import pytest
import yaml
from tests.semantics.claims import untrue
from tests.semantics.judges import Judge, both_judges
from tests.semantics.mistakes import MISTAKES, WORLD, Mistake
from tests.semantics.refusals import REFUSALS, Refusal

from ringfence import Cluster


@both_judges
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: f"{mistake.number} {mistake.title}")
def test_a_mistake(mistake: Mistake, judge: Judge) -> None:
    answer = judge([*WORLD, *yaml.safe_load_all(mistake.manifests)])
    assert untrue(mistake.really, answer) == []
    assert [line for line in mistake.hoped if not untrue([line], answer)] == [], "what was hoped for holds after all"


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: f"{refusal.number} {refusal.title}")
def test_what_the_api_server_refuses_is_reported_where_it_stands(refusal: Refusal, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(refusal.manifests)
    [problem] = Cluster.load(file).problems
    assert refusal.message in problem.message
    assert problem.place.file.endswith("policy.yaml")
    assert problem.place.line > 0
