"""From a policy file to the program that the kernel runs at each system call.  Runs on the host's side."""

from __future__ import annotations

import errno

from lxc import log, regular
from lxc.errors import ConfigError, LxcError, StepError, Unsupported
from lxc.kernel import libseccomp, process, seccomp
from lxc.security import kept
from lxc.security.plan import Filter
from lxc.security.seccomp import policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.security.seccomp.policy import Policy, Rule

DIRECTORY = "/run/lxc/seccomp"  # where compiled filters are kept
_FORMAT = 1  # of what `program` makes of a policy; to be counted up when it makes something else of the same
_LARGEST = 1 << 20  # bytes of a policy file
_known: dict[tuple[str, str, str], Filter] = {}  # what was loaded, by path, text and machine: it is the same ever after
_MOST_KNOWN = 16
# libseccomp's words for a call that is none there, and for one that is a part of another (socketcall), with arguments.
_NOT_THERE = (errno.EDOM, errno.EINVAL)
# Our way in takes these after the filter is loaded: the last program of ours is no path of the container.
_ON_THE_WAY = ("close_range", "execveat")
# Until the container's own program runs nobody may answer yet, and what hands the listener over cannot ask it.
_NEVER_ASKED = (
    "brk", "chdir", "clone", "clone3", "close", "close_range", "execve", "execveat", "exit_group", "fchown", "fcntl",
    "fstat", "futex", "getpid", "getppid", "ioctl", "mmap", "mprotect", "munmap", "newfstatat", "openat", "prctl",
    "read", "recvfrom", "recvmsg", "rt_sigaction", "rt_sigprocmask", "sendmsg", "sendto", "setgroups", "setresgid",
    "setresuid", "setsid", "wait4", "write",
)  # fmt: skip


def load(path: str, where: str, directory: str = DIRECTORY) -> Filter:
    """The filter for the policy file at `path`, which `where` names; kept in `directory`.  Raises ConfigError, LxcError."""
    text = _read(path, where)
    machine = process.machine()
    known = _known.get((path, text, machine))
    if known is None:
        known = _compiled(path, text, machine, where, directory)
        if len(_known) == _MOST_KNOWN:
            _known.clear()
        _known[path, text, machine] = known
    return known.replace(where=where)


def check(path: str) -> None:
    """Raises what is wrong with the policy file at `path`, as `load` would: ConfigError, LxcError."""
    program(*_wanted(path, _read(path, ""), process.machine(), ""))


def _wanted(path: str, text: str, machine: str, where: str) -> tuple[Policy, libseccomp.Library]:
    """What the policy says, and who compiles it.  Raises ConfigError, LxcError."""
    wanted = policy.parse(text, path, machine)
    library = _library(where)
    forbidden = [call for call in _ON_THE_WAY if _forbids(wanted, call, library)]
    if forbidden:
        raise ConfigError(f"{path}: {' and '.join(forbidden)} must be allowed: containers are entered so", where=path)
    asked = [call for call in _NEVER_ASKED if wanted.asks(call)]
    if asked:
        raise ConfigError(
            f"{path}: notify cannot be for all of {' and '.join(asked)}: containers are entered so, before anybody "
            "can answer",
            where=path,
            hint="name the arguments, as in: ioctl notify [1,0x5412,==]",
        )
    return wanted, library


def _compiled(path: str, text: str, machine: str, where: str, directory: str) -> Filter:
    wanted, library = _wanted(path, text, machine, where)
    key = f"{_FORMAT} {library.version} {machine}\n{text}".encode(errors="surrogateescape")
    code = kept.find(key, directory, seccomp.MOST_INSTRUCTIONS * seccomp.INSTRUCTION)
    if not code or len(code) % seccomp.INSTRUCTION:
        code = program(wanted, library)
        kept.keep(key, code, directory)
    return Filter(path, len(wanted.rules), code.hex(), where, wanted.is_supervised)


def is_wanted(*, allow_nesting: bool) -> bool:
    """Whether a filter is to be loaded: not below another, unless that is allowed; not on a kernel without filters."""
    if allow_nesting:
        return True
    try:
        is_filtered = seccomp.is_filtered()
    except OSError:
        log.info("this kernel has no system call filters, none is loaded")
        return False
    if is_filtered:
        log.info("a system call filter is at work already, no other is loaded: lxc.seccomp.allow_nesting is not set")
    return not is_filtered


def program(wanted: Policy, library: libseccomp.Library) -> bytes:
    """`wanted` as BPF instructions, for this machine's architecture and the policy's others.  Raises LxcError."""
    native = library.native
    others = {token: name for name in wanted.others if (token := library.architecture(name))}
    filters: list[libseccomp.Filter] = []
    try:
        for architecture in (native, *others):
            filters.append(libseccomp.Filter(library, wanted.default, architecture))
            for rule in wanted.rules:
                _add(filters[-1], rule, library, architecture, others.get(architecture, ""))
        for other in filters[1:]:
            filters[0].merge(other)
        code = filters[0].export()
    except OSError as error:
        raise LxcError(f"libseccomp cannot compile the system call filter: {error.strerror}") from error
    finally:
        for each in filters:
            each.release()
    if len(code) > seccomp.MOST_INSTRUCTIONS * seccomp.INSTRUCTION:
        raise LxcError(f"the system call filter has more than {seccomp.MOST_INSTRUCTIONS} instructions")
    return code


def _forbids(wanted: Policy, call: str, library: libseccomp.Library) -> bool:
    """By name and by number: version 1 knows numbers only."""
    number = str(library.number(library.native, call))
    names = {rule.call for rule in wanted.rules}
    return wanted.forbids(number if number in names else call)


def _add(to: libseccomp.Filter, rule: Rule, library: libseccomp.Library, architecture: int, other: str) -> None:
    """`other` is the architecture's name, "" if it is the machine's own; there a rule is left out that cannot be, as in LXC."""
    native = library.native
    number = int(rule.call) if rule.call.isdecimal() else library.number(native, rule.call)
    there = library.number(architecture, rule.call) if other else number
    if number == libseccomp.UNKNOWN:
        if not other:
            log.info(f"{rule.where}: this machine has no system call {rule.call}")
        return
    if there == libseccomp.UNKNOWN or (there < 0 and not other):
        return
    try:
        to.add(rule.action, number, [each.data for each in rule.comparisons])
    except OSError as error:
        if other and there < 0 and error.errno in _NOT_THERE:
            log.info(f"{rule.where}: no rule for {other} programs: {rule.call} is no system call of its own there")
            return
        raise ConfigError(
            f"{rule.where}: cannot add a rule for {rule.call}: {error.strerror}", where=rule.where
        ) from error


def _read(path: str, where: str) -> str:
    try:
        raw = regular.read(path, _LARGEST)
    except OSError as error:
        raise StepError(f"read lxc.seccomp.profile {path}", error, where=where) from error
    if len(raw) > _LARGEST:
        raise StepError(f"read lxc.seccomp.profile {path}", f"it is longer than {_LARGEST} bytes", where=where)
    return raw.decode(errors="surrogateescape")


def _library(where: str) -> libseccomp.Library:
    try:
        return libseccomp.Library()
    except (OSError, AttributeError) as error:
        raise Unsupported(
            f"lxc.seccomp.profile needs {libseccomp.LIBRARY}: {error}", where=where, hint="install libseccomp2 (Debian)"
        ) from error
