"""A host of one's own, for what is made once a host: bridges, firewall rules, files in /run and /etc/lxc.

It is a mount and a network namespace. Its /run and /etc/lxc are empty, its /sys is that of its network, its users are ours and those
below. Nothing that is done in it reaches the machine's own network or files.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

USERS = {"alice": 61001, "bob": 61002, "carol": 70001}  # carol's uid is too long for a device's name
GROUPS = {"team": 61100}
PATIENCE = 60

_SET_UP = """
mount -t tmpfs -o mode=755 none {stage} && mkdir {stage}/lxc {stage}/default {stage}/bin {stage}/lib &&
cp /etc/passwd /etc/group {stage} && printf '{passwd}' >>{stage}/passwd && printf '{group}' >>{stage}/group &&
mount --bind {stage}/passwd /etc/passwd && mount --bind {stage}/group /etc/group &&
mount --bind {stage}/lxc /etc/lxc && mount --bind {stage}/default /etc/default &&
mount -t tmpfs -o mode=755 none /run && mount -t tmpfs -o mode=755 none /var/lib/misc &&
mkdir {stage}/sys && mount -t sysfs none {stage}/sys &&
for below in fs/cgroup kernel/security; do
    [ ! -d /sys/$below ] || mount --rbind /sys/$below {stage}/sys/$below
done &&
mount --move {stage}/sys /sys &&
ip link set lo up && echo ready && exec sleep infinity
"""


class Host:
    """Use it as a context; all that was started in it is ended with it."""

    def __init__(self) -> None:
        self.stage = Path(tempfile.mkdtemp(prefix="host", dir="/tmp"))
        self.stage.chmod(0o755)
        passwd = "".join(rf"{name}:x:{uid}:{uid}::/:/bin/sh\n" for name, uid in USERS.items())
        group = "".join(rf"{name}:x:{gid}:\n" for name, gid in GROUPS.items())
        script = _SET_UP.format(stage=self.stage, passwd=passwd, group=group)
        self._started: list[subprocess.Popen[str]] = []
        self.process = self.popen("unshare", "--mount", "--net", "--propagation", "private", "sh", "-ec", script)
        assert self._line(self.process) == "ready"

    def __enter__(self) -> Host:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path("/run/lxc/forkserver"), ignore_errors=True)  # a fork server whose socket is gone ends
        for process in reversed(self._started):
            process.kill()
            if process.stdout:
                process.stdout.close()
            process.wait()
        shutil.rmtree(self.stage)

    def path(self, path: str) -> Path:
        """Where `path`, absolute in this host, is seen from outside."""
        return Path(f"/proc/{self.process.pid}/root{path}")

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        self.path(path).parent.mkdir(parents=True, exist_ok=True)
        self.path(path).write_text(text)
        self.path(path).chmod(mode)

    def argv(self, *command: str, user: str = "root", groups: tuple[str, ...] = ()) -> list[str]:
        """How to run `command` as a user of this host."""
        enter = ["nsenter", f"--target={self.process.pid}", "--mount", "--net", "--wd=/"]
        if user != "root":
            member = ",".join(str(GROUPS[group]) for group in groups)
            enter += ["setpriv", f"--reuid={USERS[user]}", f"--regid={USERS[user]}"]
            enter += [f"--groups={member}" if member else "--clear-groups", "--"]
        return [*enter, *command]

    def run(
        self, *command: str, user: str = "root", groups: tuple[str, ...] = (), **options: object
    ) -> subprocess.CompletedProcess[str]:
        defaults = {"capture_output": True, "text": True, "timeout": PATIENCE}
        if "input" not in options:
            defaults["stdin"] = subprocess.DEVNULL
        return subprocess.run(self.argv(*command, user=user, groups=groups), **defaults | options)  # type: ignore[call-overload,no-any-return]

    def ok(self, *command: str, user: str = "root", **options: object) -> str:
        done = self.run(*command, user=user, **options)  # type: ignore[arg-type]
        assert done.returncode == 0, f"{done.args}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def popen(self, *command: str, **options: object) -> subprocess.Popen[str]:
        defaults = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        process = subprocess.Popen(command, **defaults | options)  # type: ignore[call-overload]
        self._started.append(process)
        return process  # type: ignore[no-any-return]

    def namespace(self, *unshare: str, user: str = "root", groups: tuple[str, ...] = ()) -> int:
        """The pid of a process in namespaces of its own: what `unshare` makes of its options."""
        words = ("unshare", *unshare, "sh", "-c", "echo ready; exec sleep infinity")
        process = self.popen(*self.argv(*words, user=user, groups=groups))
        assert self._line(process) == "ready"
        return process.pid

    def links(self, pid: int = 0) -> list[str]:
        """The names of the devices of this host, or of the network namespace of a process."""
        inside = ("nsenter", f"--target={pid}", "--net") if pid else ()
        lines = self.ok(*inside, "ip", "-o", "link").splitlines()
        return [line.split()[1].partition("@")[0].rstrip(":") for line in lines]

    @staticmethod
    def _line(process: subprocess.Popen[str]) -> str:
        assert process.stdout
        return process.stdout.readline().rstrip("\n")
