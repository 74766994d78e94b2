"""What is said over a container's command socket: LXC's wire format, as data.  Pure; `client` and `server` do the talking.

    client                                              monitor
    connect to @LXCPATH/NAME/command
    16 bytes: int command, int length, 8 bytes data ──▶  credentials of each message are checked
    length bytes                                    ──▶
                    ◀──  16 bytes: int ret, int length, 8 bytes data   (+ descriptors)
                    ◀──  length bytes

A small number travels in `data` itself, with length 0.  All in the machine's
own byte order.  The monitor closes the connection after its answer, unless that
is a lease: of a tty, or a state to be told of.

What LXC's monitors pass over, ours understand: other requests behind GET_STATE
(ASIDE), which are answered behind the state.
"""

from __future__ import annotations

import errno

from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

STATES = ("STOPPED", "STARTING", "RUNNING", "STOPPING", "ABORTING", "FREEZING", "FROZEN", "THAWED")
STOPPED, STARTING, RUNNING, STOPPING, ABORTING, FREEZING, FROZEN, THAWED = range(8)
REGISTERED = len(STATES)  # the answer of ADD_STATE_CLIENT when the state asked for is still to come

GET_TTY_FD, TERMINAL_WINCH, STOP, GET_STATE, GET_INIT_PID, GET_CLONE_FLAGS, GET_CGROUP = range(7)
GET_CONFIG_ITEM, GET_NAME, GET_LXCPATH, ADD_STATE_CLIENT, CONSOLE_LOG, SERVE_STATE_CLIENTS = range(7, 13)
SECCOMP_NOTIFY_ADD_LISTENER, ADD_BPF_DEVICE_CGROUP, FREEZE, UNFREEZE, GET_CGROUP2_FD, GET_INIT_PIDFD = range(13, 19)
GET_LIMIT_CGROUP, GET_LIMIT_CGROUP2_FD, GET_DEVPTS_FD, GET_SECCOMP_NOTIFY_FD, GET_CGROUP_CTX = range(19, 24)
GET_CGROUP_FD, GET_LIMIT_CGROUP_FD, GET_SYSTEMD_SCOPE = range(24, 27)

NAMES = {
    number: name
    for name, number in list(globals().items())
    if isinstance(number, int) and name not in (*STATES, "REGISTERED") and name.isupper()
}
ASIDE = frozenset({
    GET_INIT_PID, GET_INIT_PIDFD, GET_CLONE_FLAGS, GET_CGROUP, GET_LIMIT_CGROUP, GET_CONFIG_ITEM, GET_DEVPTS_FD,
    GET_CGROUP_CTX,
})  # fmt: skip
LONGEST = 8192  # bytes that may follow a request
HEADER = 16
MESSAGE = 264  # struct lxc_msg
STATE_MESSAGE, PRIORITY_MESSAGE, EXIT_CODE_MESSAGE = range(3)
CGROUP_CONTEXT = 92  # struct cgroup_ctx: s32 layout, u32 utilities, u32 fd_len, s32 fd[20]
_DEVICE_RULE = 40  # bytes
_MOST_ASIDE = 64  # requests behind one
_MOST_ERRORS = 4095  # the kernel has no higher number
_LONGEST_NAME = 255  # in struct lxc_msg, without its NUL


class Request(Record):
    command: int
    number: int = 0  # the data word, signed
    payload: bytes = b""


class Reply(Record):
    ret: int = 0
    number: int = 0
    payload: bytes = b""
    descriptors: tuple[int, ...] = ()
    said_by: int = -1  # the user whose monitor has said it, if he is neither root nor we
    given: tuple[int, ...] = ()  # those of `descriptors` that are closed once sent; the sender keeps the others open

    @property
    def error(self) -> int:
        """The errno that a refusal gives; EPROTO for what is none."""
        return -self.ret if -self.ret <= _MOST_ERRORS else errno.EPROTO


class DeviceRule(Record):
    """struct device_item: allow or deny `access` (of r, w and m; "" is all) to devices; -1 is any number."""

    type: str  # a, b or c
    major: int
    minor: int
    access: str
    allow: bool


class ConsoleLog(Record):
    """struct lxc_console_log as it travels: what to do with the console's ring buffer."""

    clear: bool = False
    read: bool = False
    read_max: int = 0  # bytes; 0 means all
    write_logfile: bool = False


def header(first: int, length: int, number: int) -> bytes:
    """The 16 bytes before every request and reply."""
    return (
        first.to_bytes(4, "little", signed=True)
        + length.to_bytes(4, "little", signed=True)
        + (number & 0xFFFFFFFFFFFFFFFF).to_bytes(8, "little")
    )


def read_header(raw: bytes) -> tuple[int, int, int]:
    """(command or ret, length of what follows, data word).  Raises ValueError if `raw` is not 16 bytes."""
    if len(raw) != HEADER:
        raise ValueError(f"expected {HEADER} bytes, got {len(raw)}")
    first = int.from_bytes(raw[:4], "little", signed=True)
    length = int.from_bytes(raw[4:8], "little", signed=True)
    return first, length, int.from_bytes(raw[8:16], "little", signed=True)


def encode(message: Request | Reply) -> bytes:
    first = message.command if isinstance(message, Request) else message.ret
    return header(first, len(message.payload), message.number) + message.payload


