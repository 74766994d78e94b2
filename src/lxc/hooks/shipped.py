"""What the hooks that we ship (share/hooks) have in common: what they are told, and how they write into a root.

A root is its container's, and so hostile: nothing there is followed that is a
link, nothing opened that is no regular file.
"""

from __future__ import annotations

import os
import stat
import sys
from errno import ENOENT, ENOTDIR

from lxc import beneath
from lxc.errors import LxcError, Refused, UsageError, sentence
from lxc.kernel import fs
from lxc.kernel.fs import closing
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Callable, Sequence
    from typing import NoReturn

_TOLD = 3  # arguments that say what a hook is: NAME SECTION TYPE
_PERMISSIONS = 0o777


class Told(Record):
    """Why a hook is run: because of `type` ("clone") of the container `name`."""

    name: str
    section: str
    type: str
    rest: tuple[str, ...] = ()  # what else it was given as arguments

    def namespace(self, kind: str) -> str:
        """The file of the container's namespace of the `kind` "net", which a stop hook is told; "" if there is none."""
        for word in self.rest:
            if word.startswith(f"{kind}:"):
                return word.partition(":")[2]
        return os.environ.get(f"LXC_{kind.upper()}_NS", "")


def run(name: str, work: Callable[[], int]) -> int:
    """Do the work of the hook `name`: its exit status."""
    try:
        return work()
    except LxcError as error:
        say(name, *error.lines())
    except OSError as error:
        say(name, sentence(error))
    return 1


def say(name: str, first: str, *more: str) -> None:
    """Tell whoever keeps what hooks say: the container's log."""
    print("\n".join((f"{name}: {first}", *more)), file=sys.stderr, flush=True)


def told(words: Sequence[str]) -> Told | None:
    """What lxc.hook.version 1 tells in variables, 0 in arguments; None if neither does: somebody runs the hook by hand."""
    if os.environ.get("LXC_HOOK_VERSION") == "1" and "LXC_HOOK_TYPE" in os.environ:
        name, section, kind = (os.environ.get(f"LXC_{what}", "") for what in ("NAME", "HOOK_SECTION", "HOOK_TYPE"))
        return Told(name, section, kind, tuple(words))
    if len(words) < _TOLD or words[1] not in ("lxc", "net"):
        return None
    return Told(words[0], words[1], words[2], tuple(words[_TOLD:]))


def expected(hook: str, words: Sequence[str], *types: str) -> Told:
    """What the hook was told, if it is run as one of `types`.  Raises UsageError."""
    it = told(words)
    configured = " and ".join(f"lxc.hook.{kind} = {os.path.abspath(sys.argv[0])}" for kind in types)
    if it is None:
        usage = f"usage: {hook} NAME lxc {{{'|'.join(types)}}}"
        raise UsageError(f"not run by LXC; {usage}", hint=f"configure it: {configured}")
    if it.section != "lxc" or it.type not in types:
        what = f"lxc.hook.{it.type}" if it.section == "lxc" else f"a script ({it.type}) of a network device"
        raise UsageError(f"it is no use as {what}", hint=f"configure it: {configured}")
    return it


def parser(name: str, usage: str, description: str) -> ArgumentParser:
    """What reads the options of the hook `name`; a mistake among them is status 1."""
    from argparse import ArgumentParser

    class Parser(ArgumentParser):
        def error(self, message: str) -> NoReturn:
            self.print_usage(sys.stderr)
            self.exit(1, f"{self.prog}: {message}\n")

    return Parser(prog=name, usage=f"{name} {usage}", description=description)


def needed(variable: str) -> str:
    """The value of a variable that LXC gives its hooks.  Raises LxcError."""
    value = os.environ.get(variable, "")
    if not value:
        raise LxcError(f"{variable} is not set", hint="LXC sets it for its hooks; by hand, set it yourself")
    return value


class Root:
    """A directory that is a container's root, to read and write regular files below, by their paths without a leading slash."""

    def __init__(self, path: str) -> None:
        try:
            self.fd = os.open(path, os.O_PATH | os.O_DIRECTORY)
        except OSError as error:
            if error.errno in (ENOENT, ENOTDIR):
                hint = "this hook needs a root that is a directory"
                raise LxcError(f"the root {path} is no directory", hint=hint) from error
            raise

    def data(self, path: str) -> bytes | None:
        """What the file holds; None if there is none.  Raises OSError, Refused."""
        try:
            fd = beneath.open(self.fd, path, os.O_PATH | os.O_CLOEXEC)
        except OSError as error:
            if error.errno == ENOENT:
                return None
            raise
        with closing(fd):
            _check_regular(path, os.fstat(fd))
            with closing(os.open(f"/proc/self/fd/{fd}", os.O_RDONLY)) as file:
                return fs.contents(file)

    def names(self, path: str) -> list[str]:
        """What is in a directory; nothing is in one that there is not.  Raises OSError."""
        try:
            fd = beneath.open(self.fd, path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            if error.errno == ENOENT:
                return []
            raise
        with closing(fd):
            return sorted(os.listdir(fd))

    def make_directory(self, path: str) -> None:
        beneath.make_directory(self.fd, path)

    def replace(self, path: str, data: bytes) -> None:
        """Have `data` in the file, whole or not at all; it keeps its owner and permissions.

        A new one belongs to who has the directory that it is in.  Raises OSError, Refused.
        """
        above, _, name = path.rpartition("/")
        with closing(beneath.open(self.fd, above, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as directory:
            owner, mode = os.fstat(directory), 0o644
            try:
                with closing(beneath.open(self.fd, path, os.O_PATH | os.O_CLOEXEC)) as old:
                    owner = os.fstat(old)
                    _check_regular(path, owner)
                    mode = owner.st_mode & _PERMISSIONS
            except FileNotFoundError:
                pass
            beneath.replace_file(directory, name, data, (owner.st_uid, owner.st_gid), mode)


def _check_regular(path: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise Refused(f"/{path} of the container is no regular file", hint="it is left as it is")
