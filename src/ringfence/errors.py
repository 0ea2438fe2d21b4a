"""Every error that ringfence raises on purpose.

    RingfenceError
    ├── InputError              the question or the input is unusable (exit code 2)
    │   ├── ManifestError       a file, a document or an object in it
    │   ├── DecodingError       a value that has the wrong type for its field
    │   └── EndpointError       a source or destination that names nothing, or too much
    ├── UndecidedError          a question that would take too long (exit code 3)
    ├── LiveClusterError        the API server or its credentials
    │   ├── UnexpectedAnswerError  an answer that is not that of an API server
    │   └── NoKubeconfigError   no kubeconfig names a cluster
    ├── KernelError             the kernel or the rights to use its packet filter
    ├── LaboratoryError         the laboratory: it cannot be built or reached
    └── AgentError              the node agent: it cannot run with its settings, or on this node

A message says what is wrong, where (file:line where there is one) and how to correct it.
"""


class RingfenceError(Exception):
    """The root of the tree: catch this to catch everything that ringfence raises on purpose."""


class InputError(RingfenceError):
    """The question or the input is unusable, and has to be corrected before there can be an answer."""


class ManifestError(InputError):
    """A file, a document in it, or an object that cannot be used; the message starts with its place."""


class DecodingError(InputError):
    """A value has the wrong type for its field.

    `path` is the field's path inside the object (`spec.podSelector.matchLabels.app`), to find its line. `value` is what
    stands there, `expected` the type that the field has, as JSON calls it (`string`, `array`, `array of strings`).
    """

    def __init__(self, message: str, path: str, value: object = None, expected: str = "") -> None:
        super().__init__(message)
        self.path = path
        self.value = value
        self.expected = expected


class EndpointError(InputError):
    """A source or a destination that matches nothing, or that could mean several things."""


class UndecidedError(RingfenceError):
    """A question takes more steps than its bound: the requirements of selectors overlap in too many ways."""


class LiveClusterError(RingfenceError):
    """The API server could not be reached, refused the credentials, or answered what cannot be read."""


class UnexpectedAnswerError(LiveClusterError):
    """The API server answered something else than what was asked for, or a proxy answered in its place."""


class NoKubeconfigError(LiveClusterError):
    """No kubeconfig names a cluster. A command that also reads files can say how to name these instead."""


class KernelError(RingfenceError):
    """The kernel refused a packet filter, or a part of it.

    `code` is the error's number, as in `errno`; `refused` names the object that it is about, if it is about one.
    """

    def __init__(self, message: str, code: int, refused: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.refused = refused


class LaboratoryError(RingfenceError):
    """The laboratory cannot be built or reached."""


class AgentError(RingfenceError):
    """The agent cannot run with its settings, or on this node."""
