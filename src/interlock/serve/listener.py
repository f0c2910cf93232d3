"""The listening socket that all workers share: opened, named, and closed without a cut-off caller.

When the last process closes a listening socket, the kernel resets every connection on it that
nobody has accepted. However late the last look at the backlog, a caller can get in behind it. So
newcomers are kept out first, by a filter in the kernel; what was let in before is then served.
"""

from __future__ import annotations

import ctypes
import socket
import struct

from interlock.errors import ConfigurationError
from interlock.settings import Settings

_BACKLOG = 2048
_SO_ATTACH_FILTER = 26  # Linux; the socket module has no name for it

# A program of the classic Berkeley Packet Filter, over a TCP header: operation, where to go on
# when true and when false, operand. A packet that opens a connection has SYN and not ACK.
_KEEP_OUT_NEWCOMERS = [
    (0x30, 0, 0, 13),  # load the byte of flags
    (0x54, 0, 0, 0x12),  # keep SYN and ACK of them
    (0x15, 0, 1, 0x02),  # SYN alone?
    (0x06, 0, 0, 0),  # then drop the packet
    (0x06, 0, 0, 0xFFFFFFFF),  # else take all of it
]


def bind(settings: Settings) -> socket.socket:
    """The listening socket of all workers; raises ConfigurationError when it cannot be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"INTERLOCK_HOST={settings.host} INTERLOCK_PORT={settings.port}: cannot listen there:"
            f" {error.strerror}. Choose another with --port."
        ) from error
    listener.listen(_BACKLOG)
    return listener


def address(listener: socket.socket) -> str:
    """URL at which `listener` can be reached from this machine."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def keep_out(listener: socket.socket) -> None:
    """Let nobody begin to connect any more, in whichever process `listener` is open.

    Their packets are dropped, not answered: a second later they try again, and are refused by then
    if the socket has been closed. Who has begun to connect can finish, be accepted and be served.

    Raises
    ------
    OSError
        When the kernel takes no filters.
    """
    program = b"".join(struct.pack("HBBI", *step) for step in _KEEP_OUT_NEWCOMERS)
    memory = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("HP", len(_KEEP_OUT_NEWCOMERS), ctypes.addressof(memory))
    listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, described)
