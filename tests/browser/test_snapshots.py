"""What a screen reader reads in each view of a report: all names and roles, as one text that is compared.

Run as a module, this writes the text anew.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser

from ringfence.cluster import Cluster
from tests.browser.pages import launched, opened

EXAMPLE = Path("examples/three-tier")
SNAPSHOTS = Path(__file__).with_name("three-tier.aria.yaml")
VIEWS = {
    "matrix": (),
    "map": ("map",),
    "map of a namespace": ("map", "prod"),
    "cell": ("cell", "prod/api", "prod/db"),
    "denied cell": ("cell", "prod/web", "prod/db"),
    "workload": ("workload", "prod/db"),
    "policies": ("policies",),
    "policy": ("policy", "NetworkPolicy", "prod/db-policy"),
}


def snapshots(browser: Browser, folder: Path) -> str:
    file = folder / "three-tier.html"
    file.write_text(Cluster.load(EXAMPLE).report("three tiers"))
    with opened(browser) as page:
        shown = ((name, page.open(file, *names)) for name, names in VIEWS.items())
        return "\n".join(f"# {name}\n{one.locator('.columns').aria_snapshot()}\n" for name, one in shown)


def test_each_view_says_to_screen_readers_what_it_said(browser: Browser, tmp_path: Path) -> None:
    assert snapshots(browser, tmp_path) == SNAPSHOTS.read_text()


if __name__ == "__main__":
    with launched() as one, TemporaryDirectory() as name:
        SNAPSHOTS.write_text(snapshots(one, Path(name)))
