"""What an agent answers to those who watch over it."""

import urllib.error
import urllib.request
from collections.abc import Callable

import pytest

from ringfence.agent.health import Answers, serving
from ringfence.errors import AgentError

Ask = Callable[[str], tuple[int, str]]


def asked(path: str, *, ailing: str = "", unready: str = "") -> tuple[int, str]:
    answers = Answers(lambda: b"ringfence_synced 1.0\n", lambda: ailing, lambda: unready)
    with serving(("127.0.0.1", 0), answers) as (host, port):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"http://{host}:{port}{path}", timeout=10) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read().decode()


def test_metrics_are_text() -> None:
    assert asked("/metrics") == (200, "ringfence_synced 1.0\n")


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_all_is_well(path: str) -> None:
    assert asked(path) == (200, "ok\n")


def test_a_complaint_is_told() -> None:
    assert asked("/healthz", ailing="the loop hangs") == (503, "the loop hangs\n")
    assert asked("/readyz", unready="not listed yet: Pod") == (503, "not listed yet: Pod\n")


def test_readiness_is_not_health() -> None:
    assert asked("/healthz", unready="not listed yet: Pod") == (200, "ok\n")


def test_other_paths_are_not_there() -> None:
    status, text = asked("/")
    assert status == 404
    assert "/metrics" in text


def test_ipv6_is_spoken() -> None:
    try:
        with serving(("::1", 0), Answers(bytes, str, str)) as (host, _):
            assert host == "::1"
    except AgentError as error:
        pytest.skip(f"no IPv6 here: {error}")


def test_an_address_that_is_taken_is_named() -> None:
    answers = Answers(bytes, str, str)
    with (
        serving(("127.0.0.1", 0), answers) as address,
        pytest.raises(AgentError, match=f"127.0.0.1:{address[1]} is not to be had"),
        serving(address, answers),
    ):
        pass
