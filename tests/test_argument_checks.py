"""Arguments of the Python API that have the wrong type are errors that say what to pass, and never another question."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ringfence import Cluster
from ringfence.errors import InputError

EXAMPLE = Path(__file__).parents[1] / "examples" / "three-tier"

CALLS: list[tuple[Callable[[Any], object], object, str]] = [
    (Cluster.load, 5, "5 is not a path: use a text or a Path"),
    (Cluster.load, None, "None is not a path: use a text or a Path"),
    (
        Cluster.load,
        ["a.yaml"],
        "['a.yaml'] is not a path: pass each path as an argument of its own, as in Cluster.load(*paths)",
    ),
    (
        Cluster.load,
        b"a.yaml",
        "b'a.yaml' is not a path: pass each path as an argument of its own, as in Cluster.load(*paths)",
    ),
    (lambda value: Cluster.load(EXAMPLE, kustomize=value), 5, "5 is not a path: use a text or a Path"),
    (
        lambda value: Cluster.load(EXAMPLE, exclude=value),
        "*.json",
        'exclude is \'*.json\': use a list of texts such as ["test", "*.json"]',
    ),
    (
        lambda value: Cluster.load(EXAMPLE, exclude=value),
        [5],
        'exclude is [5]: use a list of texts such as ["test", "*.json"]',
    ),
    (lambda value: Cluster(namespace=value), 5, 'namespace is 5: use a text such as "prod"'),
    (
        lambda value: Cluster(namespace=value),
        "Prod",
        "'Prod' is not the name of a namespace: use small letters, digits and '-', such as prod",
    ),
    (Cluster.live, 5, 'context is 5: use a text such as "prod"'),
    (lambda value: Cluster.live(kubeconfig=value), 5, "5 is not a path: use a text or a Path"),
    (Cluster().upsert, "pod", "'pod' is not an object: use a dict as in the API, or load a file with Cluster.load"),
    (Cluster().upsert, None, "None is not an object: use a dict as in the API, or load a file with Cluster.load"),
    (lambda value: Cluster().remove(value, "x", "a"), 5, 'kind is 5: use a text such as "Pod"'),
    (lambda value: Cluster().remove("Pod", value, "a"), None, 'namespace is None: use a text such as "prod"'),
    (lambda value: Cluster().remove("Pod", "x", value), 5, 'name is 5: use a text such as "web"'),
    (
        lambda value: Cluster().remove(value, "x", "a"),
        "networkpolicy",
        "'networkpolicy' is not a known kind; did you mean NetworkPolicy?",
    ),
    (
        lambda value: Cluster().remove(value, "x", "a"),
        "Widget",
        "'Widget' is not a known kind: use one such as NetworkPolicy",
    ),
    (lambda value: Cluster().can(value, "x/a"), 5, '5 is not an endpoint: use a text such as "prod/web"'),
    (lambda value: Cluster().can("192.0.2.1", value), None, 'None is not an endpoint: use a text such as "prod/web"'),
    (
        lambda value: Cluster().can("192.0.2.1", "192.0.2.2", port=value),
        3306.5,
        '3306.5 is not a valid port: use 3306, "53/UDP", "8000-8080", the name of a port, or "all"',
    ),
    (
        lambda value: Cluster().can("192.0.2.1", "192.0.2.2", port=80, protocol=value),
        6,
        "6 is not a protocol of NetworkPolicies: use TCP, UDP or SCTP",
    ),
]
"""A call with one argument, a value of the wrong type for it, and the message."""


@pytest.mark.parametrize(("call", "value", "message"), CALLS)
def test_a_wrong_argument_is_an_input_error(call: Callable[[Any], object], value: object, message: str) -> None:
    with pytest.raises(InputError) as raised:
        call(value)
    assert str(raised.value) == message


def test_right_arguments_pass() -> None:
    cluster = Cluster.load(str(EXAMPLE), EXAMPLE, exclude=("services.yaml",), namespace="prod")
    assert cluster.can("api", "db", port="mysql", protocol="tcp")
    cluster.remove("Pod", "prod", "api")
