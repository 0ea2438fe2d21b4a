"""Annotations of a workflow, read back as the runner reads them (`ActionCommand.cs` of actions/runner)."""

from hypothesis import given
from hypothesis import strategies as st
from tests.render.hostile_text import texts

from ringfence.render.formats import MOST_OF_A_LEVEL, Annotation, Level, annotations_text, one_line

annotations = st.builds(
    Annotation,
    st.sampled_from(Level),
    texts.filter(bool),
    st.lists(texts, min_size=1, max_size=3).map(tuple),
    texts,
    st.integers(0, 2),
)


def as_the_runner_reads(line: str) -> Annotation:
    """One line: the name of the command, its properties, and its message."""
    _, command, data = line.split("::", 2)
    level, _, listed = command.partition(" ")
    values = dict(one.split("=", 1) for one in listed.split(","))
    read = {key: _unescaped(value.replace("%3A", ":").replace("%2C", ",")) for key, value in values.items()}
    lines = tuple(_unescaped(data).split("\n"))
    return Annotation(Level(level), read["title"], lines, read.get("file", ""), int(read.get("line", 0)))


def _unescaped(text: str) -> str:
    return text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")


def visible(one: Annotation) -> Annotation:
    return Annotation(one.level, one_line(one.title), tuple(map(one_line, one.lines)), one_line(one.file), one.line)


@given(st.lists(annotations, max_size=MOST_OF_A_LEVEL))
def test_the_runner_reads_each_as_it_was_meant_the_most_important_first(written: list[Annotation]) -> None:
    text = annotations_text(written)
    read = [as_the_runner_reads(line) for line in text.split("\n")[:-1]]
    assert read == [visible(one) for level in Level for one in written if one.level is level]


@given(st.lists(st.sampled_from(["opened", "closed"]), min_size=MOST_OF_A_LEVEL + 1, max_size=30))
def test_of_more_than_are_shown_the_last_counts_the_others(titles: list[str]) -> None:
    text = annotations_text(Annotation(Level.ERROR, title, (f"{number}",)) for number, title in enumerate(titles))
    *shown, last = [as_the_runner_reads(line) for line in text.splitlines()]
    assert [one.lines for one in shown] == [(f"{number}",) for number in range(MOST_OF_A_LEVEL - 1)]
    others = titles[MOST_OF_A_LEVEL - 1 :]
    assert last.title == f"{len(others)} more"
    assert last.lines == (", ".join(f"{others.count(title)} {title}" for title in dict.fromkeys(others)),)
