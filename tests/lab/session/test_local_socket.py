"""The local socket: each user has one, and both ends check the user of the other process."""

import os
import socket

import pytest
from tests.lab.sandboxes import NOBODY, in_sandbox

from ringfence.errors import LaboratoryError
from ringfence.lab.session.client import stop_laboratory
from ringfence.lab.session.local_socket import command_line, is_same_user, socket_address


def test_the_address_has_the_user_and_the_name() -> None:
    assert socket_address("mine") == f"\0ringfence/{os.getuid()}/mine"


def test_a_command_in_a_message_names_the_laboratory_unless_it_is_the_default_one() -> None:
    assert command_line("default", "down") == "ringfence lab down"
    assert command_line("mine", "down") == "ringfence lab --name mine down"


def test_both_ends_of_a_pair_are_the_same_users() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert is_same_user(ours)


needs_root = pytest.mark.skipif(os.getuid() != 0, reason="needs root, to be two users")


@needs_root
def test_another_users_process_is_recognised() -> None:
    def same() -> bool:
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(f"\0ringfence-test-users-{os.getpid()}")
        listening.listen()
        if os.fork() == 0:
            os.setresuid(NOBODY, NOBODY, NOBODY)
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(listening.getsockname())
            connection.recv(1)
            os._exit(0)
        connection, _ = listening.accept()
        with connection:
            return is_same_user(connection)

    assert not in_sandbox(same)


@needs_root
def test_no_request_is_sent_to_another_users_process() -> None:
    def message() -> str:
        address = socket_address("taken")
        ready, started = os.pipe()
        if os.fork() == 0:
            os.setresuid(NOBODY, NOBODY, NOBODY)
            listening = socket.socket(socket.AF_UNIX)
            listening.bind(address)
            listening.listen()
            os.write(started, b".")
            connection, _ = listening.accept()
            os._exit(len(connection.recv(100)))
        os.read(ready, 1)
        with pytest.raises(LaboratoryError) as caught:
            stop_laboratory("taken")
        assert os.waitstatus_to_exitcode(os.wait()[1]) == 0, "it has received nothing"
        return str(caught.value)

    assert in_sandbox(message) == "a process of another user answers under this name: choose another --name"
