"""Pictures, the report and the local page: the times to write them, to show them and to answer, in a real browser."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, Final

import yaml
from playwright.sync_api import Page
from tests.browser.pages import launched, opened
from tests.web.local_pages import ServedPage, served

from benchmarks.clusters import Object, Plan, Shape, decoded, objects
from benchmarks.measuring import Figure, seconds
from benchmarks.policies import policies
from ringfence.cluster import Cluster
from ringfence.render.formats import yaml_text

SMALL: Final = Plan(105, 60, 8, shape=Shape.UNIQUE)
LARGE: Final = Plan(2_000, 500, 50, shape=Shape.UNIQUE)
"""Every workload has labels of its own, so the report can fold almost nothing."""
HUGE: Final = Plan(5_000, 500, 50, shape=Shape.UNIQUE)
EDITED: Final = Plan(10_000, 1_000, 50)

_TIMES: Final = 3
_EDITS: Final = 60
_CELLS: Final = 20

_PAINTED: Final = """() => new Promise(resolve => {
  new PerformanceObserver(list => {
    const paint = list.getEntriesByName("first-contentful-paint")[0];
    const [opening] = performance.getEntriesByType("navigation");
    if (paint) resolve(Math.max(paint.startTime, opening.domContentLoadedEventEnd));
  }).observe({ type: "paint", buffered: true });
})"""
"""Milliseconds from the start until the script has drawn the matrix and it was painted."""

_EXPLAINED: Final = """cell => new Promise(resolve => {
  const start = performance.now();
  const panel = document.getElementById("panel");
  new MutationObserver((_, observer) => {
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - start)));
  }).observe(panel, { childList: true, subtree: true });
  cell.click();
})"""
"""Milliseconds from a click at a cell until its explanation was painted."""

_EFFECTS: Final = """(area, text) => new Promise(resolve => {
  const start = performance.now();
  const painted = () => requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - start)));
  document.addEventListener("simulated", painted, { once: true });
  area.value = text;
  area.dispatchEvent(new Event("input"));
})"""
"""Milliseconds from typing a text until its effects were painted."""

_SCROLLED: Final = """(grid, [down, across]) => new Promise(resolve => {
  const frames = [];
  let last = performance.now();
  function frame(now) {
    frames.push(now - last);
    last = now;
    grid.scrollTop += down;
    grid.scrollLeft += across;
    if (frames.length < 120) requestAnimationFrame(frame);
    else resolve(frames.slice(1));
  }
  requestAnimationFrame(frame);
})"""
"""Milliseconds of each frame while the matrix scrolls by so many pixels at a time."""


def measure() -> Iterator[Figure]:
    """All figures. Those in the browser are of Chromium without a window."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield from _files(folder)
        yield from _in_the_browser(folder)
    yield from _edits()


def _files(folder: Path) -> Iterator[Figure]:
    """The commands, with the start of the process, and what they write."""
    small, large = folder / "small.yaml", folder / "large.yaml"
    _write(small, SMALL)
    _write(large, LARGE)
    for command in ("connections", "matrix"):
        took = _command(folder, command, "-o", "svg", "-f", small.name)
        yield Figure(f"{SMALL.pods:,} workloads: {command} -o svg", took, "s", 0.3)
    what = f"{LARGE.pods:,} workloads, {LARGE.policies:,} policies"
    cluster = Cluster.load(large)
    report = folder / "report.html"
    yield Figure(f"{what}: the report is written", min(_report(cluster, report) for _ in range(_TIMES)), "s", 3)
    yield Figure("  its data", len(json.dumps(cluster.report_data(""), separators=(",", ":"))) / 1e6, "MB", 1.5)
    took = _command(folder, "report", "-f", large.name, "-o", "other.html")
    yield Figure("  the whole command, with 2,500 objects to read", took, "s")
    (folder / "huge.html").write_text(_cluster(HUGE).report())


