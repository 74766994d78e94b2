"""What the monitor answers to each command of the command socket: one method a command."""

from __future__ import annotations

import errno
import os

from lxc import log
from lxc.cgroups import outside as cgroups
from lxc.cgroups import stopping
from lxc.cgroups.devices import ACCESS, Rule
from lxc.cgroups.plan import scope
from lxc.errors import StepError
from lxc.kernel import fs, process, sockets
from lxc.runtime import commands
from lxc.runtime.commands import Reply, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from lxc.cgroups.plan import Hierarchy
    from lxc.runtime.life.monitor import Monitor
    from lxc.runtime.life.server import Connection

_LAYOUTS = {"none": -1, "legacy": 0, "hybrid": 1, "unified": 2}
_CONTEXT_FDS = 20  # in struct cgroup_ctx
_CONTEXT_SIZE = 96  # as Debian's 5.0.2 sends and reads it
_FREEZE_PATIENCE = 5  # seconds that everybody else may have to wait for
_SETTLED = commands.ASIDE | {  # as long as a life goes on
    commands.GET_NAME,
    commands.GET_LXCPATH,
    commands.GET_CGROUP2_FD,
    commands.GET_LIMIT_CGROUP2_FD,
    commands.GET_CGROUP_FD,
    commands.GET_LIMIT_CGROUP_FD,
}
_MOST_REMEMBERED = 64  # requests
_CHANGES = frozenset(  # what there is of a container once it runs
    {commands.SERVE_STATE_CLIENTS, commands.ADD_BPF_DEVICE_CGROUP, commands.FREEZE, commands.UNFREEZE}
)


