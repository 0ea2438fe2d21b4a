"""PyYAML's scanner and parser, in C where it is there: where comments and anchors are, which are in no object."""

try:
    from yaml import CSafeLoader as Loader
except ImportError:  # PyYAML without libyaml
    from yaml import SafeLoader as Loader  # type: ignore[assignment]

__all__ = ["Loader"]
