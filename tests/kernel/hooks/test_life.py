"""Hooks of real containers: in which order they run, what they are told, where they are, and what a failure leaves."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from tests.conftest import Lxc, until

pytestmark = pytest.mark.root

ORDER = ["pre-start", "pre-mount", "mount", "autodev", "start", "start-host", "stop", "post-stop"]
BEFORE = ORDER[:6]  # the first process runs
NAMESPACES = ("mnt", "pid", "uts", "ipc", "net", "cgroup")
RECORD = """#!/bin/sh
out={out}/
type=${{3:-$LXC_HOOK_TYPE}}
echo "$type" >>$out/order
{{ echo "args $*"; echo "pid $$"
for n in mnt pid uts ipc net cgroup; do echo "ns-$n $(readlink /proc/self/ns/$n)"; done
env; }} >$out/$type
"""


class Recorded:
    """A container whose hooks record that they ran; those of the host in one directory, its own start hook in another."""

    def __init__(self, lxc: Lxc) -> None:
        self.lxc, self.name, self.out = lxc, f"box-{lxc.tag}", lxc.path / "out"
        self.inside = lxc.path / self.name / "rootfs/out"
        for name in ("bin", "dev", "etc", "proc", "sys", "tmp", "out"):
            (self.inside.parent / name).mkdir(parents=True)
        busybox = self.inside.parent / "bin/busybox"
        shutil.copy("/bin/busybox", busybox)
        for name in ("sh", "env", "readlink", "sleep", "reboot", "cat", "grep"):
            (busybox.parent / name).symlink_to("busybox")
        self.out.mkdir()
        self.host_hook = self.script(lxc.path / "hook", RECORD.format(out=self.out))
        self.script(self.inside.parent / "bin/hook", RECORD.format(out="/out"))

    @staticmethod
    def script(path: Path, text: str) -> Path:
        path.write_text(text)
        path.chmod(0o755)
        return path

    def configure(self, *more: str, **instead: str) -> None:
        """Write a configuration with a hook of each kind, and `instead` of those of a kind (pre_start) another."""
        lines = ["lxc.net.0.type = empty", "lxc.mount.auto = proc sys", "lxc.init.cmd = /bin/sleep 600"]
        lines.append(f"lxc.rootfs.path = dir:{self.inside.parent}")
        for kind in ORDER:
            command = instead.get(kind.replace("-", "_"), "/bin/hook" if kind == "start" else str(self.host_hook))
            lines.append(f"lxc.hook.{kind} = {command}")
        self.lxc.config(self.name).write_text("\n".join((*lines, *more)) + "\n")

    def order(self) -> list[str]:
        """What has run on the host, since the last time."""
        file = self.out / "order"
        if not file.exists():
            return []
        lines = file.read_text().split()
        file.unlink()
        return lines

    def told(self, kind: str) -> dict[str, str]:
        text = ((self.inside if kind == "start" else self.out) / kind).read_text()
        words = (line.replace("=", " ", 1) if "=" in line.partition(" ")[0] else line for line in text.splitlines())
        return {name: value for name, _, value in (line.partition(" ") for line in words)}


@pytest.fixture
def recorded(lxc: Lxc) -> Recorded:
    it = Recorded(lxc)
    it.configure()
    return it


def own(kind: str) -> str:
    return os.readlink(f"/proc/self/ns/{kind}")


def test_they_run_in_the_order_of_a_life(recorded: Recorded) -> None:
    recorded.lxc.start(recorded.name)
    assert recorded.order() == [kind for kind in BEFORE if kind != "start"]
    assert recorded.told("start")["args"] == f"{recorded.name} lxc start"
    recorded.lxc.ok("lxc-stop", "-n", recorded.name, "-k")
    assert recorded.order() == ["stop", "post-stop"]


def test_the_host_s_are_in_its_namespaces_and_the_others_in_the_container_s(recorded: Recorded) -> None:
    recorded.lxc.start(recorded.name)
    pid = recorded.lxc.init_pid(recorded.name)
    theirs = {kind: os.readlink(f"/proc/{pid}/ns/{kind}") for kind in NAMESPACES}
    recorded.lxc.ok("lxc-stop", "-n", recorded.name, "-k")
    for hook in ORDER:
        is_inner = hook in ("pre-mount", "mount", "autodev", "start")
        told = recorded.told(hook)
        expected = theirs if is_inner else {kind: own(kind) for kind in NAMESPACES}
        assert {kind: told[f"ns-{kind}"] for kind in NAMESPACES} == expected, hook


def test_version_0_is_told_in_arguments_version_1_in_variables(recorded: Recorded) -> None:
    recorded.lxc.start(recorded.name)
    recorded.lxc.ok("lxc-stop", "-n", recorded.name, "-k")
    for kind in ORDER:
        told = recorded.told(kind)
        assert told["args"].split()[:3] == [recorded.name, "lxc", kind]
        assert told["LXC_HOOK_VERSION"] == "0"
        assert "LXC_HOOK_TYPE" not in told
    recorded.configure("lxc.hook.version = 1")
    recorded.lxc.start(recorded.name)
    recorded.lxc.ok("lxc-stop", "-n", recorded.name, "-k")
    for kind in ORDER:
        told = recorded.told(kind)
        assert (told["args"], told["LXC_HOOK_TYPE"], told["LXC_HOOK_SECTION"]) == ("", kind, "lxc")


def test_all_are_told_about_the_container(recorded: Recorded) -> None:
    recorded.configure("lxc.console.logfile = /dev/null")
    recorded.lxc.start(recorded.name)
    recorded.lxc.ok("lxc-stop", "-n", recorded.name, "-k")
    for kind in ORDER:
        assert (
            recorded.told(kind).items()
            >= {
                "LXC_NAME": recorded.name,
                "LXC_CONFIG_FILE": str(recorded.lxc.config(recorded.name)),
                "LXC_ROOTFS_PATH": str(recorded.inside.parent),
                "LXC_ROOTFS_MOUNT": str(recorded.inside.parent),
                "LXC_CONSOLE_LOGPATH": "/dev/null",
                "LXC_CGNS_AWARE": "1",
                "LXC_LOG_LEVEL": "ERROR",
            }.items()
        ), kind


def test_only_those_inside_are_told_its_variables_and_only_those_of_the_host_the_starter_s(recorded: Recorded) -> None:
    recorded.configure("lxc.environment = A=1", "lxc.environment.hooks = B=2", "lxc.environment.runtime = C=3")
    recorded.lxc.ok("lxc-start", "-n", recorded.name, env={**os.environ, "STARTER": "me"})
    recorded.lxc.ok("lxc-stop", "-n", recorded.name, "-k")
    for kind in ORDER:
        told = recorded.told(kind)
        is_inner = kind in ("pre-mount", "mount", "autodev", "start")
        assert (told.get("A"), told.get("B"), told.get("C")) == (("1", "2", None) if is_inner else (None,) * 3), kind
        assert told.get("STARTER") == (None if kind == "start" else "me"), kind


def test_a_stop_hook_reaches_the_namespaces_that_no_process_is_in_any_more(recorded: Recorded) -> None:
    nets = recorded.out / "nets"
    look = recorded.script(
        recorded.lxc.path / "look", f'#!/bin/sh\nreadlink "$LXC_NET_NS" "${{8#net:}}" >{nets}\necho $LXC_PID >>{nets}\n'
    )
    recorded.configure(stop=str(look))
    recorded.lxc.start(recorded.name)
    pid = recorded.lxc.init_pid(recorded.name)
    net = os.readlink(f"/proc/{pid}/ns/net")
    recorded.lxc.ok("lxc-stop", "-n", recorded.name, "-k")
    assert nets.read_text().split() == [net, net, str(pid)]
    assert recorded.told("post-stop")["LXC_PID"] == str(pid)
    assert "LXC_NET_NS" not in recorded.told("post-stop")


def test_at_a_reboot_all_run_again_and_know_it(recorded: Recorded) -> None:
    recorded.script(
        recorded.inside.parent / "bin/once", "#!/bin/sh\n[ -e /again ] && exec sleep 600\n>/again\nexec reboot -f\n"
    )
    recorded.configure("lxc.init.cmd = /bin/once")
    recorded.lxc.start(recorded.name)
    first = [kind for kind in BEFORE if kind != "start"]
    until(lambda: (recorded.out / "order").read_text().split()[-1:] == ["start-host"]
          and (recorded.out / "order").read_text().split().count("start-host") == 2, "it has rebooted")  # fmt: skip
    until(lambda: recorded.lxc.state(recorded.name) == "RUNNING", "it runs again")
    assert recorded.order() == [*first, "stop", "post-stop", *first]
    assert [recorded.told(kind)["LXC_TARGET"] for kind in ORDER] == ["reboot"] * 8
    recorded.lxc.ok("lxc-stop", "-n", recorded.name, "-k")
    assert [recorded.told(kind)["LXC_TARGET"] for kind in ("stop", "post-stop")] == ["stop", "stop"]


def test_a_post_stop_hook_that_fails_keeps_it_from_rebooting(recorded: Recorded) -> None:
    recorded.script(recorded.inside.parent / "bin/again", "#!/bin/sh\nexec reboot -f\n")
    recorded.configure("lxc.init.cmd = /bin/again", post_stop="false")
    recorded.lxc.start(recorded.name)
    recorded.lxc.ok("lxc-wait", "-n", recorded.name, "-s", "STOPPED", "-t", "20")
    assert recorded.order().count("pre-start") == 1


@pytest.mark.parametrize("kind", BEFORE)
def test_a_start_fails_with_its_hook_and_the_last_hooks_clean_up(recorded: Recorded, kind: str) -> None:
    recorded.script(recorded.lxc.path / "bad", "#!/bin/sh\necho no room; echo giving up >&2; exit 3\n")
    shutil.copy(recorded.lxc.path / "bad", recorded.inside.parent / "bin/bad")
    bad = "/bin/bad" if kind == "start" else f"{recorded.lxc.path}/bad"
    recorded.configure(**{kind.replace("-", "_"): bad})
    done = recorded.lxc.run("lxc-start", "-n", recorded.name)
    line = 5 + ORDER.index(kind)
    assert done.returncode == 1
    assert done.stderr == (
        f"lxc-start: {recorded.name}: cannot run the {kind} hook {bad}: "
        f"it ended with status 3; it said: no room / giving up\n"
        f"  set in {recorded.lxc.config(recorded.name)}:{line}\n"
    )
    before = [earlier for earlier in ORDER[: ORDER.index(kind)] if earlier != "start"]
    assert recorded.order() == [*before, "stop", "post-stop"]
    assert recorded.lxc.leftovers() == []


@pytest.mark.parametrize("kind", ["stop", "post-stop"])
def test_a_hook_that_fails_at_the_end_is_only_logged(recorded: Recorded, kind: str) -> None:
    recorded.configure(**{kind.replace("-", "_"): "false"})
    log = recorded.lxc.path / "log"
    recorded.lxc.start(recorded.name, "-o", str(log))
    recorded.lxc.ok("lxc-stop", "-n", recorded.name, "-k")
    assert f"cannot run the {kind} hook false: it ended with status 1" in log.read_text()
    assert recorded.order()[-1] == ("post-stop" if kind == "stop" else "stop")


def test_what_is_mounted_before_the_root_is_there_only_the_container_sees(recorded: Recorded) -> None:
    source = recorded.lxc.path / "source"
    source.mkdir()
    (source / "file").touch()
    recorded.configure(
        pre_mount=f"mount --bind {source} {recorded.inside.parent}/tmp #", mount='touch "$LXC_ROOTFS_MOUNT/tmp/mine" #'
    )
    recorded.lxc.start(recorded.name)
    assert sorted(os.listdir(source)) == ["file", "mine"]
    assert os.listdir(recorded.inside.parent / "tmp") == []
    assert recorded.lxc.attach(recorded.name, "/bin/busybox", "ls", "/tmp").split() == ["file", "mine"]


def test_a_start_hook_cannot_look_into_the_init_that_waits_beside_it(recorded: Recorded) -> None:
    recorded.script(
        recorded.inside.parent / "bin/spy",
        "#!/bin/sh\nreadlink /proc/1/exe && echo 1 >/out/seen\n(: </proc/1/mem) && echo 2 >/out/seen\n"
        "readlink /proc/1/fd/0 && echo 3 >/out/seen\ngrep -q STARTER /proc/1/environ && echo 4 >/out/seen\n"
        "readlink /proc/self/exe >/out/self\nexit 0\n",
    )
    recorded.configure(start="/bin/spy")
    recorded.lxc.ok("lxc-start", "-n", recorded.name, env={**os.environ, "STARTER": "me"})
    assert (recorded.inside / "self").read_text() == "/bin/busybox\n"
    assert not (recorded.inside / "seen").exists()


def test_a_start_hook_runs_without_what_the_container_may_not(recorded: Recorded) -> None:
    recorded.script(
        recorded.inside.parent / "bin/status", "#!/bin/sh\ngrep -E 'CapBnd|NoNew' /proc/self/status >/out/status\n"
    )
    recorded.configure("lxc.cap.drop = sys_time", "lxc.no_new_privs = 1", start="/bin/status")
    recorded.lxc.start(recorded.name)
    _, bounding, _, no_new_privs = (recorded.inside / "status").read_text().split()
    assert int(bounding, 16) & (1 << 25) == 0
    assert no_new_privs == "1"


@pytest.mark.parametrize("target", ["/etc/passwd", "/bin/nothing", "../../../../../../../../bin/true"])
def test_a_start_hook_must_be_in_the_container_itself(recorded: Recorded, target: str) -> None:
    (recorded.inside.parent / "bin/lost").symlink_to(target)
    recorded.configure(start="/bin/lost")
    done = recorded.lxc.run("lxc-start", "-n", recorded.name)
    assert done.stderr == (
        f"lxc-start: {recorded.name}: cannot run the start hook /bin/lost: it is not in the container\n"
        f"  set in {recorded.lxc.config(recorded.name)}:9\n"
        "  lxc.hook.start is a program of the container, its path is one in there; lxc.hook.start-host is one of the host\n"
    )


def test_a_start_hook_needs_a_shell_in_the_container(recorded: Recorded) -> None:
    (recorded.inside.parent / "bin/sh").unlink()
    recorded.configure(start="/bin/busybox true")
    done = recorded.lxc.run("lxc-start", "-n", recorded.name)
    assert (
        "cannot run the start hook /bin/busybox true: /bin/sh of the container: No such file or directory"
        in done.stderr
    )


def test_stop_and_post_stop_hooks_may_ask_for_the_state(recorded: Recorded) -> None:
    ask = recorded.script(
        recorded.lxc.path / "ask",
        f'#!/bin/sh\n{recorded.lxc.bin}/lxc-info -P {recorded.lxc.path} -n "$1" -s -H >{recorded.out}/state.$3\n',
    )
    recorded.configure(stop=str(ask), post_stop=str(ask))
    recorded.lxc.start(recorded.name)
    recorded.lxc.ok("lxc-stop", "-n", recorded.name, "-k")
    assert [(recorded.out / f"state.{kind}").read_text() for kind in ("stop", "post-stop")] == ["STOPPING\n"] * 2


def test_what_a_hook_leaves_running_does_not_keep_the_container_s_cgroups(recorded: Recorded) -> None:
    recorded.configure(start_host=f"sh -c 'sleep 600 & echo $! >{recorded.out}/sleeper' #")
    recorded.lxc.start(recorded.name)
    recorded.lxc.ok("lxc-stop", "-n", recorded.name, "-k")
    pid = int((recorded.out / "sleeper").read_text())
    try:
        assert f".{recorded.name}" not in Path(f"/proc/{pid}/cgroup").read_text()
        until(lambda: recorded.lxc.leftovers() == [], "nothing is left")
    finally:
        os.kill(pid, 9)


def test_they_are_told_of_the_configuration_that_is_read(recorded: Recorded) -> None:
    other = recorded.lxc.path / "other"
    recorded.lxc.config(recorded.name).rename(other)
    recorded.lxc.start(recorded.name, "-f", str(other))
    assert recorded.told("pre-start")["LXC_CONFIG_FILE"] == str(other)
