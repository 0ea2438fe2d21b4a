"""A netlink socket: it sends requests to the kernel and receives the answers.

A socket belongs to the network namespace in which it was opened, even if its process moves to another one.

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
"""From `<asm-generic/socket.h>`; Python's socket module lacks them."""

_SO_ATTACH_FILTER: Final = 26

_SENDER_OFFSET: Final = 12
"""The offset of `nlmsg_pid` in `struct nlmsghdr`: the port of the socket whose request caused the message."""

_WANTED_BUFFER: Final = 32 << 20
"""Bytes requested for send and receive buffers. Only root of the initial user namespace can exceed the limits."""

_OVERHEAD: Final = 1024
"""Bytes of a send buffer that the kernel needs for its own data about a message."""

_RECEIVED_AT_ONCE: Final = 1 << 18
"""Bytes of the receive buffer. The kernel sends at most 32 kB of a dump, or 64 kB of a packet log, in one datagram."""

_ATTEMPTS: Final = 20

# These calls keep Python's interpreter lock (PyDLL). Python's own socket calls release it, and a computing thread then
# keeps it for a switch interval after each call. A repair makes dozens of calls, and took twice as long with them.
_LIBRARY: Final = ctypes.PyDLL(None, use_errno=True)
_recv, _send = _LIBRARY.recv, _LIBRARY.send
_recv.restype = _send.restype = ctypes.c_ssize_t
_recv.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
_send.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int)


class NetlinkError(OSError):
    """The kernel refused the request with this `sequence` number.

    The text is the kernel's explanation if it sends one (NLMSGERR_ATTR_MSG), else the description of the error number.
    """

    def __init__(self, code: int, explanation: str, sequence: int) -> None:
        super().__init__(code, explanation or os.strerror(code))
        self.code = code
        self.explanation = explanation
        self.sequence = sequence

    def __str__(self) -> str:
        return str(self.strerror)


class DumpInterrupted(OSError):
    """The listed objects changed during the dump, so the list may be wrong."""

    def __init__(self) -> None:
        super().__init__(errno.EBUSY, "the list changed while it was read")


