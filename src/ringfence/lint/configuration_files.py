"""Configurations of lint in files: `.ringfence.yaml`, or the table `[tool.ringfence]` of `pyproject.toml`.

    select: [default, RF108]
    severity: {RF113: error}
    per-path-ignores: {"legacy/*": [RF101]}
    complete: true

An unknown key is an error: otherwise a mistyped `ignroe` would silently have no effect.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from ringfence.analysis.endpoints import similar
from ringfence.errors import InputError
from ringfence.lint.configuration import LintConfiguration
from ringfence.lint.findings import FindingLevel
from ringfence.lint.running import named_rules
from ringfence.lint.settings import LintSettings
from ringfence.model.cidrs import parse_cidr
from ringfence.model.dns_servers import DNS_SERVERS, dns_server
from ringfence.plugins import named_plugin
from ringfence.sources.manifests import CONFIGURATION_FILE, read_settings, read_small_file

PROJECT: Final = "pyproject.toml"

_LARGEST: Final = 1 << 20
_WORDS: Final = ("select", "extend-select", "ignore")
_DEFAULTS: Final = LintSettings()
_SETTINGS: Final = {
    **{field.replace("_", "-"): field for field in LintSettings.__struct_fields__},
    "ingress-controllers": "ingress_namespaces",
}
_EXAMPLES: Final = {"pod-cidrs": "[10.0.0.0/8]", "service-cidrs": "[10.0.0.0/8]", "dns": f"[{DNS_SERVERS[0]}]"}
KEYS: Final = (*_WORDS, "severity", "per-path-ignores", "fail-on", *_SETTINGS)
"""The keys of a configuration."""

_LineOf = Callable[[str], int]
"""Gives the line of a key, by its path; 0 if it is not known."""


class _ValueError(Exception):
    """The value of a key is not valid; `path` is the path of the key."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


def find_configuration(paths: Iterable[str]) -> LintConfiguration:
    """The configuration for files and folders: that of the nearest folder around them, up to the repository's root.

    Outside of a repository, the search ends at the working directory, or with the folder itself. Raises InputError for
    a file with a mistake, and if several paths have different ones.
    """
    # A dict as an ordered set: several paths usually have the same file.
    found = {file: None for path in paths for file in _nearest(path)}
    if len(found) > 1:
        names = " and ".join(map(str, found))
        raise InputError(f"the files have different configurations, {names}: name one with --config, or use --isolated")
    return read_configuration(str(next(iter(found)))) if found else LintConfiguration()


def read_configuration(path: str) -> LintConfiguration:
    """The configuration in a file. Raises InputError, with the line, for one that cannot be read or has a mistake."""
    text = _text(path)
    try:
        if Path(path).suffix == ".toml":
            # `tomllib` keeps no places, so the line is looked up in the text, and only for an error.
            return _decoded(_table_of_tools(text).get("ringfence", {}), path, lambda key: _line_in_toml(text, key))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: this is not TOML: {error}") from None
    value, origin = read_settings(text, path)
    return _decoded({} if value is None else value, path, lambda key: origin.at(key).line)


def _nearest(path: str) -> Iterator[Path]:
    """The configuration file that applies to a path, if there is one."""
    here = Path.cwd()
    # Standard input has no folder, so the working directory is that of the input.
    start = here / path if path != "-" else here
    start = start if start.is_dir() else start.parent
    folders = [start.resolve(), *start.resolve().parents]
    # `.git` is a file in a worktree and a submodule, so its kind is not checked.
    roots = [number for number, folder in enumerate(folders) if (folder / ".git").exists()]
    around = [number for number, folder in enumerate(folders) if folder == here.resolve()]
    # Not beyond the root of the repository: a file in the home directory must not change the result of a project.
    for folder in folders[: (roots or around or [0])[0] + 1]:
        if (file := folder / CONFIGURATION_FILE).is_file():
            yield _shown(file, here)
            return
        # Most projects in Python have this file for other tools. Then the search goes on above it.
        if (file := folder / PROJECT).is_file() and _is_configured(file):
            yield _shown(file, here)
            return


def _shown(file: Path, here: Path) -> Path:
    return file.relative_to(here.resolve()) if file.is_relative_to(here.resolve()) else file


def _is_configured(project: Path) -> bool:
    """Whether a project has a table for ringfence. A file that cannot be parsed counts as having none."""
    try:
        return "ringfence" in _table_of_tools(_text(str(project)))
    except (InputError, ValueError, RecursionError):
        return False


def _table_of_tools(text: str) -> dict[str, Any]:
    """The table `tool` of a TOML text. Raises ValueError, or RecursionError for one that is too deep."""
    table = tomllib.loads(text).get("tool", {})
    if not isinstance(table, dict):
        raise ValueError("tool is not a table")
    return table


def _text(path: str) -> str:
    try:
        return read_small_file(path, _LARGEST, "configuration").decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: the configuration cannot be read: {error}") from None


