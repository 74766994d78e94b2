"""Unpacking archives with tar(1), which is relied on for keeping a hostile one within its directory.

It takes no member that is named with `..`, strips leading slashes, and makes
links that lead elsewhere only when everything else is there.  What it does
follow is a link that was there before: a root with such in it is refused.
"""

from __future__ import annotations

import os
import stat

from lxc import beneath, programs
from lxc.errors import LxcError, Refused, Unsupported, printable
from lxc.images.metadata import Container, filled
from lxc.kernel.fs import closing

_MOST_FILLED = 16 << 20  # bytes of a file in the root that has placeholders
_MOST_SHOWN = 3  # lines of what tar says


def unpack(archive: int, name: str, directory: int, into: str, *, excludes: str = "", everything: bool = True) -> None:
    """Unpack the file `archive` into an opened directory; `name` and `into` say which these are.

    `everything`: with owners and extended attributes as they are in the archive.  Raises LxcError.
    """
    import subprocess

    tar = programs.find("tar")
    if not tar:
        raise Unsupported(f"cannot unpack {name}: this host has no tar", hint="install tar and xz-utils")
    listed = os.memfd_create("excludes")
    with closing(listed):
        os.write(listed, os.fsencode(excludes if not excludes or excludes.endswith("\n") else f"{excludes}\n"))
        os.lseek(listed, 0, os.SEEK_SET)
        how = ("--numeric-owner", "--same-owner", "--same-permissions", "--xattrs", "--xattrs-include=*")
        argv = (
            tar, "--extract", f"--file=/proc/self/fd/{archive}", f"--directory=/proc/self/fd/{directory}",
            "--anchored", f"--exclude-from=/proc/self/fd/{listed}",
            *(how if everything else ("--no-same-owner", "--no-same-permissions")),
        )  # fmt: skip
        environment = {"PATH": ":".join(programs.PATH), "LC_ALL": "C", "XZ_DEFAULTS": "-T0"}
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
            pass_fds=(archive, directory, listed),
        )
    if done.returncode:
        said = [
            line for line in done.stderr.decode(errors="replace").split("\n") if line and "Exiting with" not in line
        ]
        shown = (
            printable("\n".join(f"  {line}" for line in said[:_MOST_SHOWN]), "\n\t") or f"exit status {done.returncode}"
        )
        raise LxcError(f"cannot unpack {name} into {into}:\n{shown}", hint=_remedy("\n".join(said)))


def _remedy(said: str) -> str:
    if "No space left on device" in said or "Disk quota exceeded" in said:
        return "make room there (with -B loop or lvm, --fssize makes it larger)"
    if "Cannot mknod" in said:
        return "a container with ids of its own can have no device nodes: take an image that is made for such (or excludes them)"
    if "Cannot exec" in said or "not found" in said:
        return "install the program that this archive is compressed with (xz-utils, zstd)"
    if "Member name contains" in said:
        return "the archive has names that lead out of the root: do not trust where it comes from"
    return "the archive is broken, or was made for something else: get it anew (lxc-download: --flush-cache)"


def check(root: int, path: str) -> None:
    """Raise Refused if a root that was there before has links in it: an archive would be unpacked through them."""
    for above, directories, names, fd in os.fwalk(".", dir_fd=root):
        for name in (*directories, *names):
            if stat.S_ISLNK(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode):
                where = os.path.normpath(f"{path}/{above}/{name}")
                raise Refused(
                    f"cannot unpack into {path}: {where} is a symbolic link, and links are not followed",
                    hint="remove it, or choose an empty or a new directory",
                )


def fill(root: int, container: Container, names: str) -> list[str]:
    """Fill in the placeholders of the files `names` (one a line) in the root.  Those that cannot be, each with the reason."""
    failures = []
    for name in filter(None, (line.strip() for line in names.split("\n"))):
        try:
            fd = beneath.open(root, name, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # an image of this kind may be without
        except (OSError, ValueError) as error:
            failures.append(f"{name}: {error.strerror if isinstance(error, OSError) else error}")
            continue
        with closing(fd):
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_FILLED:
                failures.append(f"{name}: no regular file of less than {_MOST_FILLED >> 20} MiB")
                continue
            with open(fd, "r+b", closefd=False) as file:
                before = file.read()
                after = os.fsencode(filled(os.fsdecode(before), container))
                if after != before:
                    file.seek(0)
                    file.write(after)
                    file.truncate()
    return failures