class NetlinkSocket:
    """A socket to one of the kernel's netlink protocols, in the network namespace where it was opened."""

    def __init__(self, protocol: int, *, strict: bool = False) -> None:
        """Open a socket. Raises OSError if the kernel lacks the protocol.

        If `strict`, the kernel applies the filters of dump requests, and refuses filters that it does not know.
        """
        self._begin(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol))
        # The kernel chooses the port: each socket of a process needs another one, so it cannot be the process id.
        self._socket.bind((0, 0))
        self._widen(socket.SO_SNDBUF, _SO_SNDBUFFORCE)
        self._widen(socket.SO_RCVBUF, _SO_RCVBUFFORCE)
        # Errors contain an explanation, and no copy of the whole request.
        self._socket.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        self._socket.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
        if strict:
            self._socket.setsockopt(SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1)

    @classmethod
    def inherited(cls, descriptor: int) -> Self:
        """A socket that this process has inherited from another one."""
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
            self._socket.setsockopt(socket.SOL_SOCKET, option, _WANTED_BUFFER)  # up to the limit of the system

    def __enter__(self) -> "NetlinkSocket":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def fileno(self) -> int:
        """The file descriptor, for poll(2)."""
        return self._socket.fileno()

    @property
    def port(self) -> int:
        """The port of the socket: its number in its network namespace."""
        name: tuple[int, int] = self._socket.getsockname()
        return name[0]

    def join(self, group: int) -> None:
        """Join a multicast group of the kernel. Raises OSError if the rights do not allow it."""
        self._socket.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)

    def leave(self, group: int) -> None:
        """Leave a multicast group of the kernel."""
        self._socket.setsockopt(SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, group)

    def ignore_senders(self, *ports: int) -> None:
        """Receive no messages about requests of the sockets with these ports.

        The kernel drops them with a socket filter, so they wake no thread.
        """
        # A filter loads words in network byte order; the header is in the byte order of the machine.
        senders = [int.from_bytes(struct.pack("=I", port), "big") for port in ports]
        dropping = [
            (_bpf(_BPF_JUMP_EQUAL, otherwise=1, value=sender), _bpf(_BPF_RETURN, value=0)) for sender in senders
        ]
        instructions = (
            _bpf(_BPF_LOAD_WORD, value=_SENDER_OFFSET),
            *(one for pair in dropping for one in pair),
            # The operand is how many bytes of the message to keep: all of them.
            _bpf(_BPF_RETURN, value=0xFFFFFFFF),
        )
        code = ctypes.create_string_buffer(b"".join(instructions))
        program = struct.pack("@HP", len(instructions), ctypes.addressof(code))
        # The kernel copies the instructions in this call, so `code` may be freed afterwards.
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)

    @property
    def limit(self) -> int:
        """The number of bytes that can be sent in one call. More fail with EMSGSIZE."""
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) - _OVERHEAD

    def next_sequence(self) -> int:
        """The sequence number for the next message."""
        self._sequence = (self._sequence + 1) & 0xFFFFFFFF
        return self._sequence

    def send(self, messages: bytes) -> None:
        """Send messages. The kernel has processed them when this returns, because it does so in the system call."""
        self._socket.send(messages)

    def send_at_once(self, messages: bytes) -> None:
        """Like `send`, but it keeps the interpreter lock until the kernel has processed the messages."""
        if _send(self.fileno(), messages, len(messages), 0) < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))

    def errors(self) -> list[NetlinkError]:
        """Read all waiting messages. Returns the errors among them, without acknowledgements."""
        found: list[NetlinkError] = []
        while True:
            try:
                received = self.waiting()
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                continue  # the buffer was full: some errors are lost, but those in the buffer can be read
            if received is None:
                return found
            for message in decode_messages(received):
                if message.type == NLMSG_ERROR and (error_found := _error_in(message)):
                    found.append(error_found)

    def request(self, type: int, flags: int, body: bytes) -> None:
        """Request a change. Raises NetlinkError if the kernel refuses it."""
        self.send(encode_message(type, NLM_F_REQUEST | NLM_F_ACK | flags, self.next_sequence(), body))
        # The kernel has answered when `send` returns, so nothing has to wait for the answer.
        for error in self.errors():
            raise error

    def ask(self, type: int, body: bytes) -> bytes:
        """Send a request that is answered with one message, and return its body. Raises NetlinkError on refusal."""
        sequence = self.next_sequence()
        self.send_at_once(encode_message(type, NLM_F_REQUEST, sequence, body))
        # A datagram may have only answers to earlier requests, which `_answers` skips.
        while True:
            for answer in self._answers(sequence):
                return answer.body

    def dump(self, type: int, body: bytes) -> list[bytes]:
        """Send a dump request, and return the bodies of all answers.

        A list that changed while it was read is read again. Raises OSError if the kernel refuses, or if the list
        changed `_ATTEMPTS` times.
        """
        for _ in range(_ATTEMPTS):
            try:
                return [body for bodies in self.dump_pieces(type, body) for body in bodies]
            except DumpInterrupted:
                continue
        raise OSError(errno.EBUSY, f"the list changed {_ATTEMPTS} times while it was read")

    def dump_pieces(self, type: int, body: bytes) -> Iterator[list[bytes]]:
        """Like `dump`, in pieces of up to 32 kB: the kernel fills the next one when a piece is read.

        The socket can make no other request until the iteration ends. Raises DumpInterrupted at the end if the list
        changed while it was read, OSError if the kernel refuses.
        """
        sequence = self.next_sequence()
        self.send(encode_message(type, NLM_F_REQUEST | NLM_F_DUMP, sequence, body))
        has_ended = interrupted = False
        try:
            while not has_ended:
                bodies: list[bytes] = []
                for answer in self._answers(sequence):
                    # Any of the messages may have this flag, including the last one.
                    interrupted |= bool(answer.flags & NLM_F_DUMP_INTR)
                    has_ended = answer.type == NLMSG_DONE
                    if not has_ended:
                        bodies.append(answer.body)
                yield bodies
        except NetlinkError:
            # No NLMSG_DONE follows a refusal. Waiting for it would block for ever.
            has_ended = True
            raise
        finally:
            while not has_ended:  # unread answers would come before the answer to the next request
                has_ended = any(answer.type == NLMSG_DONE for answer in self._answers(sequence))
        if interrupted:
            raise DumpInterrupted

    def _answers(self, sequence: int) -> Iterator[Message]:
        """The next answers to the request with this sequence number."""
        for answer in decode_messages(self._receive()):
            if answer.sequence != sequence:
                continue  # left over from a request whose answers were not all read
            if answer.type == NLMSG_ERROR:
                raise _error_in(answer) or OSError(errno.EPROTO, "an acknowledgement instead of an answer")
            yield answer

    def notifications(self) -> list[Message]:
        """Wait for messages that are no answers to requests.

        The list is empty if messages were lost because the buffer was full (ENOBUFS).
        """
        try:
            return list(decode_messages(self._receive()))
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            return []

    def waiting(self) -> bytes | None:
        """The next waiting datagram of the kernel, which may have several messages; None if there is none.

        Raises OSError with ENOBUFS if messages were lost because the buffer was full. The others can still be read.
        """
        size = _recv(self.fileno(), self._buffer, _RECEIVED_AT_ONCE, socket.MSG_DONTWAIT)
        if size >= 0:
            # `raw` would copy all 256 kB of the buffer for each datagram.
            return bytes(memoryview(self._buffer)[:size])
        code = ctypes.get_errno()
        if code != errno.EAGAIN:
            raise OSError(code, os.strerror(code))
        return None

    def discard(self) -> None:
        """Read and discard all waiting messages, also if some were lost (ENOBUFS)."""
        while True:
            try:
                if self.waiting() is None:
                    return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise

    def _receive(self) -> bytes:
        received = self.waiting()  # most answers are there when the request returns
        return self._socket.recv(_RECEIVED_AT_ONCE) if received is None else received


_BPF_LOAD_WORD: Final = 0x20
_BPF_JUMP_EQUAL: Final = 0x15
_BPF_RETURN: Final = 0x06
"""Instructions of socket filters, from `<linux/bpf_common.h>`: BPF_LD | BPF_W | BPF_ABS, BPF_JMP | BPF_JEQ, BPF_RET."""


def _bpf(code: int, *, otherwise: int = 0, value: int) -> bytes:
    """`struct sock_filter`: the instruction, how many to skip if it is true (0) or false, and its operand."""
    return struct.pack("=HBBI", code, 0, otherwise, value)


def _error_in(answer: Message) -> NetlinkError | None:
    """The error in a message of type NLMSG_ERROR; None if it is an acknowledgement, whose error number is 0."""
    code = -struct.unpack_from("=i", answer.body)[0]
    if not code:
        return None
    # The error number is followed by the header of the request and, because of NETLINK_CAP_ACK, then by the attributes.
    explanation = attributes(answer.body[4 + HEADER_SIZE :]).get(NLMSGERR_ATTR_MSG, b"")
    return NetlinkError(code, explanation.rstrip(b"\0").decode(errors="replace"), answer.sequence)
