"""Commands and the laboratory in the background that they mean."""

import json
import os
import socket
import threading
import uuid

import pytest
from tests.lab.processes import User, user
from tests.lab.sandboxes import as_root_and_not
from tests.lab.session.test_pod_command import python
from tests.lab.shop import DENY_ALL, SHOP

from ringfence.errors import LaboratoryError
from ringfence.lab.session.client import send_request
from ringfence.lab.session.local_socket import socket_address
from ringfence.lab.session.protocol import StatusRequest

FETCH = "import urllib.request as u; print(u.urlopen('http://store', timeout=30).read().decode(), end='')"


def observed(owner: User, *arguments: str) -> list[bool]:
    """What a probe observes, which must be what the engine says."""
    done = owner.run("lab", "probe", *arguments, "-o", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    return [probe["observed"] for probe in json.loads(done.stdout)["probes"]]


@as_root_and_not
def test_a_laboratory_in_the_background(rootless: bool) -> None:
    with user(rootless=rootless) as owner:
        up = owner.run("lab", "up", "-f", "-", "--nodes", "2", manifests=SHOP)
        assert up.returncode == 0, up.stderr
        status = json.loads(owner.run("lab", "status", "-o", "json").stdout)
        assert [pod["name"] for pod in status["pods"]] == ["kube-system/dns", "shop/db", "shop/web"]
        assert len(status["nodes"]) == 2

        assert observed(owner, "shop/web", "shop/db", "-p", "3306") == [True]
        assert owner.run("lab", "exec", "shop/web", "--", python(rootless), "-c", FETCH).stdout == "shop/db\n"

        gone = owner.run("lab", "delete", "netpol", "db-policy", "-n", "shop")
        assert gone.stderr == "NetworkPolicy shop/db-policy: deleted\n"
        applied = owner.run("lab", "apply", "-f", "-", manifests=DENY_ALL)
        assert applied.stderr == "NetworkPolicy shop/deny-all: applied\n"
        assert observed(owner, "shop/web", "shop/svc/store", "-p", "80") == [False]
        assert observed(owner, "shop/db", "shop/web", "-p", "80") == [False]

        assert owner.run("lab", "delete", "-f", "-", manifests=DENY_ALL).returncode == 0
        assert observed(owner) == [True, True, True, True]
        assert owner.run("lab", "down").returncode == 0
        assert owner.survivors() == []


@pytest.mark.parametrize(
    "arguments", [("status",), ("down",), ("probe",), ("exec", "shop/web", "true"), ("delete", "netpol", "db-policy")]
)
def test_without_a_laboratory_the_message_says_how_to_start_one(arguments: tuple[str, ...]) -> None:
    with user(rootless=False) as owner:
        done = owner.run("lab", *arguments)
        assert done.returncode == 2
        name = owner.environment["RINGFENCE_LAB"]
        assert done.stderr == (f"error: no laboratory is running: start one (ringfence lab --name {name} up -f FILE)\n")


@pytest.mark.parametrize("reads", [True, False], ids=["after it has read", "before it has read"])
def test_a_laboratory_that_is_killed_meanwhile_is_an_error(reads: bool) -> None:
    """The kernel reports the one as the end of a stream, and the other as a reset connection."""
    name = uuid.uuid4().hex
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(socket_address(name))
        listening.listen()

        def end() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1000, 0 if reads else socket.MSG_PEEK)

        thread = threading.Thread(target=end)
        thread.start()
        with pytest.raises(LaboratoryError, match=r"^the laboratory has ended unexpectedly$"):
            send_request(name, StatusRequest())
        thread.join()


def test_a_name_that_is_too_long_for_a_socket_is_an_error_of_its_own(shop: User) -> None:
    for words in (("status",), ("up", "-f", os.devnull)):
        done = shop.run("lab", "--name", "n" * 200, *words)
        assert done.returncode == 2
        assert "path too long" in done.stderr
        assert "running" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("probe", "shop/web", "shop/missing"), "shop/missing", id="no pod of that name"),
        pytest.param(("probe", "shop/web"), "needs a destination", id="a probe to nowhere"),
        pytest.param(("exec", "shop/app=none", "true"), "app=none", id="no pod to be in"),
        pytest.param(("exec", "shop/*", "true"), "does not name exactly one pod", id="several pods to be in"),
        pytest.param(("exec", "shop/web", "--"), "no command", id="no command"),
        pytest.param(("delete", "potato", "x"), "'potato' is not a kind", id="an unknown kind"),
        pytest.param(("delete", "netpol", "db-policy"), "no NetworkPolicy db-policy", id="not in this namespace"),
        pytest.param(("delete",), "nothing to delete", id="nothing to delete"),
        pytest.param(("apply",), "no objects", id="nothing to apply"),
    ],
)
def test_what_cannot_be_done_is_an_error_with_a_reason(shop: User, arguments: tuple[str, ...], message: str) -> None:
    done = shop.run("lab", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_valid_objects_are_applied_although_others_are_not() -> None:
    misspelt = DENY_ALL.replace("podSelector", "podSelektor") + "---\n" + DENY_ALL
    with user(rootless=False) as owner:
        owner.run("lab", "up", "-f", "-", manifests=SHOP)
        done = owner.run("lab", "apply", "-f", "-", manifests=misspelt)
        assert done.returncode == 2
        assert "podSelektor" in done.stderr
        assert "NetworkPolicy shop/deny-all: applied\n" in done.stderr


def test_what_was_not_taken_is_reported_until_it_is_corrected() -> None:
    misspelt = DENY_ALL.replace("podSelector", "podSelektor")
    with user(rootless=False) as owner:
        owner.run("lab", "up", "-f", "-", manifests=SHOP)
        owner.run("lab", "apply", "-f", "-", manifests=misspelt)
        for command in ("status", "probe"):
            done = owner.run("lab", command)
            assert done.returncode == 2
            assert "podSelektor" in done.stderr
            assert owner.run("lab", command, "--ignore-errors").returncode == 0
        owner.run("lab", "apply", "-f", "-", manifests=DENY_ALL)
        assert owner.run("lab", "status").returncode == 0
