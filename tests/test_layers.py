"""The import contracts of pyproject.toml notice what they forbid."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

FORBIDDEN = {
    "sets/addresses.py": ("import httpx2", "ringfence.sets is not allowed to import httpx2"),
    "sets/traffic.py": ("import ssl", "ringfence.sets is not allowed to import ssl"),
    "model/selectors.py": ("import http.client", "ringfence.model is not allowed to import http"),
    "agent/view.py": ("import httpx2", "ringfence.agent is not allowed to import httpx2"),
    "sources/manifests/files.py": (
        "from ringfence.sources.cluster import read as _",
        "ringfence.sources.manifests is not allowed to import ringfence.sources.cluster",
    ),
    "render/matrix.py": (
        "from ringfence.engine.policies.tier import Tier as _",
        "ringfence.render.matrix -> ringfence.engine.policies.tier",
    ),
    "analysis/lists/connections.py": (
        "from ringfence.engine.answers.verdicts import side_traffic as _",
        "ringfence.analysis.lists.connections -> ringfence.engine.answers.verdicts",
    ),
    "dataplane/kernel.py": (
        "from ringfence.dataplane.compile.subjects import Subjects as _",
        "ringfence.dataplane.kernel -> ringfence.dataplane.compile.subjects",
    ),
}
"""By module: an import that it must not have, and what the linter says of it."""


def test_a_forbidden_import_breaks_a_contract(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for module, (statement, _) in FORBIDDEN.items():
        with (tmp_path / "src" / "ringfence" / module).open("a") as file:
            file.write(f"\n{statement}\n")
    linter, config = Path(sys.executable).with_name("lint-imports"), ROOT / "pyproject.toml"
    command = [str(linter), "--config", str(config), "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "src")}
    found = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert found.returncode == 1
    for _, message in FORBIDDEN.values():
        assert message in found.stdout
