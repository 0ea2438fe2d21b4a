"""What CI systems read from this repository: hooks for pre-commit, the GitHub action, the GitLab component, recipes."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from ringfence.cli import cli
from tests.analysis.differences.clusters import DB, WORKLOADS
from tests.sources.git_repositories import GitRepository

ROOT = Path(__file__).parents[1]
OPENED = DB.replace("      podSelector: {matchLabels: {app: web}}\n", "")
KNOWN = DB.replace("    - name", "    # ringfence: ignore[RF102] tools get a web later\n    - name", 1)
TEST = """\
apiVersion: ringfence/v1
kind: ReachabilityTest
tests:
- {name: the probe stays out, from: tools/probe, to: prod/db, port: 3306, expect: deny}
"""
HOOKS: dict[str, Any] = {one["id"]: one for one in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
ACTIONS: dict[str, Any] = {
    name: yaml.safe_load((ROOT / name).read_text()) for name in ("action.yml", "lint/action.yml")
}
ACTION = ACTIONS["action.yml"]
LINT_ACTION = ACTIONS["lint/action.yml"]
RECIPES = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "ci.md").read_text(), flags=re.DOTALL)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitRepository:
    made = GitRepository(tmp_path)
    monkeypatch.chdir(tmp_path)
    made.write("k8s/all.yaml", f"{WORKLOADS}---\n{KNOWN}")
    made.write("k8s/tests.yaml", TEST)
    made.commit()
    return made


def run(hook: str) -> Result:
    """What pre-commit runs: the entry and the arguments; all hooks leave out the names of changed files."""
    assert HOOKS[hook]["pass_filenames"] is False
    arguments: list[str] = HOOKS[hook]["args"]
    program, *words = shlex.split(HOOKS[hook]["entry"])
    assert program == "ringfence"
    return CliRunner().invoke(cli, words + arguments)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_passes_where_all_is_well(repository: GitRepository, hook: str) -> None:
    assert run(hook).exit_code == 0


def test_hooks_notice_what_a_change_does(repository: GitRepository) -> None:
    repository.write("k8s/all.yaml", f"{WORKLOADS}---\n{OPENED}")
    repository("add", "-A")
    assert run("ringfence-test").exit_code == 1
    shown = run("ringfence-diff")
    assert (shown.exit_code, "+ tools/Deployment/probe -> prod/StatefulSet/db" in shown.stdout) == (0, True)
    repository.write("k8s/all.yaml", DB.replace("3306", "99999"))
    assert run("ringfence-validate").exit_code == 1


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_puts_nothing_of_others_into_a_command(name: str) -> None:
    steps = ACTIONS[name]["runs"]["steps"]
    assert all("${{" not in step["run"] for step in steps)
    assert all("uses" not in step for step in steps), "a part of another repository needs the hash of a commit"
    assert all(step["run"].startswith("set -euo pipefail") for step in steps)


def test_every_input_of_the_action_reaches_its_script() -> None:
    written = (ROOT / "scripts" / "github_action.py").read_text()
    passed = next(step["env"] for step in ACTION["runs"]["steps"] if "env" in step)
    assert set(passed.values()) == {f"${{{{ inputs.{name} }}}}" for name in ACTION["inputs"]}
    assert all(f'"{name}"' in written for name in passed)
    assert all(f'"{name}"' in written for name in ACTION["outputs"])


@pytest.mark.parametrize(("severity", "exit_code"), [("error", 0), ("warning", 1)])
def test_the_action_that_lints_writes_annotations_and_sarif(
    repository: GitRepository, severity: str, exit_code: int
) -> None:
    """Its script, as it is: only the program is not installed for it."""
    repository.write("k8s/wrong.yaml", DB.replace("name: db,", "name: wrong,").replace("app: db", "app: dbb"))
    passed = LINT_ACTION["runs"]["steps"][1]
    inputs = {"path": "k8s", "fail-on": severity, "sarif": "out.sarif"}
    values = {name: one["default"] for name, one in LINT_ACTION["inputs"].items()} | inputs
    assert set(passed["env"].values()) == {f"${{{{ inputs.{name} }}}}" for name in LINT_ACTION["inputs"]}
    env = {key: values[value.removeprefix("${{ inputs.").removesuffix(" }}")] for key, value in passed["env"].items()}
    program = repository.folder / "ringfence" / "bin" / "ringfence"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m ringfence "$@"\n')
    program.chmod(0o755)
    env = {
        **os.environ,
        **env,
        "RUNNER_TEMP": str(repository.folder),
        "GITHUB_OUTPUT": str(repository.folder / "outputs"),
    }
    ran = subprocess.run(["bash", "-c", passed["run"]], env={**os.environ, **env}, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (exit_code, "")
    assert "::warning file=k8s/wrong.yaml,line=" in ran.stdout
    assert json.loads(Path("out.sarif").read_text())["version"] == "2.1.0"
    assert Path("outputs").read_text() == "sarif=out.sarif\n"


@pytest.mark.parametrize("name", ["diff", "lint"])
def test_every_input_of_a_component_is_used(name: str) -> None:
    header, job = (ROOT / "templates" / f"{name}.yml").read_text().split("\n---\n")
    inputs = yaml.safe_load(header)["spec"]["inputs"]
    assert set(re.findall(r"\$\[\[ inputs\.([\w-]+) \]\]", job)) == set(inputs)
    script = yaml.safe_load(job)[f"ringfence-{name}"]["script"]
    assert all("$[[" not in line for line in script), "inputs are variables, which a shell does not read as commands"


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_is_yaml(recipe: str) -> None:
    assert yaml.safe_load(recipe)


def test_recipes_name_what_there_is() -> None:
    recipes: list[Any] = [yaml.safe_load(recipe) for recipe in RECIPES]
    workflow, linting, component, lint_component, hooks = (recipes[number] for number in (0, 1, 3, 4, 6))
    assert set(workflow["jobs"]["diff"]["steps"][1]["with"]) <= set(ACTION["inputs"])
    assert set(linting["jobs"]["lint"]["steps"][1]["with"]) <= set(LINT_ACTION["inputs"])
    for name, one in (("diff", component), ("lint", lint_component)):
        header = yaml.safe_load((ROOT / "templates" / f"{name}.yml").read_text().split("\n---\n")[0])
        assert set(one["include"][0]["inputs"]) <= set(header["spec"]["inputs"])
    assert [one["id"] for one in hooks["repos"][0]["hooks"]] == list(HOOKS)
