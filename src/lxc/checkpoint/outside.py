"""Calling CRIU, on the host: by whoever dumps a container, and by the monitor that restores one."""

from __future__ import annotations

import os
import stat

from lxc import followed
from lxc.checkpoint import plan as _plan
from lxc.checkpoint.plan import INVENTORY, OLDEST, Dump, Restore
from lxc.errors import LxcError, NotFound, Refused, StepError, Unsupported
from lxc.kernel import signals
from lxc.kernel.fs import closing
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from lxc.checkpoint.plan import Images

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LOG_END = 1 << 20  # bytes of CRIU's log that are searched for what went wrong


class Criu(Record):
    """The host's CRIU."""

    path: str
    version: tuple[int, ...]


def find() -> Criu:
    """The host's CRIU.  Raises NotFound, Unsupported."""
    for directory in (os.environ.get("PATH") or _PATH).split(":"):
        path = f"{directory}/criu"
        if directory and os.access(path, os.X_OK):
            break
    else:
        raise NotFound("there is no criu in PATH", hint="install criu, as root")
    _, said = _run((path, "--version"))
    try:
        version = _plan.version(said)
    except ValueError as error:
        raise Unsupported(f"{path} does not tell its version: {error}") from error
    if version < OLDEST:
        raise Unsupported(f"{path} is version {'.'.join(map(str, version))}; containers need 2.0 or newer")
    return Criu(path, version)


def check(criu: Criu) -> None:
    """Have CRIU find out whether it works on this kernel.  Raises Unsupported with what it says."""
    code, said = _run((criu.path, "check"))
    if code:
        why = _plan.reason(said) or (said.strip().splitlines() or ["it does not say why"])[-1]
        release, version = os.uname().release, ".".join(map(str, criu.version))
        raise Unsupported(
            f"CRIU {version} does not work on Linux {release}: {why}", hint="`criu check` says it in full"
        )


def has_feature(criu: Criu, name: str) -> bool:
    """Whether `criu check --feature` finds it: mem_dirty_track, uffd-noncoop …"""
    return _run((criu.path, "check", "--feature", name))[0] == 0


def make_directory(images: Images) -> None:
    """Make the directory for a dump, root's alone.  Raises Refused if there is one in it already."""
    os.makedirs(images.directory, 0o700, exist_ok=True)
    check_directory(images)
    if os.path.lexists(f"{images.directory}/{INVENTORY}"):
        raise Refused(f"{images.directory} has a dump in it: please use a fresh directory for the dump directory")


def check_directory(images: Images) -> None:
    """Raise Refused if others than root can have written the images: restoring them makes processes of any kind."""
    found = os.stat(images.directory)
    if found.st_uid != 0 or stat.S_IMODE(found.st_mode) & (stat.S_IWGRP | stat.S_IWOTH):
        hint = f"chown root {images.directory} && chmod 700 {images.directory}, if you know what is in it"
        raise Refused(f"others than root can write to {images.directory}", hint=hint)
    if not followed.is_roots(f"{images.directory}/{INVENTORY}"):
        why = "a directory above it is another user's, who can put others in its place"
        raise Refused(f"others than root decide what {images.directory} is: {why}", hint="use a directory of root's")


def check_images(images: Images) -> None:
    """Raise LxcError unless there is a dump to restore, that nobody but root can have written."""
    if not os.path.exists(f"{images.directory}/{INVENTORY}"):
        raise NotFound(f"there is no dump in {images.directory}", hint="lxc-checkpoint -D DIR makes one")
    check_directory(images)


class searchable:
    """`with searchable(images, gid):` CRIU opens images in the block as the container's root, too, whose group is `gid`."""

    def __init__(self, images: Images, gid: int) -> None:
        self._gid = gid
        self._fd = os.open(images.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._was = os.fstat(self._fd)

    def __enter__(self) -> None:
        os.fchown(self._fd, -1, self._gid)
        os.fchmod(self._fd, stat.S_IMODE(self._was.st_mode) | stat.S_IXGRP)

    def __exit__(self, *_: object) -> None:
        os.fchmod(self._fd, stat.S_IMODE(self._was.st_mode))
        os.fchown(self._fd, -1, self._was.st_gid)
        os.close(self._fd)


def dump(criu: Criu, it: Dump) -> None:
    """Do it.  Raises StepError with what CRIU says."""
    code, said = _run((criu.path, *it.argv))
    if code:
        raise failure(it, code, said)


def execute(criu: Criu, it: Restore) -> NoReturn:
    """Become CRIU, which restores; its messages go to its log.  Returns only by raising OSError."""
    signals.restore(frozenset())
    signals.reset(signals.IGNORED_BY_PYTHON)
    os.execve(criu.path, ("criu", *it.argv), {**os.environ, "PATH": os.environ.get("PATH") or _PATH})
    raise AssertionError


def failure(it: Dump | Restore, code: int, said: str = "") -> LxcError:
    """What to raise for a CRIU that ended with `code`, having said so much beside its log."""
    path = _plan.log_file(it.images, it.action)
    why = _plan.reason(_end_of(path)) or " / ".join(said.strip().splitlines()[-2:])
    ended = f"it was killed by signal {-code}" if code < 0 else f"it ended with status {code}"
    return StepError(f"criu {it.action}", f"{ended}: {why}" if why else ended, hint=f"{path} tells it in full")


def _end_of(path: str) -> str:
    try:
        with closing(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)) as fd:
            return os.pread(fd, _LOG_END, max(0, os.fstat(fd).st_size - _LOG_END)).decode(errors="replace")
    except OSError:
        return ""


def _run(argv: tuple[str, ...]) -> tuple[int, str]:
    """Its exit code, -N if signal N has ended it, and what it said."""
    import subprocess

    done = subprocess.run(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace"
    )
    return done.returncode, done.stdout
