"""Options that belong together reach a command as one value, whose fields are named like the options."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

Command = TypeVar("Command", bound=Callable[..., Any])
OptionDecorator = Callable[[Any], Any]


def as_one(
    options_type: type[msgspec.Struct], name: str, decorators: Sequence[OptionDecorator]
) -> Callable[[Command], Command]:
    """A decorator that gives a command `decorators`, and passes their values on as one `options_type` called `name`."""

    def decorate(command: Command) -> Command:
        def with_options(*arguments: Any, **values: Any) -> Any:
            # The fields have the names of the options, so none can be forgotten: a missing one is a KeyError at the
            # first call.
            taken = {field: values.pop(field) for field in options_type.__struct_fields__}
            return command(*arguments, **{name: options_type(**taken)}, **values)

        with_options.__name__ = command.__name__
        with_options.__doc__ = command.__doc__
        # click collects the parameters of the decorators below in this attribute, and in reverse order.
        with_options.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
        decorated: Any = with_options
        for decorator in reversed(decorators):
            decorated = decorator(decorated)
        return decorated  # type: ignore[no-any-return]

    return decorate