def _line_in_toml(text: str, path: str) -> int:
    """The line of a key: `key = ...` after the header of its table, or in the header."""
    key = re.escape(path.partition(".")[0])
    lines = text.split("\n")
    start = next((number for number, line in enumerate(lines) if line.lstrip().startswith("[tool.ringfence")), 0)
    pattern = re.compile(rf"\s*(?:\[tool\.ringfence\.)?[\"']?{key}[\"']?\s*[=.\]]")
    return next((number + 1 for number in range(start, len(lines)) if pattern.match(lines[number])), 0)


def _decoded(written: object, file: str, line_of: _LineOf) -> LintConfiguration:
    try:
        return _configuration(written, file)
    except _ValueError as error:
        line = line_of(error.path)
        place = f"{file}:{line}" if line else file
        raise InputError(": ".join(filter(None, (place, error.path, str(error))))) from None


def _configuration(written: object, file: str) -> LintConfiguration:
    if not isinstance(written, dict):
        raise _ValueError("", f"keys such as select are expected here, not {_shown_value(written)}")
    for key in written:
        if key not in KEYS:
            meant = similar(str(key), KEYS) or f"; the keys are {', '.join(KEYS)}"
            raise _ValueError(str(key), f"unknown key{meant}")
    if "ingress-controllers" in written and "ingress-namespaces" in written:
        raise _ValueError("ingress-controllers", "another name of ingress-namespaces: write one of them")
    settings = {field: _setting(written[key], key, field) for key, field in _SETTINGS.items() if key in written}
    words = {key: _rules(written.get(key, []), key) for key in _WORDS}
    return LintConfiguration(
        select=words["select"],
        extend_select=words["extend-select"],
        ignore=words["ignore"],
        severity={
            _rule(word, f"severity.{word}"): _level(level, f"severity.{word}")
            for word, level in _mapping(written.get("severity", {}), "severity", "{RF113: error}").items()
        },
        per_path_ignores={
            pattern: _rules(rules, f"per-path-ignores.{pattern}")
            for pattern, rules in _mapping(
                written.get("per-path-ignores", {}), "per-path-ignores", '{"legacy/*": [RF101]}'
            ).items()
        },
        fail_on=_level(written.get("fail-on", "warning"), "fail-on"),
        settings=LintSettings(**settings),
        folder=str(Path(file).parent),
        source=file,
    )


def _setting(value: object, key: str, field: str) -> Any:
    """The value of a setting, checked against the type of its default. CIDRs and names of plugins are checked, too."""
    default = getattr(_DEFAULTS, field)
    if isinstance(default, tuple):
        found = _texts(value, key, _EXAMPLES.get(key, "[ingress-nginx]"))
        if key == "dns":
            _check_dns(found, key)
        for text in found if key.endswith("-cidrs") else ():
            try:
                parse_cidr(text)
            except ValueError as error:
                raise _ValueError(key, f"{text!r} is not a range of addresses: {error}") from None
        return found
    # `type`, not `isinstance`: true is an int in Python.
    if type(value) is not type(default):
        expected = "true or false" if isinstance(default, bool) else "a text"
        raise _ValueError(key, f"{expected} is expected here, not {_shown_value(value)}")
    return _plugin(value, key) if isinstance(value, str) and value else value


def _check_dns(servers: Iterable[str], path: str) -> None:
    for text in servers:
        try:
            dns_server(text)
        except ValueError as error:
            raise _ValueError(path, f"{error}: use one such as {DNS_SERVERS[0]}") from None


def _plugin(name: str, path: str) -> str:
    """The name of a network plugin, given its name or an alias."""
    try:
        return named_plugin(name).name
    except InputError as error:
        raise _ValueError(path, str(error)) from None


def _rules(value: object, path: str) -> tuple[str, ...]:
    return tuple(_rule(word, path) for word in dict.fromkeys(_texts(value, path, "[RF101]")))


def _rule(word: object, path: str) -> str:
    """A word that names rules."""
    if not isinstance(word, str):
        raise _ValueError(path, f"the name of a rule is expected here, not {_shown_value(word)}")
    try:
        named_rules([word])
    except InputError as error:
        raise _ValueError(path, str(error)) from None
    return word


def _level(value: object, path: str) -> FindingLevel:
    levels = [str(level) for level in FindingLevel]
    if value not in levels:
        raise _ValueError(path, f"{_shown_value(value)} is not one of {', '.join(levels)}")
    return FindingLevel(str(value))


def _texts(value: object, path: str, example: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise _ValueError(path, f"a list of texts such as {example} is expected here, not {_shown_value(value)}")
    return tuple(value)


def _mapping(value: object, path: str, example: str) -> dict[str, object]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise _ValueError(path, f"a mapping such as {example} is expected here, not {_shown_value(value)}")
    return value


def _shown_value(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
