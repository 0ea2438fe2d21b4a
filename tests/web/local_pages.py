"""A local page on a real server at a free port of 127.0.0.1, for as long as a test asks it."""

import asyncio
import http.client
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from ringfence.cluster import Cluster
from ringfence.web import Guard, LocalPage, Simulation, course_app, listen, page_app


class ServedPage:
    """A local page, its address, and what is known of it."""

    def __init__(self, page: LocalPage | None, guard: Guard, port: int, loop: asyncio.AbstractEventLoop) -> None:
        self._page = page
        self.port = port
        self.token = guard.token
        self.origin = f"http://127.0.0.1:{port}"
        self._loop = loop

    @property
    def page(self) -> LocalPage:
        """The page, which is not a course."""
        assert self._page is not None
        return self._page

    @property
    def entrance(self) -> str:
        """The address with the token."""
        return f"{self.origin}/?token={self.token}"

    def read_again(self) -> None:
        """Have the page read its cluster anew."""
        asyncio.run_coroutine_threadsafe(self.page.read_again(), self._loop).result(30)

    def ask(
        self, path: str, body: object = None, *, method: str = "", **headers: str
    ) -> tuple[int, dict[str, str], str]:
        """Ask as the page does; `headers` replace those of the page, and empty ones are left out."""
        written = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {
            "host": f"127.0.0.1:{self.port}",
            "cookie": f"ringfence={self.token}",
            "origin": self.origin if written is not None else "",
            **headers,
        }
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.putrequest(method or ("GET" if written is None else "POST"), path, skip_host=True)
            for name, value in sent.items():
                if value:
                    connection.putheader(name, value)
            if written is not None:
                connection.putheader("content-length", str(len(written)))
            connection.endheaders(written)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
        finally:
            connection.close()

    def ask_json(self, path: str, body: object = None) -> Any:
        """The answer to a question, as JSON."""
        return json.loads(self.ask(path, body)[2])


@contextmanager
def served(
    read: Callable[[], Cluster], title: str = "test", *, test_folders: Sequence[Path] = ()
) -> Iterator[ServedPage]:
    """Serve the page of a cluster."""
    page = LocalPage(Simulation(read, title), test_folders)
    with _served(page_app(page), page) as found:
        yield found


@contextmanager
def served_course(folder: Path) -> Iterator[ServedPage]:
    """Serve the course, with its manifests in a folder."""
    with _served(course_app(folder), None) as found:
        yield found


@contextmanager
def _served(app: ASGIApp, page: LocalPage | None) -> Iterator[ServedPage]:
    listening = listen()
    port = listening.getsockname()[1]
    guard = Guard(app, port)
    config = uvicorn.Config(guard, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=lambda: loop.run_until_complete(server.serve([listening])), daemon=True)
    thread.start()
    try:
        yield ServedPage(page, guard, port, loop)
    finally:
        if page is not None:
            page.is_ending = True
            loop.call_soon_threadsafe(page.wake)
        server.should_exit = True
        thread.join(30)
        loop.close()
        listening.close()
