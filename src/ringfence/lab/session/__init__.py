"""A laboratory in the background: its sandbox, its daemon, the protocol and the commands' side of it.

sandbox
local_socket, protocol  <-  daemon  <-  launch
local_socket, protocol  <-  client  <-  pod_command
"""

from ringfence.lab.session.client import send_request, stop_laboratory
from ringfence.lab.session.launch import start_laboratory
from ringfence.lab.session.local_socket import DEFAULT_NAME
from ringfence.lab.session.pod_command import execute_in_pod
from ringfence.lab.session.protocol import (
    ApplyRequest,
    DeleteRequest,
    DoneReply,
    ProbeReply,
    ProbeRequest,
    StatusReply,
    StatusRequest,
    pack,
)
from ringfence.lab.session.sandbox import enter_sandbox

__all__ = [
    "DEFAULT_NAME",
    "ApplyRequest",
    "DeleteRequest",
    "DoneReply",
    "ProbeReply",
    "ProbeRequest",
    "StatusReply",
    "StatusRequest",
    "enter_sandbox",
    "execute_in_pod",
    "pack",
    "send_request",
    "start_laboratory",
    "stop_laboratory",
]
