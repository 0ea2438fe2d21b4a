"""A netlink socket: requests to the kernel, and its answers.

A socket always belongs to the network namespace in which it was opened, even if its process moves to another one.

Source: netlink(7); `<linux/netlink.h>`.
"""

import ctypes
import errno
import os
import socket
import struct
from collections.abc import Iterator
from typing import Final, Self

from ringfence.netlink.codec import HEADER_SIZE, Message, attributes, decode_messages, encode_message
from ringfence.netlink.constants import (
    NETLINK_ADD_MEMBERSHIP,
    NETLINK_CAP_ACK,
    NETLINK_DROP_MEMBERSHIP,
    NETLINK_EXT_ACK,
    NETLINK_GET_STRICT_CHK,
    NLM_F_ACK,
    NLM_F_DUMP,
    NLM_F_DUMP_INTR,
    NLM_F_REQUEST,
    NLMSG_DONE,
    NLMSG_ERROR,
    NLMSGERR_ATTR_MSG,
    SOL_NETLINK,
)

_SO_SNDBUFFORCE: Final = 32
_SO_RCVBUFFORCE: Final = 33
"""Of `<asm-generic/socket.h>`; Python's socket module lacks them."""

_SO_ATTACH_FILTER: Final = 26

_SENDER_OFFSET: Final = 12
"""Where a message has the port of the socket whose request it is about: `nlmsg_pid` of `struct nlmsghdr`."""

_WANTED_BUFFER: Final = 32 << 20
"""Bytes to ask for as send and receive buffer; only root of the whole machine gets more than the system's limit."""

_OVERHEAD: Final = 1024
"""Bytes of a send buffer that the kernel needs for itself; it counts more than the message's own bytes."""

_RECEIVED_AT_ONCE: Final = 1 << 18
"""The kernel sends at most 32 kB of a list at once, and a single message of a log at most 64 kB."""

_ATTEMPTS: Final = 20

# Called without letting other threads run meanwhile. After each system call that does, as those of Python's sockets, a
# thread that computes keeps the interpreter for a switch interval: a repair, with dozens of calls, took twice as long.
_LIBRARY: Final = ctypes.PyDLL(None, use_errno=True)
_recv, _send = _LIBRARY.recv, _LIBRARY.send
_recv.restype = _send.restype = ctypes.c_ssize_t
_recv.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
_send.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int)


class NetlinkError(OSError):
    """The kernel did not do what the message of this `sequence` number asked.

    The text is the kernel's own explanation if it gives one (NLMSGERR_ATTR_MSG), else that of the error's number.
    """

    def __init__(self, code: int, explanation: str, sequence: int) -> None:
        super().__init__(code, explanation or os.strerror(code))
        self.code = code
        self.explanation = explanation
        self.sequence = sequence

    def __str__(self) -> str:
        return str(self.strerror)


class DumpInterrupted(OSError):
    """What was being listed changed meanwhile."""

    def __init__(self) -> None:
        super().__init__(errno.EBUSY, "what was being listed changed meanwhile")


