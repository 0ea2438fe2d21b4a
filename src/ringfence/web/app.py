"""The server of the local page: its files, its data, and the requests of its scripts (docs/ui.md).

It listens at 127.0.0.1 only, for the browser of one user. Requests that read the cluster run in threads, one at a time.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from functools import cache, partial
from html import escape
from http import HTTPStatus
from pathlib import Path
from threading import Lock
from typing import Any, Final, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from ringfence.errors import LaboratoryError, RingfenceError
from ringfence.model.problems import Problem
from ringfence.render.answers import answer_json
from ringfence.render.ends import end_json
from ringfence.render.formats import Json, json_line
from ringfence.render.matrix import cell
from ringfence.render.problems import problem_json
from ringfence.render.reports import MODULES, finding_json, page_text
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic
from ringfence.web.edit_effects import EditEffects
from ringfence.web.keeping import KeepRequest, keep, proposed_tests
from ringfence.web.proving import cell_question
from ringfence.web.saving import save
from ringfence.web.simulation import MOST_PAIRS, Edited, ObjectChanges, PolicyKey, Simulation

T = TypeVar("T")

_MOST_BYTES: Final = 4_000_000
_SCRIPT: Final = "text/javascript"
_HEARTBEAT: Final = 15.0
"""Seconds after which a stream of events sends a comment, so that a closed connection is noticed."""


_PROVING: Final = Lock()
"""Held while a laboratory runs: only one runs at a time, however many pages are open."""


class EditRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A policy, and its edited text."""

    kind: str
    namespace: str
    name: str
    text: str

    @property
    def key(self) -> PolicyKey:
        """The policy."""
        return PolicyKey(self.kind, self.namespace, self.name)


class CellRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A cell of the matrix."""

    source: str
    destination: str


class LocalPage:
    """The requests of the page about a simulation. Tests are written only into `test_folders`."""

    def __init__(self, simulation: Simulation, test_folders: Sequence[Path] = ()) -> None:
        self._simulation = simulation
        # Of two clusters that are read at the same time, the older one could be taken last.
        self._reading = asyncio.Lock()
        self._test_folders = tuple(test_folders)
        self._listening: set[asyncio.Event] = set()
        self._announced = simulation.version
        self.problems: tuple[Problem, ...] = ()
        """Problems besides those of the input."""
        self.is_ending = False

    # --- data ---------------------------------------------------------------------------------------------------------

    async def data(self, _: Request) -> Response:
        """The data of the page, with the present edits."""
        return _json(await self._locked(self._data))

    def _data(self) -> Json:
        simulation = self._simulation
        return {
            **simulation.report,
            **({} if simulation.has_findings else {"pending": True}),
            "problems": [*simulation.report["problems"], *map(problem_json, self.problems)],
            "simulation": {"version": simulation.version, "edits": _edits_json(simulation), **self._changes()},
        }

    # --- questions ----------------------------------------------------------------------------------------------------

    async def explain(self, request: Request) -> Response:
        """Why a connection is allowed or not, with the edits in force, and the edit that reverses it."""
        ends = [request.query_params.get(name, "") for name in ("source", "destination")]
        return await self._answered(partial(self._explained, *ends))

    def _explained(self, source: str, destination: str) -> Json:
        with self._simulation.asked(source, destination) as verdict:
            written: Json = json.loads(answer_json(verdict, verdict.proposal))
            written["applied"] = [
                {**msgspec.to_builtins(key), "text": text}
                for key, text in map(self._simulation.text_after, verdict.proposal.edits)
            ]
            return written

    async def prove(self, request: Request) -> Response:
        """Whether real connections between two pods of a cell are answered, in a laboratory; one at a time."""
        body = await _body(request)
        # Not waiting: a laboratory takes up to half a minute, and requests would queue up behind it.
        if not _PROVING.acquire(blocking=False):
            return _json({"error": "another cell is being proven: try again when that is finished"}, 409)
        try:
            cell = msgspec.json.decode(body, type=CellRequest)
            question = await self._locked(partial(cell_question, self._simulation, cell.source, cell.destination))
            return _json(await run_in_threadpool(question.answer))  # without the lock: the page stays in use
        except LaboratoryError as error:
            return _json({"unproven": str(error), "probes": []})
        except (RingfenceError, msgspec.MsgspecError) as error:
            return _json({"error": str(error)}, 400)
        finally:
            _PROVING.release()

    # --- edits --------------------------------------------------------------------------------------------------------

    async def edit(self, request: Request) -> Response:
        """Suppose that a policy has another text: the problems of the text, and what all edits change."""
        return await self._answered(partial(self._edited, await _body(request)))

    def _edited(self, body: bytes) -> Json:
        wanted = msgspec.json.decode(body, type=EditRequest)
        edited = self._simulation.edit(wanted.key, wanted.text)
        return {"problems": _problems_json(edited), "edits": _edits_json(self._simulation), **self._changes()}

    async def map(self, _: Request) -> Response:
        """The map of what the edits change."""
        return await self._answered(self._simulation.changes_map)

    async def save(self, request: Request) -> Response:
        """Write an edit into its file, and read the cluster again.

        Meanwhile requests are answered from what was read before.
        """
        answer = await self._answered(partial(self._saved, await _body(request)))
        if answer.status_code != HTTPStatus.OK:
            return answer
        simulation = self._simulation
        try:
            async with self._reading:
                # Reading takes no lock of the simulation, so that the page goes on answering while files are read.
                found = await run_in_threadpool(simulation.read)
                await self._locked(partial(simulation.take, found))
        except RingfenceError as error:
            return _json({"error": str(error)}, HTTPStatus.BAD_REQUEST)
        return answer

    def _saved(self, body: bytes) -> Json:
        wanted = msgspec.json.decode(body, type=EditRequest)
        return {"saved": save(self._simulation, wanted.key, wanted.text)}

    # --- tests --------------------------------------------------------------------------------------------------------

    async def test(self, request: Request) -> Response:
        """The tests of a cell, as they would be written into a file, and the files to choose from."""
        ends = [request.query_params.get(name, "") for name in ("source", "destination")]
        return await self._answered(partial(proposed_tests, self._simulation, self._test_folders, *ends))

    async def keep(self, request: Request) -> Response:
        """Write the tests of a cell into a file."""
        return await self._answered(partial(self._kept, await _body(request)))

    def _kept(self, body: bytes) -> Json:
        return {"kept": keep(self._simulation, self._test_folders, msgspec.json.decode(body, type=KeepRequest))}

    def _changes(self) -> Json:
        return _changes_json(self._simulation.changes())

    # --- events -------------------------------------------------------------------------------------------------------

    async def events(self, request: Request) -> Response:
        """A stream of events: one whenever the cluster has changed (HTML Standard, "Server-sent events")."""
        return StreamingResponse(self._events(request), media_type="text/event-stream")

    async def _events(self, request: Request) -> AsyncIterator[str]:
        # An event, not a queue: a page that missed three changes needs to load the data only once.
        changed = asyncio.Event()
        self._listening.add(changed)
        try:
            # A comment at once, so that the browser sees an open stream before anything changes.
            yield ": connected\n\n"
            while not self.is_ending and not await request.is_disconnected():
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), _HEARTBEAT)
                if changed.is_set():
                    changed.clear()
                    yield f"event: changed\ndata: {self._simulation.version}\n\n"
                else:
                    yield ": still here\n\n"
        finally:
            self._listening.discard(changed)

    async def read_again(self, changes: ObjectChanges | None = None) -> None:
        """Read the cluster again, or apply `changes` to it, and notify all open pages if it differs.

        Meanwhile requests are answered from what was read before. If exposure and the mistakes in policies take long,
        the pages are notified before they are found, and again afterwards. Raises RingfenceError if the cluster cannot
        be read.
        """
        simulation = self._simulation
        async with self._reading:
            found = await run_in_threadpool(partial(simulation.read, changes, at_once=False))
            await self._locked(partial(simulation.take, found))
            self._announce()
            # The lock `_reading` is still held: otherwise a newer cluster could be taken before these findings of an
            # older one.
            if not found.has_findings:
                rest = await run_in_threadpool(simulation.find_rest)
                await self._locked(partial(simulation.take_rest, rest))
                self._announce()

    def _announce(self) -> None:
        """Notify all open pages if the cluster has changed since they were notified, also by what was saved."""
        if self._simulation.version != self._announced:
            self._announced = self._simulation.version
            self.wake()

    def show_problems(self, problems: Sequence[Problem]) -> None:
        """Show problems besides those of the input; they replace the ones that were shown before."""
        if self.problems != tuple(problems):
            self.problems = tuple(problems)
            self.wake()

    def wake(self) -> None:
        """Wake every stream of events, which then sends an event."""
        for one in self._listening:
            one.set()

    # --- one at a time ------------------------------------------------------------------------------------------------

    async def _answered(self, question: Callable[[], Json]) -> Response:
        """The answer to a question as JSON, or the error in the question, with the status 400."""
        try:
            return _json(await self._locked(question))
        except (RingfenceError, msgspec.MsgspecError) as error:
            return _json({"error": str(error)}, 400)

    async def _locked(self, question: Callable[[], T]) -> T:
        def ask() -> T:
            # The lock is taken in the thread. In the event loop, waiting for it would stop all other requests.
            with self._simulation.lock:
                return question()

        return await run_in_threadpool(ask)


def page_app(page: LocalPage) -> Starlette:
    """The page, and the routes that its scripts use."""
    return Starlette(routes=[*page_routes(), *asking_routes(page)])


def page_routes(lessons: Sequence[str] = ()) -> list[Route]:
    """The page, its scripts and its style; with the titles of lessons, it shows these."""

    async def page(_: Request) -> Response:
        return Response(_page(lessons), media_type="text/html")

    return [Route("/", page), Route("/page/{name}", _file)]


def asking_routes(page: LocalPage) -> list[Route]:
    """The routes that the scripts of the page use."""
    return [
        Route("/report.json", page.data),
        Route("/explain", page.explain),
        Route("/prove", page.prove, methods=["POST"]),
        Route("/edit", page.edit, methods=["POST"]),
        Route("/map", page.map),
        Route("/save", page.save, methods=["POST"]),
        Route("/test", page.test),
        Route("/keep", page.keep, methods=["POST"]),
        Route("/events", page.events),
    ]


async def _file(request: Request) -> Response:
    """A script or the style of the page."""
    name = request.path_params["name"]
    # A list of names, and no path that is looked up, so that no request can leave the folder.
    if name not in (*MODULES, "page.css"):
        return PlainTextResponse("not found\n", 404)
    return Response(page_text(name), media_type="text/css" if name == "page.css" else _SCRIPT)


def _json(document: Json, status: int = 200) -> Response:
    return Response(json_line(document), status, media_type="application/json")


async def _body(request: Request) -> bytes:
    """The body of a request. One that is larger than any text of a policy is refused before it is read to its end."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BYTES:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {_MOST_BYTES // 1_000_000} MB of text")
    return body


