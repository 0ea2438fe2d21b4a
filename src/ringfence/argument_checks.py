"""Arguments of the Python API that do not have the type that a call takes: an InputError, which says what to pass.

Python would accept some of them and answer another question: for example, a text is also a list of its letters.
"""

from collections.abc import Iterable, Sequence
from os import PathLike, fspath

from ringfence.errors import InputError
from ringfence.model.names import dns_label_errors


def checked_text(name: str, value: object, such_as: str) -> str:
    """The text; raises InputError for a value that is not a text."""
    if not isinstance(value, str):
        raise InputError(f'{name} is {value!r}: use a text such as "{such_as}"')
    return value


def checked_namespace(value: object) -> str:
    """The name of a namespace; raises InputError for a value that cannot be one."""
    text = checked_text("namespace", value, "prod")
    if dns_label_errors(text):
        raise InputError(f"{text!r} is not the name of a namespace: use small letters, digits and '-', such as prod")
    return text


def checked_path(value: object) -> str:
    """The path; raises InputError for a value that is not a path."""
    path = fspath(value) if isinstance(value, PathLike) else value
    if isinstance(path, str):
        return path
    remedy = "pass each path as an argument of its own, as in Cluster.load(*paths)"
    raise InputError(f"{value!r} is not a path: {remedy if isinstance(value, Iterable) else 'use a text or a Path'}")


def checked_patterns(value: object, argument: str = "exclude", example: str = '["test", "*.json"]') -> Sequence[str]:
    """The patterns, or the words of another argument.

    Raises InputError for a text alone, and for everything else that is not a list of texts.
    """
    # A text is a sequence of texts, too: `exclude="test"` would leave out everything with an e in its name.
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(one, str) for one in value):
        raise InputError(f"{argument} is {value!r}: use a list of texts such as {example}")
    return value
