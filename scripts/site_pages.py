"""A hook of MkDocs: makes pages of files outside of `docs/`, and points links at the pages instead of the files.

A link in any Markdown file is written as it works in the checkout (`docs/lab.md` in the README, `../README.md` in
docs/); on the site it leads to the page of that file. A link to a file that has no page leads to a copy of it.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    **{
        str(readme.relative_to(ROOT)): str(readme.relative_to(ROOT).with_name("index.md"))
        for readme in sorted((ROOT / "examples").rglob("README.md"))
    },
}
"""The files in the checkout that are pages, and what they are called on the site."""
SOURCES = {page: source for source, page in PAGES.items()}
LINK = re.compile(r"(!?\[[^\]]*\])\(([^)\s]+)\)")


RULES = "The rules of lint"
"""The entry of the navigation below which the page of each rule stands."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Adds the pages of rules to the navigation: nobody has to list them."""
    pages = [f"rules/{file.name}" for file in sorted((ROOT / "docs" / "rules").glob("*.md"))]
    for section in config.nav or ():
        for entries in section.values():
            for entry in entries if isinstance(entries, list) else ():
                if RULES in entry:
                    entry[RULES] = [{"All": entry[RULES]}, *({Path(page).stem: page} for page in pages)]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages, and the files that they link to."""
    for source, page in PAGES.items():
        text = (ROOT / source).read_text()
        folder = (ROOT / source).parent
        if folder.is_relative_to(ROOT / "examples"):
            text += _manifests(folder)
        files.append(File.generated(config, page, content=text))
        for _, target in LINK.findall(text):
            linked = _in_checkout(source, target)
            if linked is not None and linked.is_file() and not _is_page(linked):
                path = str(linked.relative_to(ROOT))
                if files.get_file_from_path(path) is None:
                    files.append(File.generated(config, path, content=linked.read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Points the links of a page at pages."""
    source = SOURCES.get(page.file.src_uri, f"docs/{page.file.src_uri}")

    def repointed(link: re.Match[str]) -> str:
        target, hash_sign, anchor = link[2].partition("#")
        linked = _in_checkout(source, target)
        if linked is None:
            return link[0]
        path = posixpath.relpath(_on_site(linked), posixpath.dirname(page.file.src_uri) or ".")
        return f"{link[1]}({path}{hash_sign}{anchor})"

    # Code is left alone: every second piece is a block of it.
    pieces = re.split(r"(^```.*?^```$)", markdown, flags=re.MULTILINE | re.DOTALL)
    pieces[::2] = [LINK.sub(repointed, piece) for piece in pieces[::2]]
    return "".join(pieces)


def _manifests(folder: Path) -> str:
    """The manifests of an example, for readers who have only the site."""
    files = sorted(folder.glob("*.yaml"))
    blocks = [f"\n**{file.name}**\n\n```yaml\n{file.read_text().rstrip()}\n```\n" for file in files]
    return "\n## The manifests\n" + "".join(blocks) if blocks else ""


def _in_checkout(source: str, target: str) -> Path | None:
    """The file that a link in `source` leads to; None: it leads elsewhere, or to nothing."""
    if ":" in target or not target:
        return None
    found = (ROOT / posixpath.dirname(source) / target).resolve()
    if found.is_dir() and (found / "README.md").exists():
        found /= "README.md"
    return found if found.exists() and found.is_relative_to(ROOT) else None


def _is_page(file: Path) -> bool:
    return str(file.relative_to(ROOT)) in PAGES or file.is_relative_to(ROOT / "docs")


def _on_site(file: Path) -> str:
    path = str(file.relative_to(ROOT))
    return PAGES.get(path, path.removeprefix("docs/"))
