"""Checks the links of a built site: `check_links.py FOLDER`.

A link within the site must lead to a file, and to an anchor that is there. Links that leave the site are not followed,
as a check must not depend on the network; they must be complete URLs.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links and the anchors of one page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes what an element links to, and by which names it can be linked to."""
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)
            elif name in ("id", "name") and value:
                self.anchors.add(value)


def problems(folder: Path) -> list[str]:
    """One line for each link that leads nowhere."""
    pages = {file: Page(file.read_text()) for file in sorted(folder.rglob("*.html"))}
    found = []
    for file, page in pages.items():
        # The page for what is not found is served at every depth: its links start at the root of the server.
        for link in page.links if file.name != "404.html" else ():
            reason = _wrong(file, link, pages)
            if reason:
                found.append(f"{file.relative_to(folder)}: {link}: {reason}")
    return found


def _wrong(file: Path, link: str, pages: dict[Path, Page]) -> str:
    url = urlsplit(link)
    if url.scheme in ("data", "mailto"):
        return ""
    if url.scheme or url.netloc:
        return "" if url.scheme == "https" and "." in url.netloc else "not a complete https URL"
    target = (file.parent / unquote(url.path)).resolve() if url.path else file
    if target.is_dir():
        target /= "index.html"
    if not target.exists():
        return "no such file"
    if url.fragment and target in pages and unquote(url.fragment) not in pages[target].anchors:
        return "no such anchor"
    return ""


def main() -> None:
    """Prints what is wrong, and fails if anything is."""
    folder = Path(sys.argv[1]).resolve()
    found = problems(folder)
    print(*found, sep="\n", end="\n" if found else "")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
