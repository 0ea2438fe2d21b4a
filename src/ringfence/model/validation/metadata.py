"""What the API server refuses in the metadata of an object of any kind.

`generation`, `ownerReferences`, `finalizers` and `managedFields`, which clusters write and the model does not keep, are
not looked at.

Source: `apimachinery/pkg/api/validation/objectmeta.go`.
"""

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Final

from ringfence.model.field_errors import FieldError, each_once, invalid, required, too_long
from ringfence.model.metadata import Labels, ObjectMeta, PolicyMeta
from ringfence.model.names import dns_label_errors, label_key_errors, name_prefix, subdomain_errors
from ringfence.model.objects import Object
from ringfence.model.server_versions import ServerVersion
from ringfence.model.validation.labels import label_errors

NameRule = Callable[[str], list[str]]
"""Gives the reasons why a text is not a name of a kind."""

_ANNOTATIONS_LIMIT: Final = 256 * 1024


def name_errors(obj: Object) -> list[FieldError]:
    """The error for a missing name, without which an object cannot be used even if a server has stored it."""
    return list(_missing_name_errors(obj.metadata))


def object_errors(obj: Object, server: ServerVersion) -> list[FieldError]:
    """What is wrong with the metadata of an object of a kind of which nothing else is validated."""
    return each_once(metadata_errors(obj.metadata, subdomain_errors))


def metadata_errors(
    metadata: ObjectMeta | PolicyMeta, rule: NameRule, *, is_namespaced: bool = True
) -> Iterator[FieldError]:
    """What is wrong with the metadata of an object whose names obey `rule`.

    A missing namespace is not an error, because the client fills it in; the server drops the namespace of a
    cluster-scoped object. A missing name is not an error if there is a `generateName`, from which the server makes a
    name; it also validates that name if the `generateName` is wrong.
    """
    if metadata.generate_name:
        for error in rule(name_prefix(metadata.generate_name)):
            yield invalid("metadata.generateName", metadata.generate_name, error)
    if metadata.name:
        for error in rule(metadata.name):
            yield invalid("metadata.name", metadata.name, error)
    yield from _missing_name_errors(metadata)
    if metadata.namespace and is_namespaced:
        for error in dns_label_errors(metadata.namespace):
            yield invalid("metadata.namespace", metadata.namespace, error)
    yield from label_errors(metadata.labels or {}, "metadata.labels")


def _missing_name_errors(metadata: ObjectMeta | PolicyMeta) -> Iterator[FieldError]:
    if not metadata.name and not metadata.generate_name:
        yield required("metadata.name", "name or generateName is required")


def annotation_errors(annotations: Labels, path: str) -> Iterator[FieldError]:
    """What is wrong with annotations; all of an object together may have 256 KiB."""
    for key in annotations:
        # Keys of annotations are looked at in lower case, so that a prefix may have capitals.
        for error in label_key_errors(key.lower()):
            yield invalid(path, key, error)
    texts = chain(annotations, annotations.values())
    if sum(len(text.encode(errors="surrogatepass")) for text in texts) > _ANNOTATIONS_LIMIT:
        yield too_long(path, _ANNOTATIONS_LIMIT)
