"""From documents to reachability tests: strict, with a problem and its place for every error.

A test with a problem is left out; all others count. The format is in docs/test.md.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

import msgspec

from ringfence.analysis.endpoints import AskedPorts, PortEntry, asked_ports, parse_endpoint
from ringfence.errors import EndpointError, InputError
from ringfence.model.names import dns_label_errors
from ringfence.model.objects import DEFAULT_NAMESPACE
from ringfence.model.origin import Origin
from ringfence.model.policies import Direction
from ringfence.model.problems import Problem, ProblemCode
from ringfence.testing.fields import DocumentProblems, FieldReader, quoted
from ringfence.testing.reachability_tests import (
    KIND,
    Acceptance,
    Connects,
    DefaultDeny,
    Expectation,
    Expected,
    IsIsolated,
    NoCrossNamespace,
    NoPath,
    OnlyThese,
    ReachabilityTest,
    Skip,
)

API_VERSION: Final = "ringfence/v1"
_DIRECTIONS: Final = {
    "ingress": (Direction.INGRESS,),
    "egress": (Direction.EGRESS,),
    "both": (Direction.INGRESS, Direction.EGRESS),
}
_ONLY: Final = {"only-from": Direction.INGRESS, "only-to": Direction.EGRESS}
_EXPECTATIONS: Final = "use expect: allow, deny, unknown, {only-from: [...]} or {only-to: [...]}"
_INVARIANTS: Final = ("no-path", "no-cross-namespace", "every-namespace-default-deny")


class DecodedTests(msgspec.Struct, frozen=True):
    """The tests of a document, in their order, and its problems."""

    tests: tuple[ReachabilityTest, ...]
    problems: tuple[Problem, ...]


def decode_tests(tree: Mapping[str, Any], origin: Origin) -> DecodedTests:
    """The tests in a document of the kind ReachabilityTest, or of one whose kind is misspelt."""
    problems = DocumentProblems(origin)
    document = FieldReader(tree, "", problems)
    _check_type(document)
    namespace = _metadata(document)
    read = [_test(document, item, path, namespace) for item, path in document.items("tests")]
    read += [_invariant(document, item, path, namespace) for item, path in document.items("invariants")]
    document.require("tests", read, "write a list of tests; docs/test.md has examples")
    document.finish()
    return DecodedTests(tuple(test for test in read if test), tuple(problems.found))


def _check_type(document: FieldReader) -> None:
    version, kind = document.value("apiVersion"), document.value("kind")
    if version != API_VERSION:
        document.problem(
            "apiVersion", ProblemCode.UNKNOWN_VERSION, f"{quoted(version)} has no {KIND}", f"use {API_VERSION}"
        )
    if kind != KIND:
        message = f"{API_VERSION} has no kind {quoted(kind)}"
        document.problem("kind", ProblemCode.UNKNOWN_KIND, message, f"use {KIND}")


def _metadata(document: FieldReader) -> str | None:
    """The namespace of names without one, if the document has it."""
    metadata = document.inner("metadata")
    if metadata is None:
        return None
    metadata.text("name")
    namespace = metadata.text("namespace")
    if namespace is not None and dns_label_errors(namespace):
        message = f"Invalid value: {quoted(namespace)} is not the name of a namespace"
        metadata.problem("namespace", ProblemCode.INVALID_VALUE, message, "use lower case letters, digits and -")
    metadata.finish()
    return namespace if metadata.is_sound else None


# --- tests ------------------------------------------------------------------------------------------------------------


def _test(document: FieldReader, item: object, path: str, namespace: str | None) -> ReachabilityTest | None:
    if not isinstance(item, dict):
        document.wrong_type(path, item, "a mapping")
        return None
    fields = document.at(item, path)
    name = fields.text("name")
    # One of the two fields is enough to know what was meant, so that the other is reported as missing.
    if fields.has("isolated") or fields.has("pods"):
        expectation = _isolated(fields, namespace)
    else:
        expectation = _connection(fields, namespace)
    return _finished(fields, name, expectation, namespace)


def _finished(
    fields: FieldReader, name: str | None, expectation: Expectation | None, namespace: str | None
) -> ReachabilityTest | None:
    """The test, with the fields that all tests have; None if it has a problem."""
    fields.refuse(
        "under",
        "Forbidden: tests under the rules of a network plugin are not supported",
        "remove it: a test is about what upstream's rules mean",
    )
    because = _because(fields, expectation)
    accepted = _accepted(fields)
    # Relative to the test file, so that a test gives the same result from any working directory.
    after = tuple(str(Path(fields.place.file).parent / file) for file in fields.texts("after"))
    without = fields.texts("without")
    skip = _skip(fields)
    fields.finish()
    if expectation is None or not fields.is_sound:
        return None
    return ReachabilityTest(
        name or expectation_text(expectation),
        fields.place,
        expectation,
        namespace,
        because,
        accepted,
        after,
        without,
        skip,
    )


def _connection(fields: FieldReader, namespace: str | None) -> Expectation | None:
    expected = fields.value("expect")
    if isinstance(expected, dict):
        return _only_these(fields, fields.at(expected, fields.path_of("expect")), namespace)
    sources = _endpoints(fields, "from", namespace)
    destinations = _endpoints(fields, "to", namespace)
    ports = _ports(fields)
    pairs = fields.choice("pairs", ("all", "any"))
    if expected is None:
        fields.missing("expect", _EXPECTATIONS)
        return None
    if expected not in list(Expected):
        message = f"Unsupported value: {quoted(expected)}"
        fields.problem("expect", ProblemCode.UNSUPPORTED_VALUE, message, _meant(expected))
        return None
    fields.require("from", sources, "name the source of the connection, such as prod/web")
    fields.require("to", destinations, "name the destination of the connection, such as prod/db")
    return Connects(sources, destinations, ports, Expected(expected), pairs == "any")


def _meant(expected: object) -> str:
    if isinstance(expected, str) and expected in _ONLY:
        return f"list the pods or addresses: expect: {{{expected}: [prod/web]}}"
    return _EXPECTATIONS


def _only_these(fields: FieldReader, expected: FieldReader, namespace: str | None) -> Expectation | None:
    """`{only-from: [...]}` or `{only-to: [...]}`."""
    written = [key for key in _ONLY if expected.has(key)]
    if len(written) != 1:
        # All known keys are taken, so that only those which are not known are reported as unknown.
        for key in (*_ONLY, "future"):
            expected.value(key)
        expected.finish()
        if expected.is_sound:
            message = "exactly one of only-from and only-to is expected here"
            fields.problem("expect", ProblemCode.INVALID_VALUE, message, "write two tests for both")
        _take_connection_fields(fields)
        return None
    key = written[0]
    own, other = ("to", "from") if key == "only-from" else ("from", "to")
    listed = _endpoints(expected, key, namespace)
    future = expected.flag("future")
    expected.finish()
    message = f"Forbidden: {key} is about all others"
    fields.refuse(other, message, f"move these endpoints to {key}, which lists all that are allowed")
    fields.refuse("pairs", f"Forbidden: {key} is about every pair", "remove it")
    ends = _endpoints(fields, own, namespace)
    which = "the destination" if own == "to" else "the source"
    fields.require(own, ends, f"name {which} of the connections, such as prod/db")
    return OnlyThese(_ONLY[key], ends, _ports(fields), listed, future)


def _take_connection_fields(fields: FieldReader) -> None:
    """Take the fields of a connection whose expectation cannot be read, so that they are not reported as unknown."""
    for name in ("from", "to", "port", "ports", "pairs"):
        fields.value(name)


def _isolated(fields: FieldReader, namespace: str | None) -> Expectation | None:
    pods = _endpoints(fields, "pods", namespace)
    word = fields.choice("isolated", _DIRECTIONS)
    # A reason for each of these is better than "unknown field", because they are known in other tests.
    for name in ("from", "to", "port", "ports", "expect", "pairs"):
        fields.refuse(name, "Forbidden: isolated is about pods, not about connections", "write a separate test for it")
    fields.require("pods", pods, "name the pods that must be isolated, such as prod/*")
    fields.require("isolated", word, f"use one of {', '.join(_DIRECTIONS)}")
    return IsIsolated(pods, _DIRECTIONS[word]) if word else None


# --- invariants -------------------------------------------------------------------------------------------------------


def _invariant(document: FieldReader, item: object, path: str, namespace: str | None) -> ReachabilityTest | None:
    tree = {item: {}} if isinstance(item, str) and item in _INVARIANTS[1:] else item
    if not isinstance(tree, dict):
        document.problem(
            path, ProblemCode.WRONG_TYPE, f"an invariant is expected here: {', '.join(_INVARIANTS)}", "use one of these"
        )
        return None
    # An invariant with a colon and no value (`no-cross-namespace:`) means the same as its name alone.
    fields = document.at(
        {key: {} if key in _INVARIANTS and value is None else value for key, value in tree.items()}, path
    )
    name = fields.text("name")
    written = [one for one in _INVARIANTS if fields.has(one)]
    expectation: Expectation | None = None
    if len(written) == 1:
        expectation = _expectation_of_invariant(fields, written[0], namespace)
    # If two are written, neither is read. They are taken all the same, because they are not unknown fields.
    for one in _INVARIANTS:
        fields.value(one)
    finished = _finished(fields, name, expectation, namespace)
    if len(written) != 1 and fields.is_sound:
        message = f"exactly one of {', '.join(_INVARIANTS)} is expected here"
        document.problem(path, ProblemCode.INVALID_VALUE, message, "write each invariant as an item of its own")
    return finished


def _expectation_of_invariant(fields: FieldReader, invariant: str, namespace: str | None) -> Expectation | None:
    inner = fields.inner(invariant)
    if inner is None:
        return None
    expectation: Expectation
    if invariant == "no-path":
        sources, destinations = (_endpoints(inner, name, namespace) for name in ("from", "to"))
        ports = _ports(inner)
        through = inner.flag("through-pods")
        inner.require("from", sources, "name where no path may begin, such as internet")
        inner.require("to", destinations, "name where no path may end, such as tier=data")
        expectation = NoPath(sources, destinations, ports, through)
    elif invariant == "no-cross-namespace":
        expectation = NoCrossNamespace(inner.texts("except"))
    else:
        word = inner.choice("direction", _DIRECTIONS) or "both"
        expectation = DefaultDeny(_DIRECTIONS[word], inner.texts("except"))
    inner.finish()
    return expectation if inner.is_sound else None


# --- fields -----------------------------------------------------------------------------------------------------------


def _endpoints(fields: FieldReader, name: str, namespace: str | None) -> tuple[str, ...]:
    """The endpoints of a field, as they are written. One that cannot be parsed is a problem, and left out."""
    found = []
    for text, path in fields.texts_with_paths(name):
        try:
            parse_endpoint(text, namespace or DEFAULT_NAMESPACE)
        except EndpointError as error:
            fields.problem(path, ProblemCode.INVALID_VALUE, f"Invalid value: {error}")
        else:
            found.append(text)
    return tuple(found)


def _ports(fields: FieldReader) -> AskedPorts:
    """The ports of `port` or `ports`; all traffic without either."""
    if fields.has("port"):
        fields.refuse("ports", "Forbidden: the field port is also given", "write all ports in ports")
    name = "port" if fields.has("port") else "ports"
    written = fields.value(name)
    # The other name is taken, too, so that it is a known word when a misspelt field is compared with them.
    fields.value("ports" if name == "port" else "port")
    if written is None:
        return AskedPorts()
    items = written if isinstance(written, list) else [written]
    entries = [
        _port(fields, f"{name}[{index}]" if isinstance(written, list) else name, item)
        for index, item in enumerate(items)
    ]
    if not items:
        message = "Invalid value: the list of ports is empty"
        fields.problem(name, ProblemCode.INVALID_VALUE, message, "name a port, or leave the field out for all traffic")
    return AskedPorts(tuple(entry for one in entries if one for entry in one))


def _port(fields: FieldReader, path: str, value: object) -> tuple[PortEntry, ...] | None:
    # A bool is an int in Python, and `port: yes` in YAML is a bool.
    if isinstance(value, bool) or not isinstance(value, int | str):
        fields.wrong_type(path, value, "a port such as 3306, 53/UDP, 8000-8080, a port name, or all")
        return None
    try:
        return asked_ports(value).entries
    except InputError as error:
        fields.problem(path, ProblemCode.INVALID_VALUE, f"Invalid value: {error}")
        return None


def _because(fields: FieldReader, expectation: Expectation | None) -> tuple[str, ...]:
    if isinstance(expectation, Connects) and expectation.expected is not Expected.UNKNOWN:
        return fields.texts("because")
    message = "Forbidden: because is about connections that are allowed or denied"
    fields.refuse("because", message, "remove it, or write a test with expect: allow or deny")
    return ()


def _accepted(fields: FieldReader) -> frozenset[Acceptance]:
    found = set()
    for text, path in fields.texts_with_paths("accept"):
        if text in list(Acceptance):
            found.add(Acceptance(text))
        else:
            message = f"Unsupported value: {quoted(text)}: supported values: {', '.join(Acceptance)}"
            fields.problem(path, ProblemCode.UNSUPPORTED_VALUE, message)
    return frozenset(found)


def _skip(fields: FieldReader) -> Skip | None:
    # A date alone would look as if the test were skipped, but would have no effect.
    if not fields.has("skip"):
        fields.refuse("until", "Forbidden: until is the last day of a skip", "add skip with the reason")
    reason, until = fields.text("skip"), fields.text("until")
    if until is None:
        return Skip(reason) if reason else None
    try:
        last = date.fromisoformat(until)
    except ValueError:
        message = f"Invalid value: {quoted(until)} is not a date"
        fields.problem("until", ProblemCode.INVALID_VALUE, message, "use one such as 2027-01-31")
        return None
    return Skip(reason, last) if reason else None


# --- names ------------------------------------------------------------------------------------------------------------


def expectation_text(expectation: Expectation) -> str:
    """An expectation in one line: the name of a test that has none."""
    match expectation:
        case Connects(sources, destinations, ports, expected, any_pair):
            which = " for any pair" if any_pair else ""
            return f"{_list(sources)} -> {_list(destinations)}{_on(ports)}: {expected}{which}"
        case OnlyThese(direction, ends, ports, listed, _):
            if direction is Direction.INGRESS:
                return f"only {_list(listed) or 'nobody'} -> {_list(ends)}{_on(ports)}"
            return f"{_list(ends)} -> only {_list(listed) or 'nobody'}{_on(ports)}"
        case IsIsolated(pods, directions):
            return f"{_list(pods)}: isolated for {_words(directions)}"
        case NoPath(sources, destinations, ports, through_pods):
            way = ", not through other pods either" if through_pods else ""
            return f"no path {_list(sources)} -> {_list(destinations)}{_on(ports)}{way}"
        case NoCrossNamespace(excepted):
            return f"no connection between namespaces{_except(excepted)}"
        case DefaultDeny(directions, excepted):
            return f"default deny for {_words(directions)} in every namespace{_except(excepted)}"


def _list(texts: Iterable[str]) -> str:
    return ", ".join(texts)


def _on(ports: AskedPorts) -> str:
    return "" if ports.is_everything else f" on {ports}"


def _words(directions: Iterable[Direction]) -> str:
    return " and ".join(direction.field for direction in directions)


def _except(excepted: tuple[str, ...]) -> str:
    return f" except {_list(excepted)}" if excepted else ""