class NetlinkSocket:
    """A socket to one of the kernel's netlink protocols, in the network namespace where it was opened."""

    def __init__(self, protocol: int, *, strict: bool = False) -> None:
        """Open a socket. Raises OSError where the kernel lacks the protocol.

        If `strict`, the kernel honours restrictions of lists, and refuses those that it does not know.
        """
        self._begin(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol))
        self._socket.bind((0, 0))
        self._widen(socket.SO_SNDBUF, _SO_SNDBUFFORCE)
        self._widen(socket.SO_RCVBUF, _SO_RCVBUFFORCE)
        # Errors come with an explanation, and without a copy of the whole request that they are about.
        self._socket.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        self._socket.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
        if strict:
            self._socket.setsockopt(SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1)

    @classmethod
    def inherited(cls, descriptor: int) -> Self:
        """A socket that another process has opened, and this one has inherited."""
        one = cls.__new__(cls)
        one._begin(socket.socket(fileno=descriptor))
        return one

    def _begin(self, opened: socket.socket) -> None:
        self._socket = opened
        self._sequence = 0
        self._buffer = ctypes.create_string_buffer(_RECEIVED_AT_ONCE)

    def _widen(self, option: int, forced_option: int) -> None:
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, forced_option, _WANTED_BUFFER)
        except PermissionError:
            self._socket.setsockopt(socket.SOL_SOCKET, option, _WANTED_BUFFER)  # as far as the system's limit goes

    def __enter__(self) -> "NetlinkSocket":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def fileno(self) -> int:
        """The file descriptor, for select(2) and its like."""
        return self._socket.fileno()

    @property
    def port(self) -> int:
        """The number by which the kernel knows the socket, in its network namespace."""
        name: tuple[int, int] = self._socket.getsockname()
        return name[0]

    def join(self, group: int) -> None:
        """Receive from now on what the kernel sends to a group. Raises OSError where the rights do not allow it."""
        self._socket.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)

    def leave(self, group: int) -> None:
        """Receive no longer what the kernel sends to a group."""
        self._socket.setsockopt(SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, group)

    def ignore_senders(self, *ports: int) -> None:
        """Receive nothing that is about the requests of some sockets. The kernel drops it, so it wakes no thread."""
        # The filter reads numbers in network byte order, and the header has them in the machine's.
        senders = [int.from_bytes(struct.pack("=I", port), "big") for port in ports]
        dropping = [
            (_bpf(_BPF_JUMP_EQUAL, otherwise=1, value=sender), _bpf(_BPF_RETURN, value=0)) for sender in senders
        ]
        instructions = (
            _bpf(_BPF_LOAD_WORD, value=_SENDER_OFFSET),
            *(one for pair in dropping for one in pair),
            _bpf(_BPF_RETURN, value=0xFFFFFFFF),
        )
        code = ctypes.create_string_buffer(b"".join(instructions))
        program = struct.pack("@HP", len(instructions), ctypes.addressof(code))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)

    @property
    def limit(self) -> int:
        """How many bytes can be sent at once: more fail with EMSGSIZE."""
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) - _OVERHEAD

    def next_sequence(self) -> int:
        """A number for the next message."""
        self._sequence = (self._sequence + 1) & 0xFFFFFFFF
        return self._sequence

    def send(self, messages: bytes) -> None:
        """Send messages. The kernel has dealt with them when this returns: it does so in the sender's system call."""
        self._socket.send(messages)

    def send_at_once(self, messages: bytes) -> None:
        """The same, without letting other threads of this process run before the kernel has dealt with them."""
        if _send(self.fileno(), messages, len(messages), 0) < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))

    def errors(self) -> list[NetlinkError]:
        """All errors that are waiting to be read. Acknowledgements are passed over."""
        found: list[NetlinkError] = []
        while True:
            try:
                received = self.waiting()
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                continue  # the buffer was full of errors: some are lost, but those that filled it can be read
            if received is None:
                return found
            for message in decode_messages(received):
                if message.type == NLMSG_ERROR and (error_found := _error_in(message)):
                    found.append(error_found)

    def request(self, type: int, flags: int, body: bytes) -> None:
        """Have the kernel change something. Raises NetlinkError when it refuses."""
        self.send(encode_message(type, NLM_F_REQUEST | NLM_F_ACK | flags, self.next_sequence(), body))
        for error in self.errors():
            raise error

    def ask(self, type: int, body: bytes) -> bytes:
        """The body of the one message that answers a question. Raises NetlinkError when the kernel refuses."""
        sequence = self.next_sequence()
        self.send_at_once(encode_message(type, NLM_F_REQUEST, sequence, body))
        while True:
            for answer in self._answers(sequence):
                return answer.body

    def dump(self, type: int, body: bytes) -> list[bytes]:
        """The bodies of all messages that answer a request to list something.

        A list that changed while it was read is read again. Raises OSError when the kernel refuses, or when the list
        changed every time.
        """
        for _ in range(_ATTEMPTS):
            try:
                return [body for bodies in self.dump_pieces(type, body) for body in bodies]
            except DumpInterrupted:
                continue
        raise OSError(errno.EBUSY, f"the list changed {_ATTEMPTS} times while it was read")

    def dump_pieces(self, type: int, body: bytes) -> Iterator[list[bytes]]:
        """As `dump`, piece by piece: the kernel prepares the next 32 kB when a piece is read.

        A socket can make no other request meanwhile. Raises DumpInterrupted at the end if the list changed while it was
        read, OSError when the kernel refuses.
        """
        sequence = self.next_sequence()
        self.send(encode_message(type, NLM_F_REQUEST | NLM_F_DUMP, sequence, body))
        has_ended = interrupted = False
        try:
            while not has_ended:
                bodies: list[bytes] = []
                for answer in self._answers(sequence):
                    # Any one of the messages may carry this flag, the last one as well.
                    interrupted |= bool(answer.flags & NLM_F_DUMP_INTR)
                    has_ended = answer.type == NLMSG_DONE
                    if not has_ended:
                        bodies.append(answer.body)
                yield bodies
        except NetlinkError:
            has_ended = True
            raise
        finally:
            while not has_ended:  # the rest is not needed, and would come before the reply to the next request
                has_ended = any(answer.type == NLMSG_DONE for answer in self._answers(sequence))
        if interrupted:
            raise DumpInterrupted

    def _answers(self, sequence: int) -> Iterator[Message]:
        """The next answers of the kernel to the request of this number."""
        for answer in decode_messages(self._receive()):
            if answer.sequence != sequence:
                continue  # left over from a request whose answer was not read to its end
            if answer.type == NLMSG_ERROR:
                raise _error_in(answer) or OSError(errno.EPROTO, "an acknowledgement instead of an answer")
            yield answer

    def notifications(self) -> list[Message]:
        """What the kernel sends unasked, as soon as there is something.

        Nothing where so much came that some of it was lost (ENOBUFS).
        """
        try:
            return list(decode_messages(self._receive()))
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            return []

    def waiting(self) -> bytes | None:
        """What the kernel has sent and was not received yet, up to some messages; None if there is nothing.

        Raises OSError (ENOBUFS) where so much came that some of it was lost; what was not lost can be read afterwards.
        """
        size = _recv(self.fileno(), self._buffer, _RECEIVED_AT_ONCE, socket.MSG_DONTWAIT)
        if size >= 0:
            return bytes(memoryview(self._buffer)[:size])
        code = ctypes.get_errno()
        if code != errno.EAGAIN:
            raise OSError(code, os.strerror(code))
        return None

    def discard(self) -> None:
        """Read and forget all that the kernel has sent, also where some of it was lost."""
        while True:
            try:
                if self.waiting() is None:
                    return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise

    def _receive(self) -> bytes:
        received = self.waiting()  # most answers are there when the question is sent
        return self._socket.recv(_RECEIVED_AT_ONCE) if received is None else received


_BPF_LOAD_WORD: Final = 0x20
_BPF_JUMP_EQUAL: Final = 0x15
_BPF_RETURN: Final = 0x06
"""Instructions of socket filters, by `<linux/bpf_common.h>`: BPF_LD | BPF_W | BPF_ABS, and so on."""


def _bpf(code: int, *, otherwise: int = 0, value: int) -> bytes:
    """`struct sock_filter`: the instruction, how many to skip if it holds and if it does not, and its operand."""
    return struct.pack("=HBBI", code, 0, otherwise, value)


def _error_in(answer: Message) -> NetlinkError | None:
    """What an error message says; None if it is an acknowledgement, which is an error of number 0."""
    code = -struct.unpack_from("=i", answer.body)[0]
    if not code:
        return None
    # The header of the request follows the number, and then, because of NETLINK_CAP_ACK, at once the attributes.
    explanation = attributes(answer.body[4 + HEADER_SIZE :]).get(NLMSGERR_ATTR_MSG, b"")
    return NetlinkError(code, explanation.rstrip(b"\0").decode(errors="replace"), answer.sequence)
