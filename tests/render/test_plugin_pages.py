"""What is known about network plugins, as the page of the documentation and as text.

`python -m tests.render.test_plugin_pages` writes the page again.
"""

from pathlib import Path

from ringfence.plugins import TOPICS, plugins
from ringfence.render.plugin_pages import differing_table, differs, plugin_text, plugins_page

ROOT = Path(__file__).parents[2]
PAGE, README = ROOT / "docs" / "plugins.md", ROOT / "README.md"
HEAD = "| network plugin | differs from upstream in that |\n"


def test_the_page_of_the_documentation_is_that_of_the_table() -> None:
    assert PAGE.read_text() == plugins_page(plugins().values()), (
        "write it anew: python -m tests.render.test_plugin_pages"
    )


def test_the_comparison_in_the_readme_is_that_of_the_table() -> None:
    assert differing_table(plugins().values()) in README.read_text(), (
        "write it anew: python -m tests.render.test_plugin_pages"
    )


def test_the_page_has_every_plugin_and_every_trait() -> None:
    page = plugins_page(plugins().values())
    assert all(f"`--plugin {name}`" in page for name in plugins())
    assert page.count("\n| ipBlock-pods |") == 1 + sum(
        len(one.about_topic("ipBlock-pods")) for one in plugins().values()
    )


def test_what_upstream_leaves_open_does_not_differ_from_it() -> None:
    differing = {(name, one.topic) for name, plugin in plugins().items() for one in plugin.traits if differs(one)}
    assert ("cilium", "ipBlock-pods") in differing
    assert ("aws-vpc-cni", "service-port") in differing
    assert not any(topic == "pod-to-own-node" for _, topic in differing)
    assert not any(name in ("antrea", "ringfence") and topic != "enforcement" for name, topic in differing)


def test_the_text_has_a_line_for_each_trait() -> None:
    lines = plugin_text(plugins()["cilium"]).splitlines()
    assert lines[0] == "Cilium"
    assert len(lines) == 5 + len(plugins()["cilium"].traits)
    assert lines[-1] == "* differs from what upstream means, and changes answers"
    assert sum("https://" in line for line in lines) > 10, "sources are named"
    assert {line.split()[0] for line in lines[3:-2]} == set(TOPICS)


if __name__ == "__main__":
    PAGE.write_text(plugins_page(plugins().values()))
    before, _, after = README.read_text().partition(HEAD)
    _, end, rest = after.partition("\n\n")
    README.write_text(before + differing_table(plugins().values()) + end[1:] + rest)
