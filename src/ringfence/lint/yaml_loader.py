"""PyYAML's loader, in C if available, for the positions of comments and anchors, which decoded objects lack."""

try:
    from yaml import CSafeLoader as Loader
except ImportError:  # PyYAML without libyaml
    from yaml import SafeLoader as Loader  # type: ignore[assignment]

__all__ = ["Loader"]
