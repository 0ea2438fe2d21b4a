"""Objects that are written for servers of another version: their `apiVersion` has been removed, or is newer.

Source: the deprecated API migration guide of Kubernetes; the words are those of kubectl.
"""

from ringfence.model.kinds import KINDS, Kind, object_name
from ringfence.model.objects import Manifest
from ringfence.model.origin import Place
from ringfence.model.problems import Problem, ProblemCode, Severity
from ringfence.model.server_versions import ServerVersion
from ringfence.model.text_edits import Replacement, replace_value


def version_problem(manifest: Manifest, server: ServerVersion | None) -> Problem | None:
    """The problem with the `apiVersion` of an object for a server of this version; None if there is none.

    A version that is later than those that are known is a warning. One that the server does not have is an error.
    Without a server, a version that all servers have removed is a warning, because the object may be in an old cluster.
    So it is for an object that a server has stored.
    """
    kind, written = KINDS.of(manifest.object), manifest.api_version
    if kind.is_later(written):
        return later_version(kind, written, manifest.origin.at("apiVersion"), object_name(manifest.object))
    if written not in kind.api_versions:
        return None
    if server is None or manifest.is_stored:
        return _problem(manifest, kind, Severity.WARNING) if written in kind.removed else None
    return None if kind.is_served(written, server) else _problem(manifest, kind, Severity.ERROR, server)


def later_version(kind: Kind, api_version: str, place: Place, subject: str = "") -> Problem:
    """The warning that objects of a later version are read as if they were of the one that is known."""
    message = f"{api_version} {kind.name} is not known: it is read as {kind.api_versions[0]}"
    remedy = "use a version of ringfence that knows it, if there is one: a field may mean something else in it"
    return Problem(place, ProblemCode.UNKNOWN_VERSION, message, Severity.WARNING, subject, remedy=remedy)


def _problem(manifest: Manifest, kind: Kind, severity: Severity, server: ServerVersion | None = None) -> Problem:
    written, origin = manifest.api_version, manifest.origin
    better = _best_version(kind, server)
    removed = kind.removed.get(written)
    if severity is Severity.WARNING:
        message = f"{written} {kind.name} is gone since Kubernetes {removed}"
    else:
        message = f'no matches for kind "{kind.name}" in version "{written}"'
    reason = f"came with Kubernetes {kind.added[written]}" if removed is None else f"is gone since Kubernetes {removed}"
    remedy = f"write {better}" if severity is Severity.WARNING else f"write {better}: {written} {reason}"
    return Problem(
        origin.at("apiVersion"),
        ProblemCode.REMOVED_VERSION if removed is not None else ProblemCode.UNKNOWN_VERSION,
        message,
        severity,
        object_name(manifest.object),
        replace_value(origin, "apiVersion", Replacement(written, better)),
        kind.may_concern_policies,
        remedy,
    )


def _best_version(kind: Kind, server: ServerVersion | None) -> str:
    """The newest version that the server has."""
    served = (one for one in kind.api_versions if server is None or kind.is_served(one, server))
    return next(served, kind.api_versions[0])
