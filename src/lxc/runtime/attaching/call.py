"""Attaching a Python function: it runs in a fork of this process that has joined a container.

    caller                         fork
    fork() ────────────────────▶   joins as the attach plan says
           ◀──  it has, or why not
                                   calls the function, ends with what that returns

The fork stays outside of the container's pid namespace, which only processes
that it starts are born in.  The container would otherwise see this Python, and
could trace it, read the caller's memory, and overwrite the host's interpreter
through /proc/PID/exe.  For the same reason

  * nothing is imported any more once the container's files are what it sees;
    what the function needs must have been imported before,
  * the function cannot become a program of the container, which would then run
    among the host's processes: os.exec… is refused, subprocess is not.

fork(2) of a process with threads copies the locks that other threads hold: a
function that needs one of them waits forever.
"""

from __future__ import annotations

import os
import sys

from lxc import detached
from lxc.errors import LxcError
from lxc.kernel import fs, signals
from lxc.kernel.fs import closing
from lxc.runtime import failures, sealed
from lxc.runtime.attaching import attach
from lxc.runtime.attaching import child as attach_child
from lxc.runtime.attaching import facts as attach_facts
from lxc.runtime.handshake import pack_failure, unpack_failure
from lxc.security import inside as security

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from lxc.runtime.attaching.facts import Target
    from lxc.runtime.place import Place
    from lxc.runtime.plans.attach import AttachPlan, Wish

_FAILED = 255  # exit status for what is no exit status
_JOINED = b"\1"  # no report of a failure begins so


def call(place: Place, wish: Wish, function: Callable[[], object]) -> int:
    """Call `function` in the container.  Return the pid of the process that does, a child of this one.

    It ends with the low byte of the integer that the function returns; with 255 if it returns something else or
    raises, after the traceback has been written to standard error.  Raises LxcError.
    """
    target = attach_facts.open_target(place, wish)
    try:
        plan = attach.decide(place, target, wish.replace(argv=(getattr(function, "__name__", "a function"),)))
        report, report_end = os.pipe2(os.O_CLOEXEC)
        with closing(report):
            with (
                closing(report_end),
                closing(detached.protected_null(wish.stdio)) as null,
                closing(attach.supervisor(place, plan)) as supervisor,
            ):
                pid = _fork(plan, target, attach.stdio(wish, null), (report_end, supervisor), function)
            return _joined(pid, report)
    finally:
        target.close()


def _fork(
    plan: AttachPlan, target: Target, stdio: tuple[int, int, int], ends: tuple[int, int], function: Callable[[], object]
) -> int:
    tasks = attach.tasks(plan, target)
    given = attach_child.Given(target.pidfd, stdio, report=ends[0], tasks=tasks, supervisor=ends[1])
    try:
        _flush()  # or both processes would write what is in there
        pid = os.fork()
        if pid == 0:
            try:
                _be_attached(plan, given, target, function)
            finally:
                os._exit(_FAILED)
        return pid
    finally:
        fs.close(*tasks)


def _joined(pid: int, report: int) -> int:
    """`pid`, once it has joined.  Raises LxcError if it could not."""
    try:
        failure = os.read(report, 1)
        if failure == _JOINED:
            return pid
        while part := os.read(report, 65536):
            failure += part
    except BaseException:  # of a signal's handler
        end(pid)
        raise
    _reap(pid)
    raise unpack_failure(failure) if failure else LxcError("the process that was to join the container has ended")


def status(pid: int) -> int:
    """The wait status of what `call` has made, once it has ended: it is ended if a signal's handler raises an exception."""
    try:
        return os.waitpid(pid, 0)[1]
    except ChildProcessError:
        raise
    except BaseException:
        end(pid)
        raise


def end(pid: int) -> None:
    """Kill the child `pid`, and forget it."""
    os.kill(pid, signals.SIGKILL)
    _reap(pid)


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        return  # who ignores SIGCHLD has none to wait for


def _be_attached(
    plan: AttachPlan, given: attach_child.Given, target: Target, function: Callable[[], object]
) -> NoReturn:
    step: object = f"enter the cgroups of {plan.name}"
    try:
        attach.enter_leaf(attach.unified(target))
        step = attach_child.OPEN_LABEL
        label_file, _ = security.open_label(plan.label)
        for step in attach_child.joining(plan, given, label_file):  # noqa: B007  # a failure names it
            pass
        if "mnt" in plan.namespaces:
            sealed.seal()
        _refuse_exec()
        os.environ.clear()
        os.environ.update(plan.environment)
        fs.close(*given.tasks, label_file)
        target.close()
        os.write(given.report, _JOINED)
        os.close(given.report)
    except BaseException as error:
        os.write(given.report, pack_failure(failures.failure(step, error)))
        os._exit(1)
    result: object = _FAILED
    try:
        result = function()
    except SystemExit as leave:
        result = _meant(leave)
    except BaseException as error:
        _say(_traceback(error))
    _flush()
    os._exit(result & 0xFF if isinstance(result, int) else _FAILED)


def _refuse_exec() -> None:
    """Have os.exec… raise in this process, but not in processes that it forks."""
    us = os.getpid()

    def hook(event: str, _: object) -> None:
        if event == "os.exec" and os.getpid() == us:
            raise PermissionError(
                "a function in a container cannot become a program of its, which would be outside of the container's "
                "pid namespace: run it with subprocess, or attach lxc.attach_run_command"
            )

    sys.addaudithook(hook)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream:
            stream.flush()


def _meant(leave: SystemExit) -> int:
    """The exit status of sys.exit(…)."""
    if leave.code is None or isinstance(leave.code, int):
        return leave.code or 0
    _say(f"{leave.code}\n")
    return 1


def _traceback(error: BaseException) -> str:
    """As Python prints it, without the source: the files there now are the container's."""
    lines, trace = ["Traceback (most recent call last):"], error.__traceback__
    while trace:
        code = trace.tb_frame.f_code
        lines.append(f'  File "{code.co_filename}", line {trace.tb_lineno}, in {code.co_name}')
        trace = trace.tb_next
    return "\n".join((*lines, f"{type(error).__name__}: {error}", ""))


def _say(text: str) -> None:
    os.write(2, text.encode(errors="backslashreplace"))
