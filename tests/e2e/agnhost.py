"""The part of `agnhost` and `nc` that the pods of the `doctor` experiment use, for tests without an image.

It is called as `agnhost connect HOST:PORT --timeout=1s --protocol=tcp`, `agnhost netexec --http-port=8090`,
`agnhost pause` and `nc HOST PORT`. Source: `test/images/agnhost` of Kubernetes.
"""

import re
import selectors
import signal
import socket
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def connect(target: str, *options: str) -> int:
    """Open a TCP connection. If that fails, print the reason in one word."""
    given = dict(re.findall(r"--(\w+)=(\S+)", " ".join(options)))
    assert given["protocol"] == "tcp"
    number, unit = re.fullmatch(r"(\d+)(ms|s)", given["timeout"]).groups()  # type: ignore[union-attr]
    host, _, port = target.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), int(number) / {"s": 1, "ms": 1000}[unit]).close()
    except TimeoutError:
        print("TIMEOUT")
    except ConnectionRefusedError:
        print("REFUSED")
    except OSError as error:
        print(f"OTHER: {error}")
    else:
        return 0
    return 1


class _Hostname(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # which keeps connections

    def do_GET(self) -> None:
        body = b"server"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    address_family = socket.AF_INET6  # and IPv4, by mapped addresses
    daemon_threads = True


def netexec(*options: str) -> int:
    """Serve HTTP on one port of all addresses."""
    [port] = [int(one.partition("=")[2]) for one in options if one.startswith("--http-port=")]
    _Server(("::", port), _Hostname).serve_forever()
    return 0


def keep(host: str, port: str) -> int:
    """Copy standard input into a connection, and its data to standard output, until the other side closes it."""
    connection = socket.create_connection((host, int(port)), 5)
    connection.settimeout(None)
    with selectors.DefaultSelector() as waiting:
        waiting.register(sys.stdin.buffer.fileno(), selectors.EVENT_READ)
        waiting.register(connection, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.fileobj is connection:
                    data = connection.recv(65536)
                    if not data:
                        return 0
                    sys.stdout.buffer.write(data)
                    sys.stdout.buffer.flush()
                else:
                    with open(0, "rb", buffering=0, closefd=False) as stdin:
                        data = stdin.read(65536)
                    if not data:
                        return 0
                    connection.sendall(data)


def pause() -> int:
    """Do nothing."""
    signal.pause()
    return 0


def write_programs(folder: Path) -> None:
    """Write the executable files `agnhost` and `nc` into a folder."""
    for name in ("agnhost", "nc"):
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {__file__} {name} "$@"\n')
        program.chmod(0o755)


if __name__ == "__main__":
    name, *words = sys.argv[1:]
    if name == "nc":
        raise SystemExit(keep(*words))
    command, *arguments = words
    commands: dict[str, Callable[..., int]] = {"connect": connect, "netexec": netexec, "pause": pause}
    raise SystemExit(commands[command](*arguments))
