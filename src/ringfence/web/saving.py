"""Writing an edited policy back into its file, and nothing else of the file."""

from pathlib import Path

from ringfence.errors import InputError
from ringfence.web.simulation import PolicyKey, Simulation
from ringfence.whole_files import write_whole


def save(simulation: Simulation, key: PolicyKey, text: str) -> str:
    """Replace the text of a policy in its file, if the file still has the old text; returns the place of the policy.

    All other bytes of the file stay as they are. Raises InputError for a policy that is not in a file, for a file that
    has changed or cannot be written, and for a text with errors.
    """
    shown = simulation.text(key)
    if shown.get("generated") or "file" not in shown:
        raise InputError(f"{key.namespace}/{key.name} is not in a file that can be written: copy its text instead")
    edited = simulation.edits.get(key)
    # Only the text that the page has shown the effects of may be saved.
    if edited is None or edited.text != text or not edited.is_applied:
        raise InputError("the text has errors, or is not the one that was checked: nothing was saved")
    file, line = Path(str(shown["file"])), int(shown["line"])
    try:
        write_whole(file, _with_text(file, line, str(shown["yaml"]), text))
    except UnicodeDecodeError as error:
        raise InputError(f"{file} has changed since it was read: nothing was saved") from error
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}; nothing was saved") from error
    return f"{file}:{line}"


def _with_text(file: Path, line: int, old: str, new: str) -> str:
    """The content of a file in which a new text replaces an old one, which begins at a line."""
    # Line ends are kept: `newline=""` reads and writes them as they are.
    with file.open(encoding="utf-8", newline="") as stream:
        lines = stream.read().split("\n")
    before = old.split("\n")
    # The old text must still be at its line: the file may have been edited elsewhere in the meantime.
    if [one.removesuffix("\r") for one in lines[line - 1 : line - 1 + len(before)]] != [
        one.removesuffix("\r") for one in before
    ]:
        raise InputError(f"{file} has changed since it was read: nothing was saved")
    # The line ends of the policy's own first line decide: the new text comes from a browser, which sends line feeds
    # only.
    end = "\r" if lines[line - 1].endswith("\r") else ""
    after = [f"{one.removesuffix(chr(13))}{end}" for one in new.rstrip("\n").split("\n")]
    return "\n".join([*lines[: line - 1], *after, *lines[line - 1 + len(before) :]])
