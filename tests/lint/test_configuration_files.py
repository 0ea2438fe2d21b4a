"""Configurations: their effects, the places that are searched, and the messages about mistakes in them."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.render.lint_findings.findings import finding

from ringfence.errors import InputError
from ringfence.lint import (
    FindingLevel,
    LintConfiguration,
    LintFindings,
    LintSettings,
    find_configuration,
    read_configuration,
)
from ringfence.model.origin import Place


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(file: str, text: str) -> str:
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).write_text(text)
    return file


YAML = """\
select: [RF101]
extend-select: [RF10, shadowed-rule]
ignore: [RF102]
severity: {RF113: error}
per-path-ignores: {"legacy/*": [RF101]}
fail-on: note
complete: true
pod-cidrs: [10.0.0.0/16]
plugin: cilium
"""
TOML = """\
[tool.other]
select = 7

[tool.ringfence]
select = ["RF101"]
extend-select = ["RF10", "shadowed-rule"]
ignore = ["RF102"]
fail-on = "note"
complete = true
pod-cidrs = ["10.0.0.0/16"]
plugin = "cilium"

[tool.ringfence.severity]
RF113 = "error"

[tool.ringfence.per-path-ignores]
"legacy/*" = ["RF101"]
"""


@pytest.mark.parametrize(("file", "text"), [(".ringfence.yaml", YAML), ("pyproject.toml", TOML)])
def test_both_files_say_the_same(file: str, text: str) -> None:
    assert read_configuration(written(file, text)) == LintConfiguration(
        select=("RF101",),
        extend_select=("RF10", "shadowed-rule"),
        ignore=("RF102",),
        severity={"RF113": FindingLevel.ERROR},
        per_path_ignores={"legacy/*": ("RF101",)},
        fail_on=FindingLevel.NOTE,
        settings=LintSettings(complete=True, pod_cidrs=("10.0.0.0/16",), plugin="cilium"),
        source=file,
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\n\nignroe: []\n", "x.yaml:1: a: unknown key; the keys are select, extend-select,"),
        ("complete: true\nignroe: []\n", "x.yaml:2: ignroe: unknown key; did you mean ignore?"),
        ("ignore: RF101\n", "x.yaml:1: ignore: a list of texts such as [RF101] is expected here, not 'RF101'"),
        ("ignore: [RF101, RF999]\n", "x.yaml:1: ignore: there is no rule 'RF999'"),
        ("\nseverity:\n  RF101: off\n", "x.yaml:3: severity.RF101: False is not one of error, warning, note"),
        ("severity: {selects-nothin: note}", "x.yaml:1: severity.selects-nothin: there is no rule"),
        ("severity: []", "x.yaml:1: severity: a mapping such as {RF113: error} is expected here, not []"),
        ("per-path-ignores: {a: RF101}", "x.yaml:1: per-path-ignores.a: a list of texts"),
        ("complete: 1", "x.yaml:1: complete: true or false is expected here, not 1"),
        ("plugin: 1", "x.yaml:1: plugin: a text is expected here, not 1"),
        ("plugin: celium", "x.yaml:1: plugin: there is no plugin 'celium'; did you mean cilium?"),
        ("pod-cidrs: [10.0.0.0]", "x.yaml:1: pod-cidrs: '10.0.0.0' is not a range of addresses"),
        (
            "dns: [kube-dns]",
            "x.yaml:1: dns: 'kube-dns' is not NAMESPACE/LABEL=VALUE: use one such as kube-system/k8s-app=",
        ),
        ("ignore: []\nignore: []\n", "x.yaml:2: ignore: this key is there twice"),
        ("- RF101", "x.yaml:1: keys such as select are expected here, not ['RF101']"),
        ("a: {", "x.yaml:1: this is not YAML"),
        ("{}\n---\n{}", "x.yaml: the file has 2 documents"),
    ],
)
def test_a_mistake_is_an_error_with_its_line(text: str, message: str) -> None:
    with pytest.raises(InputError) as raised:
        read_configuration(written("x.yaml", text))
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.ringfence]\ncomplete = true\nignroe = []\n", "x.toml:3: ignroe: unknown key; did you mean ignore?"),
        ("[tool.ringfence.severity]\nRF101 = 'none'\n", "x.toml:1: severity.RF101: 'none' is not one of"),
        ("[tool.ringfence", "x.toml: this is not TOML"),
        ("tool = 3", "x.toml: this is not TOML: tool is not a table"),
        (f"[tool.ringfence]\nselect = {'[' * 5_000}{']' * 5_000}", "x.toml: this is not TOML: maximum recursion"),
        (f"[tool.ringfence]\nselect = [1{'0' * 5_000}]", "x.toml: this is not TOML: Exceeds the limit"),
    ],
)
def test_a_mistake_in_toml_is_an_error_with_its_line(text: str, message: str) -> None:
    with pytest.raises(InputError) as raised:
        read_configuration(written("x.toml", text))
    assert str(raised.value).startswith(message)


def test_a_file_that_is_not_there_is_an_error() -> None:
    with pytest.raises(InputError, match=r"nowhere\.yaml: the configuration cannot be read: No such file"):
        read_configuration("nowhere.yaml")


def test_the_namespaces_of_ingress_controllers_have_two_names_for_one_list() -> None:
    text = "ingress-controllers: [edge]\n"
    assert read_configuration(written("c.yaml", text)).settings == LintSettings(ingress_namespaces=("edge",))
    with pytest.raises(InputError, match=r"c\.yaml:1: ingress-controllers: another name of ingress-namespaces"):
        read_configuration(written("c.yaml", f"{text}ingress-namespaces: [edge]\n"))


def test_an_empty_file_is_the_default() -> None:
    assert read_configuration(written(".ringfence.yaml", "")) == LintConfiguration(source=".ringfence.yaml")


@pytest.mark.parametrize(
    ("files", "found"),
    [
        pytest.param(["repo/.ringfence.yaml"], "repo/.ringfence.yaml", id="in a folder above"),
        pytest.param(["repo/pyproject.toml"], "repo/pyproject.toml", id="in the file of a Python project"),
        pytest.param(["repo/.ringfence.yaml", "repo/pyproject.toml"], "repo/.ringfence.yaml", id="its own file first"),
        pytest.param(["repo/.ringfence.yaml", "repo/k8s/.ringfence.yaml"], "repo/k8s/.ringfence.yaml", id="nearest"),
        pytest.param([".ringfence.yaml"], "", id="not above the root of the repository"),
    ],
)
def test_it_is_looked_for_around_the_input(files: list[str], found: str) -> None:
    written("repo/k8s/db/p.yaml", "")
    Path("repo/.git").mkdir()
    for file in files:
        written(file, "[tool.ringfence]\n" if file.endswith(".toml") else "complete: true\n")
    assert find_configuration(["repo/k8s/db/p.yaml"]).source == found
    assert find_configuration(["repo/k8s/db"]).source == found


def test_a_python_project_that_says_nothing_about_it_is_passed_over() -> None:
    written("k8s/pyproject.toml", "[tool.other]\n")
    written(".ringfence.yaml", "complete: true\n")
    assert find_configuration(["k8s"]).source == ".ringfence.yaml"


def test_outside_of_a_repository_the_search_ends_at_the_working_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    written(".ringfence.yaml", "complete: true\n")
    written("here/k8s/p.yaml", "")
    monkeypatch.chdir("here")
    assert find_configuration(["k8s"]).source == ""


def test_files_with_different_configurations_are_an_error() -> None:
    written("a/.ringfence.yaml", "")
    written("b/.ringfence.yaml", "")
    with pytest.raises(InputError, match=r"different configurations, a/\.ringfence\.yaml and b/\.ringfence\.yaml"):
        find_configuration(["a", "b"])


def test_severities_and_ignored_paths_leave_errors_of_the_input_alone() -> None:
    wanted = LintConfiguration(
        severity={"selects-nothing": FindingLevel.NOTE},
        per_path_ignores={"legacy/*": ("RF101",)},
        folder="k8s",
        source="k8s/.ringfence.yaml",
    )
    one = finding(place=Place("k8s/legacy/deep/p.yaml", 3))
    broken = replace(one, is_input_error=True, level=FindingLevel.ERROR)
    elsewhere = replace(one, place=Place("k8s/new/legacy.yaml", 3))
    found = wanted.without_ignored_paths(wanted.with_severities(LintFindings((one, broken, elsewhere))))
    assert found.found == (broken, replace(elsewhere, level=FindingLevel.NOTE))
    assert [one.reason for one in found.suppressed] == ["per-path-ignores of k8s/.ringfence.yaml: legacy/*"]


def test_words_from_elsewhere_replace_the_selection_and_add_to_the_rest() -> None:
    wanted = LintConfiguration(select=("RF101",), ignore=("RF102",)).with_words(["RF10"], ["RF104"], ["RF108"])
    assert (wanted.select, wanted.ignore, wanted.extend_select) == (("RF10",), ("RF102", "RF104"), ("RF108",))
    chosen = [rule.identifier for rule in wanted.rules()]
    assert "RF101" in chosen
    assert "RF108" in chosen
    assert "RF102" not in chosen