def _page(lessons: Sequence[str]) -> str:
    """The page, which loads its style, scripts and data from this server."""
    text = page_text("page.html").replace("<style>{{style}}</style>", '<link rel="stylesheet" href="/page/page.css">')
    text = text.replace(
        '<script type="module">{{script}}</script>', '<script type="module" src="/page/main.js"></script>'
    )
    # The report in a file contains its policy and data. Here the guard sends the policy, and the data are loaded.
    lines = (line for line in text.splitlines() if "Content-Security-Policy" not in line and 'id="report"' not in line)
    course = f' data-lessons="{escape(json.dumps(lessons))}"' if lessons else ""
    return "\n".join(lines).replace("{{title}}", "live").replace("<body>", f"<body{course}>") + "\n"


def _edits_json(simulation: Simulation) -> list[Json]:
    found = simulation.mistakes()
    return [
        {
            **msgspec.to_builtins(key),
            "text": edited.text,
            "problems": _problems_json(edited),
            "findings": [finding_json(one) for one in found.get(key, ())] if edited.is_applied else [],
        }
        for key, edited in sorted(simulation.edits.items())
    ]


def _problems_json(edited: Edited) -> list[Json]:
    return [problem_json(problem) for problem in edited.read.problems]


def _changes_json(changes: EditEffects) -> Json:
    # Thousands of pairs change by the same few kinds of traffic.
    text, written, end = cache(Traffic.__str__), cache(_traffic_json), cache(_end_text)
    pairs = [
        {
            "source": str(one.source),
            "destination": str(one.destination),
            **({"opens": text(one.opens)} if one.opens else {}),
            **({"closes": text(one.closes)} if one.closes else {}),
            "now": written(one.now),
        }
        # The numbers below are of all pairs; only the list is cut.
        for one in changes.pairs[:MOST_PAIRS]
    ]
    outside = [
        {"source": end(one.source), "destination": end(one.destination), what: text(one.traffic)}
        for what, some in (("opens", changes.opens_outside), ("closes", changes.closes_outside))
        for one in some
    ]
    return {
        "opened": sum(bool(one.opens) for one in changes.pairs) + len(changes.opens_outside),
        "closed": sum(bool(one.closes) for one in changes.pairs) + len(changes.closes_outside),
        "pairs": pairs,
        "outside": outside,
    }


def _end_text(end: Any) -> str:
    return ", ".join(written["addresses"]) if "addresses" in (written := end_json(end)) else str(end)


def _traffic_json(traffic: Traffic) -> Json | None:
    if not traffic:
        return None
    return {"text": str(traffic), "short": cell(traffic), **({"all": True} if traffic == ALL_TRAFFIC else {})}
