"""Container.attach: its options, what they make of a wish to attach, and what comes of that."""

from __future__ import annotations

import os

from lxc.api import attempt, functions
from lxc.errors import LxcError, NotRunning, Unsupported
from lxc.kernel import held, process, signals
from lxc.runtime.plans.attach import CAP, CGROUP, LSM, Wish
from lxc.values import arch
from lxc.values.plain import ID_MAX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from os import PathLike
    from typing import Any, Protocol, TypedDict

    from lxc.config.container import Config
    from lxc.runtime.place import Place

    class HasFileno(Protocol):
        def fileno(self) -> int: ...

    class Options(TypedDict, total=False):
        """The keyword options of attach."""

        attach_flags: int
        namespaces: int
        personality: int
        initial_cwd: str | bytes | PathLike[str]
        uid: int
        gid: int
        env_policy: int
        extra_env_vars: Sequence[str]
        extra_keep_env: Sequence[str]
        stdin: int | HasFileno
        stdout: int | HasFileno
        stderr: int | HasFileno


_NUMBERS = {
    "attach_flags": functions.LXC_ATTACH_DEFAULT, "namespaces": -1, "personality": -1, "uid": -1, "gid": -1,
    "env_policy": functions.LXC_ATTACH_KEEP_ENV,
}  # fmt: skip
_IDENTITIES = ("uid", "gid")
_LONG = ("personality", *_IDENTITIES)
_LISTS = ("extra_env_vars", "extra_keep_env")
_FILES = ("stdin", "stdout", "stderr")
_LSM = functions.LXC_ATTACH_LSM_EXEC | functions.LXC_ATTACH_LSM_NOW
_MORE = functions.LXC_ATTACH_REMOUNT_PROC_SYS | functions.LXC_ATTACH_NO_NEW_PRIVS
_KNOWN = functions.LXC_ATTACH_DEFAULT | _MORE | _LSM
_OURS = "ours"  # as an architecture: that of the caller
_CONNECTION_REFUSED = 111
_COMMANDS = (functions.attach_run_command, functions.attach_run_shell)
_NOT_EXECUTED = (126, 127)
NOTHING = object()  # no payload; None is one


def checked(options: Options) -> dict[str, Any]:
    """The keyword options.  Raises TypeError for one of a wrong name or type, OverflowError and ValueError for numbers."""
    given = dict(options)
    for name, value in given.items():
        if name in _NUMBERS:
            attempt.number(value, 64 if name in _LONG else 32)
        if name in _IDENTITIES and not -1 <= value <= ID_MAX:  # type: ignore[operator]  # it is a number
            raise ValueError(f"{name} must be from 0 to {ID_MAX}, or -1 for none, not {value}")
        if name in _LISTS and not (isinstance(value, list | tuple) and all(isinstance(word, str) for word in value)):
            raise TypeError(f"{name} must be a list of texts, not {value!r}")
        if name in _LISTS:
            attempt.texts(*value)  # type: ignore[misc]  # it is a list of texts
        if name in _FILES:
            given[name] = _fileno(value)
        elif name == "initial_cwd":
            given[name] = attempt.name(value)
        elif name not in (*_NUMBERS, *_LISTS):
            raise TypeError(f"'{name}' is an invalid keyword argument for this function")
    return given


def wish(options: dict[str, Any], config: Config) -> Wish:
    """What checked options mean.  Raises Unsupported."""
    numbers: dict[str, int] = _NUMBERS | options
    flags = numbers["attach_flags"]
    if flags & ~_KNOWN:
        raise Unsupported(f"this version does not know the attach flags {flags & ~_KNOWN:#x}")
    kept = ((CGROUP, functions.LXC_ATTACH_MOVE_TO_CGROUP), (CAP, functions.LXC_ATTACH_DROP_CAPABILITIES), (LSM, _LSM))
    return Wish(
        namespaces=_namespaces(numbers["namespaces"]),
        elevated=tuple(privilege for privilege, flag in kept if not flags & flag),
        arch=_arch(numbers["personality"]) if flags & functions.LXC_ATTACH_SET_PERSONALITY else _OURS,
        no_new_privs=bool(flags & functions.LXC_ATTACH_NO_NEW_PRIVS),
        remount_proc_sys=bool(flags & functions.LXC_ATTACH_REMOUNT_PROC_SYS),
        clear_env=numbers["env_policy"] == functions.LXC_ATTACH_CLEAR_ENV,
        keep=tuple(options.get("extra_keep_env", ())),
        variables=tuple(options.get("extra_env_vars", ())),
        config_variables=(*config.environment, *config.environment_runtime),
        uid=numbers["uid"],
        gid=numbers["gid"],
        cwd=options.get("initial_cwd", ""),
        stdio=(options.get("stdin", 0), options.get("stdout", 1), options.get("stderr", 2)),
    )


