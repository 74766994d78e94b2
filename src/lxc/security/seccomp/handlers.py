"""Python functions that decide on system calls: `lxc.seccomp.notify.proxy = python:module:function`.

A function is given a `Call` and returns an `Answer`, CONTINUE, or None if the
call is not for it; the next one is asked then, and if none is left the caller
gets ENOSYS.  An OSError that it raises is the caller's errno.

What a handler must know: the caller can change its memory, its links and its
files at any time, so nothing that it says may be looked at twice.  `Call` reads
once and sees to it that the caller was still waiting afterwards; acting is done
on descriptors, or by `Call.act`, as the caller.  CONTINUE lets the kernel look
again: it is safe only if the kernel would have allowed the caller no more than
it may have anyway.
"""

from __future__ import annotations

import errno
import os

from lxc import log
from lxc.errors import LxcError
from lxc.kernel import fs, libseccomp, procfs, seccomp
from lxc.kernel.fs import closing
from lxc.record import Record
from lxc.security.seccomp import acting
from lxc.security.seccomp.acting import Actor, Powers
from lxc.security.seccomp.notification import CONTINUE as _FLAG_CONTINUE
from lxc.security.seccomp.notification import Notification, Response, Sizes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Handler = Callable[["Call"], "Answer | None"]

_CGROUPS = "/sys/fs/cgroup"
_PAGE = 4096
_LONGEST_PATH = 4096


class Answer(Record):
    """What the caller's system call gives; with `continues` what the kernel makes of it."""

    value: int = 0
    error: int = 0  # errno; 0: `value` is returned
    continues: bool = False


CONTINUE = Answer(continues=True)


class Gone(OSError):
    """The caller does not wait any more: it was killed or interrupted, and its pid may be another's."""


