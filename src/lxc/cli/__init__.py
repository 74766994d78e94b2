"""The command line: one file per command with one option table each.

`main` is any command, as a function: it reads and writes through descriptors 0,
1 and 2 only and returns the exit code.  `entry` is what the installed scripts
call: which command it is says the name it was called by.
"""

from __future__ import annotations

import errno
import os
import sys

from lxc import log, trace
from lxc.cli import output
from lxc.cli.parser import Answer, parse
from lxc.errors import LxcError, UsageError, remedy, sentence

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Sequence
    from typing import NoReturn

    from lxc.cli.options import Arguments, Command
else:
    import _signal  # as lxc.kernel.signals does, which costs a command more

TOOLS = (
    "lxc-attach", "lxc-autostart", "lxc-cgroup", "lxc-check", "lxc-checkconfig", "lxc-checkpoint", "lxc-config",
    "lxc-console", "lxc-containers", "lxc-copy", "lxc-create", "lxc-destroy", "lxc-device", "lxc-execute", "lxc-freeze", "lxc-info",
    "lxc-ls", "lxc-monitor", "lxc-monitord", "lxc-net", "lxc-snapshot", "lxc-start", "lxc-stop", "lxc-top", "lxc-unfreeze", "lxc-unshare",
    "lxc-update-config", "lxc-usernsexec", "lxc-wait",
)  # fmt: skip
OFTEN = (  # the fork server knows them
    "lxc-attach", "lxc-autostart", "lxc-config", "lxc-execute", "lxc-freeze", "lxc-info", "lxc-ls", "lxc-start", "lxc-stop", "lxc-unfreeze",
    "lxc-wait",
)  # fmt: skip
# What the fork server leaves to be loaded by the commands that need it: what is loaded, each process that it makes is
# given, page by page, and gives back.  A monitor loads nothing late: what is installed may be another by then.
SELDOM = frozenset(
    f"lxc.{name}"
    for name in [
        "api",
        "bridge",
        "checkpoint",
        "cli",
        "config.enumeration",
        "config.legacy",
        "config.lint",
        "config.manual",
        "config.mend",
        "config.recorder",
        "config.rules",
        "config.update",
        "container",
        "images",
        "runtime.apart",
        "runtime.changing",
        "runtime.check",
        "runtime.checkpoint",
        "runtime.disk.copy_config",
        "runtime.disk.copying",
        "runtime.disk.create",
        "runtime.disk.ephemeral",
        "runtime.disk.making",
        "runtime.disk.rename",
        "runtime.disk.snapshots",
        "runtime.events",
        "runtime.life.restoring",
        "runtime.lists.nested",
        "runtime.monitord",
        "runtime.plans.as_json",
        "runtime.plans.checkpoint",
        "security.intercept",
        "security.seccomp.acting",
        "security.seccomp.handlers",
        "security.seccomp.proxy",
        "storage.btrfs",
        "storage.clone",
        "storage.nbd",
        "storage.tree",
        "storage.zfs",
    ]
)
_COERCED = ("C.UTF-8", "C.utf8", "UTF-8")
INTERRUPTED, BROKEN_PIPE = 128 + 2, 128 + 13  # as a shell reports SIGINT and SIGPIPE
_NO_MEMORY = ["out of memory", "  it needs more: raise the limit (ulimit -v, ulimit -d), or free some"]
_FULL = "the disk is full: free some space"


def main(tool: str, argv: Sequence[str] | None = None) -> int:
    """Run the command `tool` ("lxc-info") with the words after its name (default: this process's); the exit code."""
    words = sys.argv[1:] if argv is None else argv
    try:
        return _run(tool, words)
    except BrokenPipeError:
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED
    except RuntimeError as error:  # Python before 3.12 makes one of what comes while it makes a class
        if not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        return INTERRUPTED
    except OSError:  # of writing to standard error, there is no one to tell
        return 1


def entry() -> NoReturn:
    """The command that this process was called by the name of; does not return, nor tidy up what ends with it.

    The script that calls it leaves Ctrl-C to the kernel until here, where a KeyboardInterrupt is understood.
    """
    try:
        if _signal.getsignal(_signal.SIGINT) == _signal.SIG_DFL:
            _signal.signal(_signal.SIGINT, _signal.default_int_handler)
        _open_standard_descriptors()
        _take_back_coercion()
        status = _called(sys.argv)
    except KeyboardInterrupt:
        status = INTERRUPTED
    os._exit(status)


def serve(words: Sequence[str]) -> NoReturn:
    """Be the fork server: on the socket words[0], with the key words[1] (`lxc.runtime.forkserver.server`)."""
    from lxc import loading

    loading.hasten()
    _load_all()
    from lxc.cli import rehearsal
    from lxc.runtime.forkserver import server as forkserver
    from lxc.runtime.forkserver.counter import Program

    path, key = words
    forkserver.serve(path, int(key), Program(_served, rehearsal.LOOKING, rehearsal.ACTING))


def _load_all() -> None:
    """What commands often come to need, in this order: what is used together lies together in memory."""
    for tool in OFTEN:
        __import__(module(tool))
    packages = os.path.dirname(os.path.dirname(__file__))
    for directory, names, files in os.walk(packages):
        package = "lxc" + directory.removeprefix(packages).replace("/", ".")
        names[:] = sorted(name for name in names if f"{package}.{name}" not in SELDOM)
        for file in sorted(files):
            if file.endswith(".py") and f"{package}.{file[:-3]}" not in SELDOM:
                __import__(f"{package}.{file[:-3]}".removesuffix(".__init__"))


