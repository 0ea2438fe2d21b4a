"""`ui`: the report as a local page, in which policies are edited to see what that changes."""

import asyncio
import signal
import socket
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import click
from click.core import ParameterSource

from ringfence.cli.inputs import Inputs
from ringfence.cli.terminal import print_message, print_text
from ringfence.cli.what_if import EnforcedInputs, SupposedInputs, enforced_options
from ringfence.errors import InputError

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from uvicorn import Server

    from ringfence.cluster import Cluster
    from ringfence.web import FileChanges, LocalPage

_OPTIONS_OF_THE_COURSE: Final = ("learn", "port", "no_browser")


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The port of 127.0.0.1.  [default: a free one]")
@click.option("--no-browser", is_flag=True, help="Print the address, and do not open a browser.")
@click.option(
    "--tests",
    type=click.Path(exists=True, file_okay=False, writable=True, path_type=Path),
    multiple=True,
    help="A folder in which the page saves tests. Repeatable.  [default: the folders of -f]",
)
@click.option("--learn", is_flag=True, help="Show a course about policies, with its own clusters.")
@enforced_options
def ui(inputs: EnforcedInputs, port: int, no_browser: bool, tests: tuple[Path, ...], learn: bool) -> None:
    """Show the report as a local page, and edit policies in it to see what that changes.

    Each edit is answered as you type: which connections it opens and closes, and what the API server would refuse. The
    cluster and the files stay as they are until you save. When a file or an object of a live cluster changes, the page
    shows it. Below a cell of the matrix, a button opens real connections in network namespaces of this machine, and
    another one keeps the cell as a test in a file. Mistakes that `lint` finds are marked. The page is at 127.0.0.1
    only, for the browser that opens the address with its token. It needs the extra [ui].

    With --learn, the page is a course: short lessons, each with a small cluster, a question, and a policy to write.

    \b
    Examples:
      ringfence ui -f manifests/
      ringfence ui -f manifests/ --tests tests/
      ringfence ui --learn
      ringfence ui --context prod --no-browser --port 8080
    """
    # Before the cluster is read: this may take long, and would be in vain.
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        remedy = "install ringfence with the extra ui, in its checkout: pip install '.[ui]'"
        raise InputError(f"the local page needs {error.name}: {remedy}") from error
    if learn:
        _check_no_input(click.get_current_context())
        asyncio.run(_teach(port, open_browser=not no_browser))
    else:
        asyncio.run(_show(inputs, port, tests, open_browser=not no_browser))


def _check_no_input(context: click.Context) -> None:
    """Raise InputError for an option about the input, which --learn would ignore."""
    for option in context.command.params:
        name = option.name or ""
        if name not in _OPTIONS_OF_THE_COURSE and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise InputError(f"the lessons of --learn have their own clusters: leave out {option.opts[0]}")


async def _show(inputs: SupposedInputs, port: int, tests: tuple[Path, ...], *, open_browser: bool) -> None:
    """The page of a cluster, which follows its files, or its objects."""
    from ringfence.web import FileChanges, LocalPage, Simulation, page_app

    # Only folders: a file of -f is a manifest, into which no test is written.
    folders = tests or [path for path in map(Path, inputs.filenames) if path.is_dir()]
    # Before the cluster is read, so that no change in between is missed.
    files = FileChanges([*inputs.filenames, *([inputs.kustomize] if inputs.kustomize else [])])
    simulation = Simulation(_reading(inputs), inputs.title)
    page = LocalPage(simulation, folders)
    following = asyncio.create_task(_follow(inputs, page, files, simulation.cluster.state.only_namespace))

    def end() -> None:
        page.is_ending = True
        page.wake()

    try:
        await _serve(page_app(page), port, end, open_browser=open_browser)
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following


async def _teach(port: int, *, open_browser: bool) -> None:
    """The course. Its manifests are in a folder that is removed at the end."""
    from ringfence.web import course_app

    with TemporaryDirectory(prefix="ringfence-learn-") as folder:
        await _serve(course_app(Path(folder)), port, lambda: None, open_browser=open_browser)


async def _serve(app: "Starlette", port: int, end: Callable[[], None], *, open_browser: bool) -> None:
    """Serve the page until it is interrupted; `end` closes the open event streams."""
    import uvicorn

    from ringfence.web import Guard, listen

    class EndingServer(uvicorn.Server):
        """Ends open streams first: uvicorn would wait for them, and then print a traceback for each."""

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            end()
            await super().shutdown(sockets)

    with listen(port) as listening:  # the address is printed before the server runs
        number = listening.getsockname()[1]
        guard = Guard(app, number)
        address = f"http://127.0.0.1:{number}/?token={guard.token}"
        print_text(f"{address}\n")
        print_message("the page is for this machine only; Ctrl-C ends it")
        if open_browser:
            webbrowser.open(address)
        config = uvicorn.Config(guard, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
        server = EndingServer(config)
        signals = _end_on_signals(server)
        await server.serve(sockets=[listening])
        if signals:
            # The exit code that a shell reports for a process that was ended by this signal.
            raise SystemExit(128 + signals[0])


def _end_on_signals(server: "Server") -> list[int]:
    """End the server on SIGTERM and SIGHUP. Returns the list to which each that arrives is added.

    uvicorn handles SIGTERM itself, and raises it again at its end for the handler before. Without a handler, that ends
    this process at once, and its temporary files stay.
    """
    came: list[int] = []

    def end(number: int, _: object) -> None:
        came.append(number)
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    return came


def _reading(inputs: Inputs) -> Callable[[], "Cluster"]:
    """Reads the cluster. The problems of a live one are printed once: it is read again whenever an object changes."""
    readings = count()

    def read() -> "Cluster":
        is_first = next(readings) == 0
        return inputs.cluster(report=is_first or inputs.strict or not inputs.is_live)

    return read


async def _follow(inputs: SupposedInputs, page: "LocalPage", files: "FileChanges", namespace: str) -> None:
    """Show changes of the files, or of the objects of a live cluster, in the page; empty `namespace`: of all."""
    from ringfence.sources.cluster import ApiServer
    from ringfence.web import LiveChanges, follow

    if inputs.is_live:
        server = ApiServer(inputs.context, inputs.kubeconfig)
        one_by_one = not (inputs.suppose or inputs.without)  # these say more than the objects of the cluster
        with LiveChanges.watched(server, namespace, one_by_one=one_by_one) as changes:
            await follow(page, changes, inputs.title)
    else:
        await follow(page, files, inputs.title)
