"""From a step that failed, whatever it is, and the kernel's word for it, to the error that is raised.

`remedies` knows what to do about the steps of a start; who attaches has none of these, and is to load none.
"""

from __future__ import annotations

import errno
import os

from lxc.errors import LxcError, StepError, remedy
from lxc.security.plan import Label

UNKNOWN_CONTEXT = (
    "the policy that is loaded does not know it: load a module that does (semodule --install), or correct the context"
)
_LINK = "links in the container's root are not followed: remove it, or choose another target"


def failure(step: object, error: BaseException, hint: str | None = None) -> BaseException:
    """What to raise for `error`, which happened in `step` (its str() completes "cannot …"); `hint` is what to do, if that is known."""
    name = str(step).rpartition("\n")[2]  # some print as more than one line; the last is what it is for
    if isinstance(error, StepError) or not isinstance(error, (OSError, LxcError)):
        return error if isinstance(error, LxcError) else StepError(name, f"{type(error).__name__}: {error}")
    where = getattr(step, "where", "")
    if isinstance(error, LxcError):
        named = StepError(name, str(error), where=where or error.where, hint=error.hint)
        named.exit_status = error.exit_status
        return named
    what_to_do = _hint(step, error.errno or 0) if hint is None else hint
    return StepError(name, _why(error), where=where, hint=what_to_do or remedy(error))


def no_directory(error: OSError, path: str) -> StepError:
    """What to raise if the directory `path`, or one above it, cannot be made, or have in it what belongs there."""
    number, at = error.errno or 0, os.path.join(os.path.dirname(path), str(error.filename or path))
    above = os.path.dirname(at)
    hint = {
        errno.EROFS: f"mount the file system of {above} read-write",
        errno.ENOTDIR: "what lies above it is a file",
    }.get(number, "")
    if number in (errno.EACCES, errno.EPERM):
        hint = f"user {os.geteuid()} may not write to {above}: choose another place (-P), or be who may"
    return StepError(f"make {at}", error, hint=hint or _hint(None, number))


def not_executed(argv: tuple[str, ...], rootfs: str, number: int, label: Label) -> StepError:
    """What to raise when the container's program, which is to have the label, could not be executed."""
    program = argv[0]
    hint = {
        errno.ENOENT: f"{rootfs} has no {program}, or lacks the interpreter or dynamic loader that it names",
        errno.EACCES: f"{program} in {rootfs} is not an executable file, or lies on a mount without exec",
        errno.ENOEXEC: f"{program} in {rootfs} is built for another kind of machine, or is a script without a #! line",
        errno.ELOOP: f"{program} in {rootfs} leads in circles",
    }.get(number, "")
    if label.module == "selinux" and label.name and number in (errno.EACCES, errno.EPERM):
        hint += f"{hint and '; or '}the SELinux policy does not let it be entered as {label.name} (transition, entrypoint, nnp_transition)"
    return StepError(f"run {program} in the container", os.strerror(number), hint=hint)


def _why(error: OSError) -> str:
    """The kernel's word, and on what, unless that is said already."""
    said = error.strerror or str(error)
    return f"{said}: {error.filename}" if error.filename and str(error.filename) not in said else said


def _hint(step: object, number: int) -> str:
    if number == errno.ELOOP:
        return _LINK
    if isinstance(step, Label):
        return _label_hint(step, number)
    return {
        errno.ENOSPC: "the disk is full: free some space",
        errno.EROFS: "the file system is read-only",
        errno.EMFILE: "more files have to be open at a time: raise lxc.prlimit.nofile, or the limit of who starts it (ulimit -n)",
        errno.EPERM: "this process lacks a privilege it needs: run it as root, outside of other containers",
        errno.ENOSYS: "the kernel is older than Linux 5.15, or a system-call filter forbids it",
    }.get(number, "")


def _label_hint(step: Label, number: int) -> str:
    if step.module == "apparmor" and number == errno.ENOENT:
        return (
            "load that profile (apparmor_parser --replace FILE), or let one be made: lxc.apparmor.profile = generated"
        )
    if step.module == "selinux" and number == errno.EINVAL:
        return UNKNOWN_CONTEXT
    if number in (errno.EACCES, errno.EPERM):
        return f"what confines the starter does not let it take that label: {step.name}"
    return ""