def _served(words: list[str]) -> int:
    """A command that a client of the fork server was called as, or the task it wants done."""
    if words[0] == "--task":
        from lxc.runtime import spawn

        return spawn.serve(spawn.CHANNEL)
    if words[0] == "--wake":
        from lxc.runtime.life import rest

        return rest.inherit(int(words[1]), int(words[2]))
    try:
        _open_standard_descriptors()
        return _called(words)
    except KeyboardInterrupt:
        return INTERRUPTED


def _called(argv: list[str]) -> int:
    """Run what `argv` says, its first word being a path that names the command, or `lxc`, which the second completes."""
    name, *words = argv
    tool = os.path.basename(name)
    if tool == "lxc":
        if not words or words[0].startswith("-"):
            output.lines(
                ["usage: lxc COMMAND [WORD...]", f"COMMAND: {', '.join(TOOLS)}, also without lxc-"], output.STDERR
            )
            return 0 if words and words[0] in ("-h", "--help") else 1
        tool, *words = words
        tool = tool if tool.startswith("lxc-") else f"lxc-{tool}"
    return main(tool, words)


def _open_standard_descriptors() -> None:
    """Have those of 0, 1 and 2 that are closed fail as before, but keep the files and sockets to come out of there."""
    for fd, wrong_way in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_RDONLY)):
        try:
            os.fstat(fd)
        except OSError:
            os.set_inheritable(os.open("/dev/null", wrong_way), True)


def _take_back_coercion() -> None:
    """Python sets LC_CTYPE where it is started in the C locale (PEP 538): hooks and commands are to get what we got."""
    if os.environ.get("LC_CTYPE") not in _COERCED:
        return
    try:
        with open("/proc/self/environ", "rb") as file:  # as the kernel laid it down
            given = [pair for pair in file.read().split(b"\0") if pair.startswith(b"LC_CTYPE=")]
    except OSError:
        return
    if given:
        os.environb[b"LC_CTYPE"] = given[-1].partition(b"=")[2]
    else:
        del os.environ["LC_CTYPE"]


def module(tool: str) -> str:
    """The name of the module that is the command `tool`."""
    return f"lxc.cli.{tool.removeprefix('lxc-').replace('-', '_')}"


def _run(tool: str, words: Sequence[str]) -> int:
    if tool not in TOOLS:
        output.lines([f"{tool}: no such command; there are: {', '.join(TOOLS)}"], output.STDERR)
        return 1
    name = module(tool)
    __import__(name)
    program = sys.modules[name]
    try:
        arguments = _read(program.COMMAND, words)
        if isinstance(arguments, Answer):
            output.write(arguments.text, arguments.fd)
            return arguments.status
    except UsageError as error:
        output.lines([f"{tool}: {line}" for line in (*error.lines(), "could not parse command line")], output.STDERR)
        return error.exit_status
    except BrokenPipeError:
        raise
    except OSError as error:
        output.lines([f"{tool}: {sentence(error)}"], output.STDERR)
        return 1
    try:
        _open_trace(tool, arguments)
        _open_log(tool, arguments)
        if arguments.rcfile and arguments.name:
            arguments.config  # noqa: B018  # raises for one that cannot be used, whether it matters or not
        status: int = program.run(arguments)
        return status
    except LxcError as error:
        _complain(tool, arguments, error.lines())
        return error.exit_status
    except MemoryError:
        _complain(tool, arguments, _NO_MEMORY)
        return 1
    except BrokenPipeError:
        raise
    except OSError as error:
        hint = _hint(error)
        _complain(tool, arguments, [sentence(error), *([f"  {hint}"] if hint else [])])
        return 1
    finally:
        trace.complete()


def _read(command: Command, words: Sequence[str]) -> Arguments | Answer:
    arguments = parse(command, words)
    if isinstance(arguments, command.arguments) and command.name == "required":
        arguments.place  # noqa: B018  # raises UsageError for a name that no container can have
    return arguments


def _open_trace(tool: str, arguments: Arguments) -> None:
    if arguments.trace:
        try:
            trace.open(arguments.trace, tool)
        except OSError as error:
            raise LxcError(f"cannot write the trace {arguments.trace}: {error.strerror}", hint=_hint(error)) from error


def _open_log(tool: str, arguments: Arguments) -> None:
    """-o FILE is the log, "none" is no log; -l without -o logs to the container's own file, if that can be opened."""
    level = arguments.logpriority if arguments.logpriority >= 0 else log.ERROR
    if arguments.logfile not in ("", "none"):
        try:
            log.open(tool, arguments.name, arguments.logfile, level)
        except OSError as error:
            raise LxcError(
                f"cannot open the log file {arguments.logfile}: {error.strerror}", hint=_hint(error)
            ) from error
        return
    log.open(tool, arguments.name, "", level)
    if not arguments.logfile and arguments.logpriority >= 0 and arguments.name:
        try:
            log.open(tool, arguments.name, arguments.place.log_file, level, is_plain=True)
        except OSError:
            log.open(tool, arguments.name, "", level)  # nobody asked for this file by name


def _hint(error: OSError) -> str:
    """What to do about it, "" if nobody knows."""
    return _FULL if error.errno == errno.ENOSPC else remedy(error)


def _complain(tool: str, arguments: Arguments, lines: list[str]) -> None:
    if not arguments.quiet:
        prefix = f"{tool}: {arguments.name}: " if arguments.name else f"{tool}: "
        output.lines([prefix + lines[0], *lines[1:]], output.STDERR)