def _in_the_browser(folder: Path) -> Iterator[Figure]:
    with launched() as browser, opened(browser) as one:
        page = one.open(folder / "report.html")
        painted = []
        for _ in range(_TIMES):
            page.goto("about:blank")
            painted.append(one.open(folder / "report.html").evaluate(_PAINTED) / 1e3)
        yield Figure(f"{LARGE.pods:,} workloads: the report is painted", min(painted), "s", 0.5)
        yield Figure("  the explanation of a cell is painted: median", median(_explanations(page)), "ms", 50)
        page = one.open(folder / "huge.html")
        for where, pixels in (("down", (78, 0)), ("down and across", (78, 78))):
            frames = sorted(page.get_by_role("grid").evaluate(_SCROLLED, pixels))
            what = f"{HUGE.pods:,} workloads: a frame while the matrix scrolls {where}"
            yield Figure(f"{what}: median", median(frames), "ms", 1000 / 30)
            yield Figure("  the 95th percentile", frames[len(frames) * 95 // 100], "ms")


def _explanations(page: Page) -> Iterator[float]:
    cells = page.get_by_role("gridcell")
    cells.first.evaluate(_EXPLAINED)  # the panel takes room: fewer cells are in view, and only these are elements
    for place in Random(1).sample(range(1, cells.count()), _CELLS):
        yield cells.nth(place).evaluate(_EXPLAINED)


def _edits() -> Iterator[Figure]:
    """Edits of which each is the only one, by HTTP, as the page sends them."""
    edited = [one for one in policies(EDITED) if any(_rules_with_ports(one))]
    chosen = Random(1).sample(edited, _EDITS)
    cluster = _cluster(EDITED)
    title = (
        f"{EDITED.pods:,} pods, {EDITED.policies:,} policies: the data of the page, anew after the cluster has changed"
    )
    yield Figure(title, seconds(lambda: cluster.report_data("", findings=False)), "s")
    yield Figure("  the mistakes in policies and exposure, which follow", seconds(cluster._report_findings), "s")
    with served(lambda: _cluster(EDITED)) as server:
        for what, change in (("is about another port", _with_another_port), ("is removed", lambda _: "")):
            took, changing = _answered(server, chosen, change)
            title = f"{EDITED.pods:,} pods, {EDITED.policies:,} policies: a policy {what}"
            yield Figure(f"{title}: median", median(took), "ms", 50)
            yield Figure("  of those that open or close something", median(changing), "ms", 50)
            yield Figure("  the longest", max(took), "ms")
        painted = sorted(_painted_edits(server, chosen))
        title = f"{EDITED.pods:,} pods, {EDITED.policies:,} policies: from a key to what it changes, painted"
        yield Figure(f"{title}: median", median(painted), "ms", 50)
        yield Figure("  the 95th percentile", painted[len(painted) * 95 // 100], "ms")


def _painted_edits(server: ServedPage, chosen: Iterable[Object]) -> Iterator[float]:
    """Milliseconds from a change of the text in the page until its effects were painted; the matrix is drawn, too."""
    with launched() as browser:
        page = browser.new_page()
        page.goto(server.entrance)
        page.get_by_role("grid").wait_for()
        for policy in chosen:
            head = policy["metadata"]
            name = f"{head['namespace']}/{head['name']}"
            page.evaluate("name => { location.hash = `#/policy/NetworkPolicy/${encodeURIComponent(name)}` }", name)
            area = page.get_by_role("textbox", name=f"YAML of {head['name']}")
            before = area.input_value()
            yield area.evaluate(_EFFECTS, _with_another_port(policy))
            area.evaluate(_EFFECTS, before)


def _answered(
    server: ServedPage, chosen: Iterable[Object], change: Callable[[Object], str]
) -> tuple[list[float], list[float]]:
    """Milliseconds until the answer to each edit, and to those that change connections."""
    took, changing = [], []
    originals = {(one["namespace"], one["name"]): one["yaml"] for one in server.ask_json("/report.json")["policies"]}
    for policy in chosen:
        head = policy["metadata"]
        key = {"kind": "NetworkPolicy", "namespace": head["namespace"], "name": head["name"]}
        answers: list[Any] = []
        body = {**key, "text": change(policy)}
        took.append(seconds(lambda body=body, answers=answers: answers.append(server.ask_json("/edit", body))) * 1e3)  # type: ignore[misc]
        if answers[0]["opened"] or answers[0]["closed"]:
            changing.append(took[-1])
        server.ask_json("/edit", {**key, "text": originals[head["namespace"], head["name"]]})
    return took, changing


def _with_another_port(policy: Object) -> str:
    spec = dict(policy["spec"])
    for direction in ("ingress", "egress"):
        if direction in spec:
            spec[direction] = [{**rule, "ports": [{"port": 4444}]} for rule in spec[direction]]
    return yaml_text({**policy, "spec": spec})


def _rules_with_ports(policy: Object) -> Iterator[bool]:
    return ("ports" in rule for direction in ("ingress", "egress") for rule in policy["spec"].get(direction) or ())


def _report(cluster: Cluster, file: Path) -> float:
    return seconds(lambda: file.write_text(cluster.report()))


def _command(folder: Path, *words: str) -> float:
    """The least time of a command, in wall time."""
    command = [sys.executable, "-m", "ringfence", *words]
    return min(
        seconds(lambda: subprocess.run(command, check=True, cwd=folder, capture_output=True)) for _ in range(_TIMES)
    )


def _cluster(plan: Plan) -> Cluster:
    cluster = Cluster()
    for one in (*decoded(objects(plan)), *decoded(policies(plan))):
        cluster.upsert(one)
    return cluster


def _write(file: Path, plan: Plan) -> None:
    """A file of the workloads and policies of a cluster, without its pods and nodes."""
    written = [one for one in (*objects(plan), *policies(plan)) if one["kind"] not in ("Pod", "Node")]
    file.write_text(yaml.dump_all(written, Dumper=yaml.CSafeDumper))
