"""Puts deliberate faults into copies of the package, and says which of them no test notices.

    python -m tests.mutation --count 400 --seed 8 --workers 2

The faults are spread over all files in proportion to their statements, one for each statement that is drawn. For each
only the tests that run its statement are run, until one fails or `--budget` is spent: the tests of its own file first,
then those of its room, then the quick ones. What only slower tests would notice counts as survived; `--again` with a
larger budget tries it once more. A test that fails without the fault, too, does not count. Results are kept in
build/mutation: a run that was interrupted goes on where it stopped, and a larger `--count` adds to what was tried.

Which tests run which statement is measured once for each state of the sources and tests, and takes as long as the
tests. After that, two processes that have imported everything are forked for each fault: most take a second.
"""

import argparse
import json
import queue
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Final

from tests.mutation.copies import copy_tree
from tests.mutation.covering import Covering, measure
from tests.mutation.faults import Fault, faults_by_statement, iter_sources
from tests.mutation.trying import Outcome, Result, Worker

ROOT: Final = Path(__file__).parents[2]
CACHE: Final = ROOT / "build" / "mutation"
LEFT_OUT_OF_THE_DRAW: Final = ("src/ringfence/lab/session/",)
"""Only tests that are left out, too, run these (`tests/mutation/covering.py`)."""
NOTICED: Final = (Outcome.KILLED, Outcome.TIMED_OUT)


def draw(root: Path, seed: int, only: str) -> list[Fault]:
    """All faults that may be tried, in a random order of which each prefix has the same share of every file.

    Chance depends on the text of a statement: where others change, mostly the same ones are drawn again.
    """
    drawn = []
    for file in iter_sources(root):
        path = str(file.relative_to(root))
        if path.startswith(LEFT_OUT_OF_THE_DRAW) or only not in path:
            continue
        chances = []
        for faults in faults_by_statement(root, file):
            chance = random.Random(f"{seed} {path} {[fault.original for fault in faults]}")
            chances.append((chance.random(), chance.choice(faults)))
        offset = random.Random(f"{seed} {path}").random()
        drawn += [((rank + offset) / len(chances), fault) for rank, (_, fault) in enumerate(sorted(chances))]
    return [fault for _, fault in sorted(drawn)]


def sample(root: Path, count: int, seed: int, only: str) -> list[Fault]:
    """The first `count` of them that change anything."""
    chosen: list[Fault] = []
    for fault in draw(root, seed, only):
        if len(chosen) == count:
            break
        if fault.changes((root / fault.path).read_bytes()):
            chosen.append(fault)
    return chosen


def room(fault: Fault) -> str:
    parts = Path(fault.path).parts[2:]
    return "/".join(parts[:-1][:2]) or parts[-1]


class Results:
    """What came of each fault, one line each in a file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self.known: dict[str, Result] = {}
        for line in file.read_text().splitlines() if file.exists() else ():
            entry = json.loads(line)
            self.known[entry["key"]] = Result(Outcome(entry["outcome"]), entry["by"])

    def add(self, fault: Fault, result: Result) -> None:
        with self._lock, self._file.open("a") as file:
            self.known[key(fault)] = result
            entry = {"key": key(fault), "fault": fault.name, "outcome": result.outcome, "by": result.by}
            print(json.dumps(entry), file=file)


def key(fault: Fault) -> str:
    """What a result is kept under: it counts as long as the faulty file is as it was."""
    return f"{fault.path}@{fault.state}:{fault.start}-{fault.end}:{fault.replacement}"


def try_all(
    faults: list[Fault], covering: Covering, results: Results, workers: int, budget: float, whole: Path
) -> None:
    """Tries what is not known yet, each worker in a copy of the tree of its own."""
    waiting: queue.SimpleQueue[Fault] = queue.SimpleQueue()
    for fault in faults:
        if key(fault) not in results.known:
            waiting.put(fault)
    total = waiting.qsize()
    trees = whole.parent

    def work(number: int) -> None:
        worker = Worker(copy_tree(whole, trees / f"worker-{number}"), covering, budget)
        while True:
            try:
                fault = waiting.get_nowait()
            except queue.Empty:
                worker.close()
                return
            begun = time.monotonic()
            result = worker.attempt(fault)
            results.add(fault, result)
            took = time.monotonic() - begun
            left = waiting.qsize()
            print(
                f"[{total - left}/{total}] {result.outcome} in {took:.0f} s: {fault.name}", file=sys.stderr, flush=True
            )

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def report(faults: list[Fault], results: Results) -> None:
    """A table of rooms, and all faults that no test noticed."""
    outcomes = {fault: results.known[key(fault)].outcome for fault in faults if key(fault) in results.known}
    table: dict[str, Counter[Outcome]] = {}
    for fault, outcome in outcomes.items():
        table.setdefault(room(fault), Counter())[outcome] += 1
    everything: Counter[Outcome] = Counter(outcomes.values())
    print(f"{'room':30}" + "".join(f"{outcome:>21}" for outcome in Outcome) + f"{'noticed':>10}")
    for name, counts in [*sorted(table.items()), ("all", everything)]:
        share = sum(counts[outcome] for outcome in NOTICED) / (counts.total() or 1)
        print(f"{name:30}" + "".join(f"{counts[outcome]:>21}" for outcome in Outcome) + f"{share:>10.0%}")
    for unnoticed in (Outcome.SURVIVED, Outcome.NOT_RUN):
        print(f"\n{unnoticed}:")
        for fault in sorted(fault for fault, outcome in outcomes.items() if outcome is unnoticed):
            print(f"  {fault.name}")


def main() -> None:
    """Reads the options, tries, reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=400, help="how many faults to try (default: 400)")
    parser.add_argument("--seed", type=int, default=1, help="which ones (default: 1)")
    parser.add_argument("--only", default="", metavar="PATH", help="only files whose path contains this")
    parser.add_argument("--workers", type=int, default=2, help="how many at once (default: 2)")
    parser.add_argument(
        "--budget",
        type=float,
        default=20.0,
        metavar="SECONDS",
        help="how long the tests of one fault may compute that do not notice it (default: 20)",
    )
    parser.add_argument("--list", action="store_true", help="print the faults and try none")
    parser.add_argument("--report", action="store_true", help="print what is known and try none")
    parser.add_argument("--again", action="store_true", help="try once more what no test noticed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ringfence-mutation-") as folder:
        # Laboratories without root read the sources as an ordinary user.
        trees = Path(folder)
        trees.chmod(0o755)
        # The checkout may change while this runs.
        whole = copy_tree(ROOT, trees / "whole")
        faults = sample(whole, options.count, options.seed, options.only)
        if options.list:
            print(*(fault.name for fault in faults), sep="\n")
            return
        CACHE.mkdir(parents=True, exist_ok=True)
        results = Results(CACHE / "results.jsonl")
        if options.again:
            results.known = {key: result for key, result in results.known.items() if result.outcome in NOTICED}
        if not options.report:
            try:
                covering = measure(whole, CACHE, options.workers)
                try_all(faults, covering, results, options.workers, options.budget, whole)
            except KeyboardInterrupt:
                print("interrupted: the same command goes on from here", file=sys.stderr)
        report(faults, results)


if __name__ == "__main__":
    main()