class Call:
    """A system call that waits for an answer."""

    def __init__(self, name: str, listener: int, notification: Notification, cookie: str, init: int, *, native: bool) -> None:  # fmt: skip
        """`name` of the call, "" if it has none here; `init` is the pid of the container's.  Raises Gone, OSError."""
        self.name, self.cookie, self.is_native, self.init = name, cookie, native, init
        self.arguments = notification.arguments
        self.pid = notification.pid
        self._listener, self._id = listener, notification.id
        self._proc = procfs.root()
        try:
            self.directory = procfs.openat(self._proc, str(self.pid), os.O_PATH | os.O_DIRECTORY)
        except BaseException:
            os.close(self._proc)
            raise
        try:
            self.check()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        os.close(self.directory)
        os.close(self._proc)

    def check(self) -> None:
        """Raise Gone unless the caller still waits: what was opened of it before this was its own then."""
        if not seccomp.is_valid(self._listener, self._id):
            raise Gone(errno.ESRCH, "the caller has gone")

    def integer(self, index: int, bits: int = 32) -> int:
        """Argument `index` as a signed integer of `bits`."""
        value = self.arguments[index] & ((1 << bits) - 1)
        return value - (1 << bits) if value >> (bits - 1) else value

    def memory(self, address: int, size: int) -> bytes:
        """`size` bytes of the caller's memory, read once.  Raises OSError(EFAULT), Gone."""
        with closing(os.open("mem", os.O_RDONLY | os.O_CLOEXEC, dir_fd=self.directory)) as file:
            self.check()
            try:
                found = os.pread(file, size, address)
            except (OSError, OverflowError):
                found = b""
        if len(found) != size:
            raise OSError(errno.EFAULT, os.strerror(errno.EFAULT))
        self.check()
        return found

    def string(self, address: int, longest: int = _LONGEST_PATH) -> bytes:
        """The NUL-terminated string there, without its NUL.  Raises OSError: EFAULT, ENAMETOOLONG; Gone."""
        found = b""
        while len(found) < longest:
            part = self.memory(address + len(found), min(_PAGE - (address + len(found)) % _PAGE, longest - len(found)))
            if b"\0" in part:
                return found + part[: part.index(b"\0")]
            found += part
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))

    def write(self, address: int, data: bytes) -> None:
        """Put `data` into the caller's memory.  Raises OSError(EFAULT), Gone."""
        with closing(os.open("mem", os.O_WRONLY | os.O_CLOEXEC, dir_fd=self.directory)) as file:
            self.check()  # from here on, that is the memory of the caller, whoever has its pid
            try:
                written = os.pwrite(file, data, address)
            except (OSError, OverflowError):
                written = 0
        if written != len(data):
            raise OSError(errno.EFAULT, os.strerror(errno.EFAULT))

    def read(self, file: str, *, of_init: bool = False) -> str:
        """The text of `file` in the caller's directory of proc, or in that of the container's init.  Raises OSError, Gone."""
        name = f"{self.init}/{file}" if of_init else f"{self.pid}/{file}"
        with closing(procfs.openat(self._proc, name, os.O_RDONLY)) as fd:
            if not of_init:
                self.check()
            return fs.contents(fd).decode(errors="surrogateescape")

    def status(self, *, of_init: bool = False) -> dict[str, str]:
        """The fields of /proc/PID/status."""
        lines = self.read("status", of_init=of_init).split("\n")
        return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}

    def is_administrator(self, capability: int) -> bool:
        """Whether the caller is the container's root and has `capability`, or all of the container was denied that.

        Root is who is user 0 in the user namespace of the container's init: not the root of one below it.
        """
        if not self.init:
            return False
        own, inits = self.status(), self.status(of_init=True)
        maps = [tuple(map(int, line.split())) for line in filter(None, self.read("uid_map", of_init=True).split("\n"))]
        root = next((host for first, host, _ in maps if first == 0), -1)
        if int(own["Uid"].split()[1]) != root:
            return False
        return bool((int(own["CapEff"], 16) | ~int(inits["CapBnd"], 16)) >> capability & 1)

    def groups(self, controller: str) -> Iterator[tuple[bool, tuple[str, ...]]]:
        """For each hierarchy that `controller` may be of, whether it is the unified one, and where init's cgroup may be in sight.

        Whose name is the container's: it may have anything in it but a line feed.  Raises OSError.
        """
        for line in filter(None, self.read("cgroup", of_init=True).split("\n")):
            _, controllers, path = line.split(":", 2)
            if not controllers or controller in controllers.split(","):
                yield not controllers, (f"{_CGROUPS}/{controllers or 'unified'}{path}", f"{_CGROUPS}{path}")

    def device_groups(self) -> tuple[int, ...]:
        """Files to write to for being in the device groups of the container's init; the caller closes them.

        Raises OSError(EPERM) if there are none.
        """
        opened = []
        for is_unified, directories in self.groups("devices"):
            for directory in directories:
                name = f"{directory}/{'cgroup.procs' if is_unified else 'tasks'}"
                try:
                    file = os.open(name, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
                except OSError:
                    continue
                if fs.filesystem_type(file) in (fs.CGROUP_SUPER_MAGIC, fs.CGROUP2_SUPER_MAGIC):
                    opened.append(file)
                    break
                os.close(file)
        if not opened:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        return tuple(opened)

    def act(
        self,
        function: Callable[[Actor], object],
        *,
        capabilities: tuple[int, ...] = (),
        dirfd: int = acting.AT_FDCWD,
        groups: tuple[int, ...] = (),
        enters: bool = False,
    ) -> None:
        """Call `function` in a process that sees the caller's files as the caller does, see `acting`.  Raises OSError."""
        acting.act(self.directory, self.check, self.status(), function, Powers(capabilities, dirfd, groups, enters))


class Handlers:
    """Those that a configuration names, in their order."""

    def __init__(self, names: str, cookie: str, sizes: Sizes) -> None:
        """`names` is module:function,function ….  Raises LxcError, OSError."""
        self._cookie, self._sizes = cookie, sizes
        self._library = libseccomp.Library()
        self._functions = load(names)

    def decide(self, init: int, listener: int, notification: Notification) -> bytes:
        native = notification.architecture == self._library.native
        name = self._library.name(notification.architecture, notification.number)
        call = Call(name, listener, notification, self._cookie, init, native=native)
        try:
            answer = self._ask(call)
        finally:
            call.close()
        if answer is None:
            response = Response(notification.id)
        elif answer.continues:
            response = Response(notification.id, error=0, flags=_FLAG_CONTINUE)
        else:
            response = Response(notification.id, 0 if answer.error else answer.value, -abs(answer.error))
        return response.padded(self._sizes)

    def _ask(self, call: Call) -> Answer | None:
        for function in self._functions:
            try:
                answer = function(call)
            except OSError as error:
                log.debug(f"{call.name} of process {call.pid}: {error}")
                return Answer(error=error.errno or errno.EIO)
            except Exception as error:  # somebody else's mistake must not end all that it answers
                what = f"{getattr(function, '__name__', function)} on {call.name}: {type(error).__name__}: {error}"
                raise ValueError(what) from error
            if answer is not None:
                return answer
        return None


def load(names: str) -> tuple[Handler, ...]:
    """The functions that `names` (module:function,function …) says.  Raises LxcError."""
    module, _, functions = names.rpartition(":")
    try:
        namespace = _execute(module) if module.startswith("/") else vars(_import(module))
    except OSError as error:
        raise LxcError(f"cannot read {module}: {error.strerror or error}") from error
    except LxcError:
        raise
    except Exception as error:
        raise LxcError(f"cannot load {module}: {type(error).__name__}: {error}") from error
    found: list[Handler] = []
    for name in map(str.strip, functions.split(",")):
        function = namespace.get(name)
        if not callable(function):
            raise LxcError(f"{module} has no function {name}")
        found.append(function)
    return tuple(found)


def _import(module: str) -> object:
    from importlib import import_module

    return import_module(module)


def _execute(path: str) -> dict[str, object]:
    """The names in the Python file at `path`, which nobody but root and we may have written."""
    with closing(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY)) as file:
        status = os.fstat(file)
        if status.st_uid not in (0, os.geteuid()) or status.st_mode & 0o022:
            raise LxcError(f"{path} may be written by others than root: its code is not run")
        code = fs.contents(file)
    namespace: dict[str, object] = {"__name__": "lxc_handlers", "__file__": path, "__builtins__": __builtins__}
    exec(compile(code, path, "exec"), namespace)
    return namespace
