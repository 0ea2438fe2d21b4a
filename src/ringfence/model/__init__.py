"""Kubernetes objects, selectors, validation: immutable values that know no files and no sockets."""
