"""Programs of others that do a part and end: nft, dnsmasq, mkfs, lvcreate."""

from __future__ import annotations

import os

from lxc.kernel import signals
from lxc.kernel.fs import closing
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_PATIENCE = 60  # seconds; dnsmasq tries an address before it is there
NOT_FOUND = 127
_MOST_SAID = 4000  # bytes


class Done(Record):
    """How a program ended, and what it said."""

    status: int
    output: str
    errors: str

    @property
    def complaint(self) -> str:
        """What it says first of what is wrong."""
        lines = [line.strip() for line in self.errors.splitlines() if line.strip(" ^")]
        return lines[0] if lines else f"exit code {self.status}"


def find(name: str) -> str:
    """The path of a program; "" if this host does not have it."""
    places = (f"{directory}/{name}" for directory in PATH)
    return next((path for path in places if os.access(path, os.X_OK) and os.path.isfile(path)), "")


def run(argv: Sequence[str], given: str = "") -> Done:
    """Run a program to its end, in an environment of ours; `given` is its standard input."""
    import subprocess

    environment = {"PATH": ":".join(PATH), "LC_ALL": "C"}
    try:
        done = subprocess.run(
            argv, input=given.encode(), capture_output=True, env=environment, check=False, timeout=_PATIENCE, cwd="/"
        )
    except OSError as error:
        return Done(NOT_FOUND, "", f"cannot run {argv[0]}: {error.strerror}")
    except subprocess.TimeoutExpired:
        return Done(NOT_FOUND, "", f"{argv[0]} has not come to an end in {_PATIENCE} s")
    return Done(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def spawn(path: str, argv: tuple[str, ...], environment: Mapping[str, str]) -> tuple[int, str]:
    """Run a program to its end without `subprocess`, which is slow to load: its exit code, -N if signal N has ended it, and its words.

    Of those the first _MOST_SAID bytes.  Raises OSError if there is no such program.
    """
    said, says = os.pipe2(os.O_CLOEXEC)
    with closing(said):
        with closing(says):
            actions = tuple((os.POSIX_SPAWN_DUP2, says, fd) for fd in (1, 2))
            child = os.posix_spawnp(
                path, argv, environment, file_actions=actions, setsigmask=(), setsigdef=signals.IGNORED_BY_PYTHON
            )
        words = b""
        while part := os.read(said, 4096):
            words = (words + part)[:_MOST_SAID]
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), words.decode(errors="replace")