class Answers:
    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._methods: dict[int, Callable[[Request, Connection], Reply | None]] = {
            commands.GET_TTY_FD: self._tty,
            commands.STOP: self._stop,
            commands.GET_STATE: self._state,
            commands.GET_INIT_PID: lambda *_: Reply(number=monitor.running.pid if monitor.running else -1),
            commands.GET_CLONE_FLAGS: lambda *_: Reply(
                number=sum(process.NAMESPACES[kind] for kind in monitor.plan.namespaces)
            ),
            commands.GET_CGROUP: lambda request, _: _cgroup(request, monitor.made.path),
            commands.GET_LIMIT_CGROUP: lambda request, _: _cgroup(request, monitor.made.limit_path),
            commands.GET_CONFIG_ITEM: self._config_item,
            commands.GET_NAME: lambda *_: Reply(payload=commands.as_text(monitor.place.name)),
            commands.GET_LXCPATH: lambda *_: Reply(payload=commands.as_text(monitor.place.lxcpath)),
            commands.ADD_STATE_CLIENT: self._add_state_client,
            commands.CONSOLE_LOG: self._console_log,
            commands.SERVE_STATE_CLIENTS: self._serve_state_clients,
            commands.SECCOMP_NOTIFY_ADD_LISTENER: self._add_listener,
            commands.ADD_BPF_DEVICE_CGROUP: self._add_device_rule,
            commands.FREEZE: lambda request, _: self._freeze(request, is_on=True),
            commands.UNFREEZE: lambda request, _: self._freeze(request, is_on=False),
            commands.GET_CGROUP2_FD: lambda *_: self._cgroup2_fd(monitor.made.container),
            commands.GET_LIMIT_CGROUP2_FD: lambda *_: self._cgroup2_fd(monitor.made.payload),
            commands.GET_INIT_PIDFD: lambda *_: _lend(monitor.running.pidfd if monitor.running else -1),
            commands.GET_DEVPTS_FD: lambda *_: _lend(monitor.running.devpts_fd if monitor.running else -1),
            commands.GET_SECCOMP_NOTIFY_FD: lambda *_: _lend(monitor.running.listener if monitor.running else -1),
            commands.GET_CGROUP_CTX: self._cgroup_context,
            commands.GET_CGROUP_FD: lambda request, _: self._cgroup_fd(request, monitor.made.container),
            commands.GET_LIMIT_CGROUP_FD: lambda request, _: self._cgroup_fd(request, monitor.made.payload),
            commands.GET_SYSTEMD_SCOPE: lambda *_: self._scope(),
        }

    def answer(self, request: Request, connection: Connection) -> Reply | None:
        """The reply to `request`; None if there is none.  Raises ValueError if the request is malformed."""
        log.trace(f"asked {commands.NAMES.get(request.command, request.command)}")
        if request.command in _CHANGES and self._monitor.state == commands.STARTING:
            return Reply(-errno.EBUSY)
        self._remember(request)
        method = self._methods.get(request.command)
        return method(request, connection) if method else Reply(-errno.ENOSYS)

    def settled(self, request: Request) -> Reply | None:
        """The answer that everybody gets while nothing changes, None for a request that ends the connection.

        It must be one of those that are remembered, or GET_STATE alone.  The caller closes what is given.
        """
        nobody: Any = None  # none of these looks at who asks
        try:
            return self._methods[request.command](request, nobody)
        except ValueError:
            return None

    def _remember(self, request: Request) -> None:
        """That it is asked: who rests wants to know the answers beforehand (`rest`)."""
        asked, plain = self._monitor.asked, request.replace(number=0)
        if request.command in _SETTLED and plain not in asked and len(asked) < _MOST_REMEMBERED:
            asked[plain] = None

    def _state(self, request: Request, connection: Connection) -> Reply:
        replies = [self._aside(each, connection) for each in commands.aside(request.payload)]
        payload, descriptors = commands.together(replies)
        given = tuple(fd for reply in replies for fd in reply.given)
        return Reply(number=self._monitor.state, payload=payload, descriptors=descriptors, given=given)

    def _aside(self, request: Request, connection: Connection) -> Reply:
        try:
            self._remember(request)
            return self._methods[request.command](request, connection) or Reply(-errno.EINVAL)
        except ValueError:  # alone, it would end the connection
            return Reply(-errno.EINVAL)
        except OSError as error:  # so would this: and what is given with the others would stay open
            return Reply(-(error.errno or errno.EIO))

    def _tty(self, request: Request, connection: Connection) -> Reply:
        terminals = self._monitor.terminals
        if not terminals:
            return Reply(-errno.EBADF)
        try:
            number, fd = terminals.allocate(request.number, connection.fd)
        except OSError as error:
            return Reply(-(error.errno or errno.EBADF))
        connection.keep = True
        return Reply(number=number, descriptors=(fd,))

    def _stop(self, _request: Request, connection: Connection) -> None:
        """No answer: the client waits for the connection to end, as it does with the container.

        Whatever init makes of the signal, busybox's reboots for SIGTERM, this was its last life.
        """
        connection.keep = True
        self._monitor.may_reboot = False
        self._monitor.kill(self._monitor.plan.stop_signal)

    def _config_item(self, request: Request, _connection: Connection) -> Reply:
        key = commands.text(request.payload)
        try:
            value = self._monitor.network.item(key) or self._monitor.config.get_item(key)
        except (KeyError, ValueError):
            return Reply(-1)
        if key == "lxc.cap.keep" and not value and self._monitor.config.cap_keep:
            value = "none"  # who attaches must know that from nothing said
        return Reply(payload=commands.as_text(value)) if value else Reply(-1)

    def _add_state_client(self, request: Request, connection: Connection) -> Reply:
        try:
            wanted = commands.wanted_states(request.payload)
        except ValueError:
            return Reply(-errno.EINVAL)
        state = self._monitor.state
        if wanted[state] == 1:
            return Reply(state, state)
        connection.wanted, connection.keep = wanted, True
        return Reply(commands.REGISTERED, commands.REGISTERED)

    def _console_log(self, request: Request, _connection: Connection) -> Reply:
        wish, terminals = commands.console_log(request.payload), self._monitor.terminals
        if not terminals:
            return Reply(-errno.EFAULT)
        try:
            return Reply(payload=terminals.console_log(wish.clear, wish.read, wish.read_max, wish.write_logfile))
        except OSError as error:
            return Reply(-(error.errno or errno.EFAULT))

    def _serve_state_clients(self, request: Request, connection: Connection) -> Reply:
        if not 0 <= request.number < len(commands.STATES):
            return Reply(-errno.EINVAL)
        _, uid, _ = sockets.peer_credentials(connection.channel)
        self._monitor.set_state(
            request.number, is_passed_on=uid == os.geteuid()
        )  # who asks tells an lxc-monitord of his own
        return Reply()

    def _add_listener(self, _request: Request, connection: Connection) -> Reply | None:
        """The listener comes with the client's next message; nobody to give it to is an error at once."""
        if not self._monitor.supervised.supervisor:
            return Reply(-errno.EINVAL)
        connection.keep, connection.awaits = True, self._take_listener
        return None

    def _take_listener(self, descriptors: tuple[int, ...]) -> Reply:
        from lxc.security.seccomp.supervisor import is_listener

        supervisor = self._monitor.supervised.supervisor
        if not supervisor or len(descriptors) != 1 or not is_listener(descriptors[0]):
            return Reply(-errno.EINVAL)
        try:
            supervisor.take(descriptors[0])
        except OSError as error:  # it has ended, or does not keep up
            return Reply(-(error.errno or errno.EIO))
        return Reply()

    def _add_device_rule(self, request: Request, _connection: Connection) -> Reply:
        it = commands.device_rule(request.payload)
        rule = Rule(it.allow, it.type, it.major, it.minor, it.access or ACCESS)
        try:
            self._monitor.add_device_rule(rule)
        except (OSError, StepError) as error:
            log.error(str(error))
            cause = error.__cause__ if isinstance(error, StepError) else error
            return Reply(-(getattr(cause, "errno", 0) or errno.EINVAL))
        return Reply()

    def _scope(self) -> Reply:
        unified = self._monitor.made.layout.unified
        name = scope(unified.base) if unified else ""
        return Reply(payload=commands.as_text(name)) if name else Reply(-errno.EINVAL)

    def _freeze(self, request: Request, *, is_on: bool) -> Reply:
        """LXC's clients use it on unified hosts only."""
        made = self._monitor.made
        if made.layout.name != "unified":
            return Reply(-errno.ENOENT)
        patience = _FREEZE_PATIENCE if request.number < 0 else min(request.number, _FREEZE_PATIENCE)
        try:
            done = stopping.set_frozen(made.layout, made.limit_path, is_on=is_on, timeout=patience)
        except OSError as error:
            return Reply(-(error.errno or errno.EIO))
        if not done:
            return Reply(-errno.ETIMEDOUT)
        self._monitor.set_state(commands.FROZEN if is_on else commands.RUNNING)
        return Reply()

    def _cgroup2_fd(self, name: str) -> Reply:
        made = self._monitor.made
        if made.layout.name != "unified":
            return Reply(-errno.EINVAL)
        try:
            return _give(cgroups.open_unified(made, name))
        except FileNotFoundError:
            return Reply(-errno.ENOENT)

    def _cgroup_context(self, request: Request, _connection: Connection) -> Reply:
        """struct cgroup_ctx: {s32 layout; u32 utilities; u32 fd_len; s32 fd[20]; padding}; the descriptors travel beside it."""
        if not 12 <= len(request.payload) <= _CONTEXT_SIZE:
            return Reply(-errno.EINVAL)
        made = self._monitor.made
        directories = made.layout.directories(made.container)[:_CONTEXT_FDS]
        payload = _ints((_LAYOUTS[made.layout.name], 0, len(directories))).ljust(len(request.payload), b"\0")
        opened: list[int] = []
        try:
            for directory in directories:
                opened.append(_open_directory(directory))
        except BaseException as error:
            fs.close(*opened)
            if isinstance(error, FileNotFoundError):  # the container has removed it
                return Reply(-errno.ENOENT)
            raise
        return _give(*opened, payload=payload)

    def _cgroup_fd(self, request: Request, name: str) -> Reply:
        """struct cgroup_fd: {s32 layout; u32 utilities; s32 type; s32 fd; char controller[64]}."""
        raw = request.payload[16:].split(b"\0", 1)[0]
        if len(request.payload) != 80 or not raw:
            return Reply(-errno.EINVAL)
        made, controller = self._monitor.made, raw.decode(errors="replace")
        is_unified = controller == "unified" or made.layout.name == "unified"
        hierarchy = made.layout.unified if is_unified else made.layout.with_controller(controller)
        if not hierarchy:
            return Reply(-errno.ENOENT)
        numbers = (_LAYOUTS[made.layout.name], 0, _type(hierarchy), -errno.EBADF)
        directory = hierarchy.directory_of(name)
        return _give(_open_directory(directory), payload=_ints(numbers) + raw.ljust(64, b"\0"))


def _cgroup(request: Request, path_of: Callable[[str], str | None]) -> Reply:
    controller = commands.text(request.payload) if request.payload else ""
    path = path_of(controller)
    if path is None:
        raise ValueError(f"there is no cgroup hierarchy of {controller!r}")
    return Reply(payload=commands.as_text(path))


def _lend(fd: int) -> Reply:
    return Reply(descriptors=(fd,)) if fd >= 0 else Reply(-errno.EBADF)


def _give(*descriptors: int, payload: bytes = b"") -> Reply:
    return Reply(payload=payload, descriptors=descriptors, given=descriptors)


def _open_directory(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _type(hierarchy: Hierarchy) -> int:
    """The file system's magic number, as statfs(2) has it."""
    return 0x63677270 if hierarchy.is_unified else 0x27E0EB


def _ints(numbers: tuple[int, ...]) -> bytes:
    return b"".join(number.to_bytes(4, "little", signed=number < 0) for number in numbers)