def with_aside(requests: Sequence[Request]) -> Request:
    """GET_STATE with `requests` behind it."""
    return Request(GET_STATE, payload=b"".join(map(encode, requests)))


def aside(payload: bytes) -> list[Request]:
    """The requests behind another.  Raises ValueError."""
    found: list[Request] = []
    at, end = 0, len(payload)
    while at < end:
        start = at + HEADER
        command, length, number = read_header(payload[at:start])
        at = start + length
        if command not in ASIDE or not start <= at <= end or len(found) == _MOST_ASIDE:
            raise ValueError("expected other requests behind it")
        found.append(Request(command, number, payload[start:at]))
    return found


def together(replies: Sequence[Reply]) -> tuple[bytes, tuple[int, ...]]:
    """What goes behind a reply, and beside it: each of `replies` after the number of its descriptors."""
    parts, descriptors = list[bytes](), list[int]()
    for reply in replies:
        parts.append(len(reply.descriptors).to_bytes(4, "little") + encode(reply))
        descriptors += reply.descriptors
    return b"".join(parts), tuple(descriptors)


def apart(payload: bytes, descriptors: tuple[int, ...]) -> list[Reply]:
    """The replies that `together` made one of.  Raises ValueError."""
    found: list[Reply] = []
    at, end, first = 0, len(payload), 0
    while at < end:
        count, start = int.from_bytes(payload[at : at + 4], "little"), at + 4 + HEADER
        ret, length, number = read_header(payload[at + 4 : start])
        at = start + length
        if not start <= at <= end or count > len(descriptors) - first:
            raise ValueError("it is cut off")
        found.append(Reply(ret, number, payload[start:at], descriptors[first : first + count]))
        first += count
    if first < len(descriptors):
        raise ValueError("descriptors are left over")
    return found


def text(payload: bytes) -> str:
    """A string argument: it must end in its only NUL.  Raises ValueError."""
    if not payload.endswith(b"\0") or b"\0" in payload[:-1]:
        raise ValueError("expected a string that ends in its only NUL")
    return payload[:-1].decode(errors="surrogateescape")


def as_text(value: str) -> bytes:
    return value.encode(errors="surrogateescape") + b"\0"


def wanted_states(payload: bytes) -> tuple[int, ...]:
    """int[8] of ADD_STATE_CLIENT: 0 not wanted, 1 wanted, 2 wanted from the next change on.  Raises ValueError."""
    if len(payload) != 4 * len(STATES):
        raise ValueError(f"expected {4 * len(STATES)} bytes, got {len(payload)}")
    return tuple(int.from_bytes(payload[at : at + 4], "little", signed=True) for at in range(0, len(payload), 4))


def as_wanted_states(states: frozenset[int], value: int = 1) -> bytes:
    return b"".join((value if state in states else 0).to_bytes(4, "little") for state in range(len(STATES)))


def console_log(payload: bytes) -> ConsoleLog:
    """The 24 bytes of CONSOLE_LOG.  Raises ValueError."""
    if len(payload) != 24:
        raise ValueError(f"expected 24 bytes, got {len(payload)}")
    return ConsoleLog(payload[0] != 0, payload[1] != 0, int.from_bytes(payload[8:16], "little"), payload[16] != 0)


def as_device_rule(rule: DeviceRule) -> bytes:
    """The 40 bytes of ADD_BPF_DEVICE_CGROUP: struct device_item, its list pointers left zero."""
    return (
        rule.type.encode("ascii").ljust(4, b"\0")
        + rule.major.to_bytes(4, "little", signed=True)
        + rule.minor.to_bytes(4, "little", signed=True)
        + rule.access.encode("ascii").ljust(4, b"\0")
        + int(rule.allow).to_bytes(4, "little")
        + bytes(20)
    )


def device_rule(payload: bytes) -> DeviceRule:
    """The rule that is added.  Raises ValueError."""
    if len(payload) != _DEVICE_RULE:
        raise ValueError(f"expected {_DEVICE_RULE} bytes, got {len(payload)}")
    kind, access = payload[:1].decode("latin-1"), payload[12:16].split(b"\0", 1)[0].decode("latin-1")
    major, minor = (int.from_bytes(payload[at : at + 4], "little", signed=True) for at in (4, 8))
    if kind not in ("a", "b", "c") or not set(access) <= set("rwm") or min(major, minor) < -1:
        raise ValueError(f"no rule for devices: {payload!r}")
    return DeviceRule(kind, major, minor, access, payload[16:20] != bytes(4))


def state_message(name: str, state: int, kind: int = STATE_MESSAGE) -> bytes:
    """struct lxc_msg, sent to state clients and to the monitor fifo."""
    raw = name.encode(errors="surrogateescape")[:_LONGEST_NAME]
    return kind.to_bytes(4, "little") + raw.ljust(256, b"\0") + state.to_bytes(4, "little", signed=True)


def read_state_message(raw: bytes) -> tuple[int, str, int]:
    """(kind, name, value) of a struct lxc_msg.  Raises ValueError."""
    if len(raw) != MESSAGE:
        raise ValueError(f"expected {MESSAGE} bytes, got {len(raw)}")
    name = raw[4:260].split(b"\0", 1)[0].decode(errors="surrogateescape")
    return int.from_bytes(raw[:4], "little", signed=True), name, int.from_bytes(raw[260:], "little", signed=True)