def attach(place: Place, run: Callable[..., object], payload: object, wanted: Wish) -> int:
    """Run `run`, with `payload` unless that is NOTHING, in the container.  Return the pid of the process that does.

    Raises LxcError; one for a command that cannot be executed has the exit status of a shell.
    """
    if run in _COMMANDS:
        from lxc.runtime import spawn

        stdin = wanted.stdio[0]
        wanted = wanted.replace(argv=_words(run, payload))
        attached = spawn.attach(place, wanted, is_on_terminal=stdin > 0 and held.isatty(stdin))
        os.close(attached.pidfd)
        return attached.pid
    if wanted.remount_proc_sys:
        raise Unsupported("/proc and /sys are mounted anew for commands only, not for Python functions")
    from lxc.runtime.attaching import call as attach_call

    return attach_call.call(place, wanted, run if payload is NOTHING else lambda: run(payload))


def wait(place: Place, run: Callable[..., object], payload: object, wanted: Wish) -> int:
    """Like `attach`, and wait for it; its wait status.  A command without terminal need not be our child for that."""
    if run in _COMMANDS and not any(map(held.isatty, wanted.stdio)):
        from lxc.runtime import spawn

        return spawn.attach_wait(place, wanted.replace(argv=_words(run, payload)))
    from lxc.runtime.attaching import call as attach_call

    is_ignored = signals.is_ignored(signals.SIGCHLD)  # the kernel would keep no status
    if is_ignored:
        signals.set_default(signals.SIGCHLD)
    try:
        return attach_call.status(attach(place, run, payload, wanted))
    finally:
        if is_ignored:
            signals.ignore(signals.SIGCHLD)


def refusal(error: LxcError | None) -> int:
    """What attach returns for an error: a negative number."""
    return -_CONNECTION_REFUSED if isinstance(error, NotRunning) else -1


def unwaited(error: LxcError | None) -> int:
    """What attach_wait returns for an error: the wait status of a shell if there is no such command, else `refusal`."""
    return error.exit_status << 8 if error and error.exit_status in _NOT_EXECUTED else refusal(error)


def command(cmd: object) -> tuple[str, list[str]]:
    """What attach_run_command's argument means: the program and its words.  Raises TypeError."""
    if isinstance(cmd, tuple) and len(cmd) == 2:
        program, words = cmd
        if not isinstance(words, list):
            raise TypeError("Second part of tuple passed to attach_run_command must be a list.")
    else:
        words = list(cmd) if isinstance(cmd, list | tuple) else [cmd]
        program = words[0] if words else None
    for number, word in enumerate((program, *words), 1):
        if not isinstance(word, str):
            raise TypeError(f"argument {number} must be str, not {type(word).__name__}")
    attempt.texts(*words)
    return program, words


def _words(run: Callable[..., object], payload: object) -> tuple[str, ...]:
    if run is functions.attach_run_shell:
        return ()
    program, words = command(payload)
    if not words or os.path.basename(words[0]) != os.path.basename(program):
        raise Unsupported(f"{program} cannot be given the name {words[0] if words else 'of nobody'!r}: it has its own")
    return program, *words[1:]


def _fileno(file: object) -> int:
    if isinstance(file, int):
        number = file
    else:
        method = getattr(file, "fileno", None)
        if method is None:
            raise TypeError("argument must be an int, or have a fileno() method.")
        number = method()
    attempt.number(number)
    if number < 0:
        raise ValueError(f"file descriptor cannot be a negative integer ({number})")
    return number


def _namespaces(flags: int) -> tuple[str, ...]:
    if flags < 0:
        return ()
    names = tuple(name for name, flag in process.NAMESPACES.items() if flags & flag)
    if not names:
        raise Unsupported("attaching to none of the container's namespaces is not attaching")
    return names


def _arch(personality: int) -> str:
    return next((name for name, number in arch.PERSONALITY.items() if number == personality), "")
