"""Looking at the host for the linter: what is at the paths that a configuration mentions, and what the kernel has."""

from __future__ import annotations

import os
import stat

from lxc import beneath, regular
from lxc.cgroups import outside as cgroups
from lxc.config import lint
from lxc.config.reader import read
from lxc.config.rules import paths
from lxc.config.rules.rule import File, Host
from lxc.errors import ConfigError, LxcError
from lxc.kernel.fs import closing
from lxc.runtime import host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxc.cgroups.plan import Layout
    from lxc.config.recorder import Reading

_KINDS = {
    stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link", stat.S_IFCHR: "character",
    stat.S_IFBLK: "block", stat.S_IFSOCK: "socket", stat.S_IFIFO: "fifo",
}  # fmt: skip


def survey(reading: Reading) -> Host:
    """All that the rules ask of this host about that configuration.  Opens no file of it but lxc.mount.fstab and lxc.seccomp.profile."""
    layout = cgroups.find()
    policy = reading.config.seccomp_profile
    mistakes = tuple(_mistakes(policy))
    found = Host(
        layout=layout.name,
        controllers=frozenset(controllers(layout)),
        cgroup_files=frozenset(cgroup_files(layout)),
        modules=host.security_modules(),
        devices=frozenset(os.listdir("/sys/class/net")) if os.path.isdir("/sys/class/net") else None,
        uid=os.geteuid(),
        texts=dict([*_text(reading.config.mount_fstab), *(_text(policy) if mistakes else ())]),
        mistakes=mistakes,
    )
    it = lint.subject(reading, found)
    files = {path: file for path in paths.mentioned(it) for file in _at(path)}
    root = paths.root(it)
    if root and os.path.isdir(root):
        with closing(os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as fd:
            for target in paths.targets(it):
                files |= {f"{root}/{path}": file for path, file in _below(fd, target)}
    return found.replace(files=files)


def controllers(layout: Layout) -> Iterator[str]:
    """Those that containers can be limited with."""
    for hierarchy in layout.hierarchies:
        yield from hierarchy.controllers
        if hierarchy.is_unified and layout.name == "unified":
            with open(f"{hierarchy.mount}/cgroup.controllers", encoding="ascii") as file:
                yield from file.read().split()


def cgroup_files(layout: Layout) -> Iterator[str]:
    """The files of some cgroup in each hierarchy: that at the top has others."""
    for hierarchy in layout.hierarchies:
        with os.scandir(hierarchy.mount) as entries:
            below = next((entry.path for entry in entries if entry.is_dir(follow_symlinks=False)), "")
        try:
            yield from (name for name in os.listdir(below) if "." in name) if below else ()
        except OSError:
            continue  # it has gone meanwhile


def _text(path: str) -> Iterator[tuple[str, str]]:
    if path and os.path.isfile(regular.found(path)):
        try:
            yield path, read(path)
        except (OSError, ValueError):
            return  # it cannot be read; that it is there is known


def _mistakes(path: str) -> Iterator[tuple[str, str]]:
    """The place of each mistake in the policy of system calls at `path`, and what it is."""
    if not (path and os.path.isfile(regular.found(path))):
        return
    from lxc.security.seccomp import compiler

    try:
        compiler.check(path)
    except ConfigError as error:
        for mistake in error.mistakes:
            number, _, what = mistake.removeprefix(f"{path}:").partition(": ")
            yield (f"{path}:{number}", what) if number.isdecimal() else (path, mistake.removeprefix(f"{path}: "))
    except LxcError:
        return  # it cannot be read by us, or not compiled here: that says nothing of what is in it


def _file(status: os.stat_result) -> File:
    kind = _KINDS.get(stat.S_IFMT(status.st_mode), "file")
    return File(kind, status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode))


def _at(path: str) -> Iterator[File | None]:
    """What is at `path`; nothing if that cannot be known."""
    try:
        yield _file(os.stat(regular.found(path)))
    except (FileNotFoundError, NotADirectoryError):
        yield None
    except OSError:
        return


def _below(root: int, target: str) -> Iterator[tuple[str, File | None]]:
    """What is at each part of the path `target` below `root`, up to the first that is a link or not there."""
    done = ""
    for name in target.split("/"):
        above, done = done, f"{done}/{name}" if done else name
        try:
            with closing(beneath.open(root, above, os.O_PATH | os.O_DIRECTORY)) as directory:
                file = _file(os.stat(name, dir_fd=directory, follow_symlinks=False))
        except (FileNotFoundError, NotADirectoryError):
            yield target, None
            return
        except OSError:
            return
        yield done, file
        if file.kind == "link":
            return
