"""The socket of the local page: at 127.0.0.1, so that no other machine can connect."""

import socket

from ringfence.errors import InputError


def listen(port: int = 0) -> socket.socket:
    """A socket that listens at a port of 127.0.0.1, by default a free one. Raises InputError for a port that is taken.

    Answers are sent as soon as they are written. Otherwise the kernel keeps the body back until the browser has
    acknowledged the header, which it does after 40 ms (RFC 1122, 4.2.3.4 and 4.2.3.2).
    """
    # asyncio turns the delay off only for a socket that names its protocol: `socket.create_server` does not.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
        listening.listen()
    except OSError as error:
        listening.close()
        message = f"port {port} of 127.0.0.1 cannot be used: {error.strerror}; choose another with --port"
        raise InputError(message) from error
    return listening
