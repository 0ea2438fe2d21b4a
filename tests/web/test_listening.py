"""Where the local page listens, and that its answers are sent at once."""

import asyncio
import socket
from contextlib import suppress

import pytest

from ringfence.errors import InputError
from ringfence.web import listen


async def accepted_option(listening: socket.socket, option: int) -> int:
    """An option of a connection that a server of asyncio accepts, as uvicorn does."""
    options: asyncio.Queue[int] = asyncio.Queue()

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        options.put_nowait(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, option))
        writer.close()

    async with await asyncio.start_server(answer, sock=listening):
        _, writer = await asyncio.open_connection(*listening.getsockname())
        found = await options.get()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        return found


def test_the_body_of_an_answer_does_not_wait_until_the_header_is_acknowledged() -> None:
    with listen() as listening:
        assert asyncio.run(accepted_option(listening, socket.TCP_NODELAY)) != 0


def test_it_listens_for_this_machine_only_and_at_a_free_port() -> None:
    with listen() as one, listen() as other:
        assert one.getsockname()[0] == other.getsockname()[0] == "127.0.0.1"
        assert one.getsockname()[1] != other.getsockname()[1]


def test_a_port_that_is_taken_is_an_error() -> None:
    with listen() as taken, pytest.raises(InputError, match="Address already in use; choose another with --port"):
        listen(taken.getsockname()[1])
