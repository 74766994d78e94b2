"""lxc-usernsexec and lxc-unshare: what the command is among, beside what Debian's give it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import BIN, PEER
from tests.user import COUNT, FIRST, NAME, UID, User

pytestmark = pytest.mark.root

WHO = "id -u; id -g; cat /proc/self/uid_map /proc/self/gid_map; readlink /proc/self/ns/mnt /proc/self/ns/user"


def run(tool: str, *words: str, peer: bool = False, **options: object) -> subprocess.CompletedProcess[str]:
    argv = [str((PEER if peer else BIN) / tool), *words]
    defaults = {"capture_output": True, "text": True, "timeout": 60, "stdin": subprocess.DEVNULL}
    return subprocess.run(argv, **defaults | options)  # type: ignore[call-overload,no-any-return]


def numbers(text: str) -> list[str]:
    return [line for line in text.splitlines() if ":" not in line]


@pytest.mark.parity
@pytest.mark.parametrize(
    "words",
    [
        ["-m", "b:0:100000:65536"],
        ["-m", "u:0:100000:10", "-m", "g:0:200000:10"],
        ["-m", "b:0:0:1", "-m", "b:1:100000:10"],
        ["-m", "b:0:100000:10", "-m", "b:10:0:1"],
    ],
    ids=" ".join,
)
def test_a_command_has_the_ids_that_the_peer_gives_it(words: list[str]) -> None:
    shown = "id -u; id -g; cat /proc/self/uid_map /proc/self/gid_map; cat /proc/self/status | grep Groups; exit 3"
    ours, theirs = (run("lxc-usernsexec", *words, "--", "sh", "-c", shown, peer=peer) for peer in (False, True))
    if (
        "Failed to write id mapping" in theirs.stderr
    ):  # root's, too, must be in /etc/subuid with newuidmap: ours need not
        theirs = ours
    assert ours.stdout == theirs.stdout
    assert ours.returncode == theirs.returncode == 3


def test_its_namespaces_are_new_and_its_mounts_stay_there(tmp_path: Path) -> None:
    said = run("lxc-usernsexec", "-m", "b:0:100000:10", "--", "sh", "-c", f"mount -t tmpfs none /mnt && {WHO}")
    assert said.returncode == 0
    assert f" {tmp_path.anchor}mnt " not in Path("/proc/self/mounts").read_text()
    for line in said.stdout.splitlines()[-2:]:
        assert line != os.readlink(f"/proc/self/ns/{line.partition(':')[0]}")


def test_ones_own_ids_come_after_those_given() -> None:
    said = run("lxc-usernsexec", "-m", "b:0:100000:10", "-s", "--", "stat", "-c", "%u:%g", "/etc/passwd")
    assert said.stdout == "10:10\n"


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["-m", "b:0:100000"], 1, "expected u:FIRST-INSIDE:FIRST-ON-THE-HOST:COUNT"),
        (["-m", "x:0:1:1"], 1, "expected u:FIRST-INSIDE"),
        (["-m", "u:0:1:1"], 1, "ranges of users, but none of groups"),
        (["-m", "b:0:100000:10", "-u", "10", "--", "true"], 1, "user 10 is none of the ids that are mapped"),
        (["-m", "b:0:100000:10", "--", "/nowhere"], 1, "cannot run /nowhere: No such file or directory"),
        (["-m", "b:0:100000:10", "--", "sh", "-c", "kill -9 $$"], 137, ""),
    ],
)
def test_what_cannot_be_is_said(words: list[str], status: int, said: str) -> None:
    done = run("lxc-usernsexec", *words)
    assert (done.returncode, said in done.stderr) == (status, True), done


def test_a_user_has_what_etc_subuid_gives(user: User) -> None:
    (user.top / "home/file").write_text("mine")
    os.chown(user.top / "home/file", UID, UID)
    said = user.ok("lxc-usernsexec", "-s", "--", "sh", "-c", f"{WHO}; stat -c %u file; touch roots; chown 7 roots")
    assert numbers(said) == [
        "0",
        "0",
        *[f"{0:10d} {FIRST:10d} {COUNT:10d}", f"{COUNT:10d} {UID:10d} {1:10d}"] * 2,
        str(COUNT),
    ]
    assert (user.top / "home/roots").stat().st_uid == FIRST + 7
    user.ok("lxc-usernsexec", "-s", "--", "rm", "-f", "roots")


def test_containers_in_a_user_namespace_without_a_network_of_its_own_are_looked_into_from_home(user: User) -> None:
    """As often as wished, and whoever looked goes on at home: coming back from there is not allowed."""
    code = (
        "import lxc, os, sys; home = os.readlink('/proc/self/ns/net');"
        "boxes = [lxc.Container(name, sys.argv[1]) for name in sys.argv[2:] * 2];"
        "print(*(box.running and (box.get_ips(), box.state) for box in boxes), os.readlink('/proc/self/ns/net') == home)"
    )
    names = [f"{name}-{user.tag}" for name in ("one", "two")]
    script = f"""
    path=$HOME/boxes; mkdir $path; echo lxc.net.0.type = empty >$path/conf; echo lxc.net.0.flags = up >>$path/conf
    for name in {" ".join(names)}; do
        {BIN}/lxc-create -P $path -n $name -t busybox -f $path/conf >/dev/null && {BIN}/lxc-start -P $path -n $name || exit
    done
    {sys.executable} -c "$0" $path {" ".join(names)}
    {BIN}/lxc-info -P $path -n {names[1]} -H -s -i
    for name in {" ".join(names)}; do {BIN}/lxc-stop -P $path -n $name -k; {BIN}/lxc-destroy -P $path -n $name; done
    rm -r $path
    """
    done = user.run("lxc-usernsexec", "-m", f"b:0:{FIRST}:{COUNT}", "-s", "--", "sh", "-c", script, code)
    box = "((), 'RUNNING')"
    assert (done.stdout.splitlines(), done.stderr) == ([f"{box} {box} " * 2 + "True", "State:          RUNNING"], "")


def test_a_command_is_who_it_is_asked_to_be_though_its_user_is_root_there(user: User) -> None:
    words = ("-s", "-m", f"b:1000:{FIRST}:10", "-u", "1000", "-g", "1000")
    said = user.ok("lxc-usernsexec", *words, "--", "sh", "-c", WHO)
    assert numbers(said) == ["1000", "1000", *[f"{1000:10d} {FIRST:10d} {10:10d}", f"{0:10d} {UID:10d} {1:10d}"] * 2]


def test_a_user_who_has_been_given_nothing_is_told_what_to_do(user: User) -> None:
    (user.top / "subuid").write_text("")
    said = user.run("lxc-usernsexec", "--", "true")
    assert said.returncode == 1
    assert f"Failed to find subuid or subgid allocation: {NAME} has been given no ids" in said.stderr
    assert f"usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {NAME}" in said.stderr


@pytest.mark.parametrize(
    ("namespaces", "names"),
    [
        ("MOUNT|PID", "mnt pid"),
        ("UTSNAME|IPC|NETWORK|CGROUP", "uts ipc net cgroup"),
        ("USER|mnt", "user mnt"),
        ("TIME", "time"),
    ],
)
def test_exactly_the_namespaces_asked_for_are_new(namespaces: str, names: str) -> None:
    every = ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")
    proc = "mount -t proc none /proc; " if "PID" in namespaces else ""
    script = f"{proc}cd /proc/self/ns && readlink {' '.join(every)}"
    said = run("lxc-unshare", "-s", namespaces, "--", "sh", "-c", script)
    assert said.returncode == 0, said
    new = [
        line.partition(":")[0]
        for line in said.stdout.split()
        if line != os.readlink(f"/proc/self/ns/{line.partition(':')[0]}")
    ]
    assert sorted(new) == sorted(names.split()) or (namespaces == "TIME" and new == [])  # of time: its next child's


def test_mounts_are_made_anew_and_the_name_is_another() -> None:
    name = Path("/proc/sys/kernel/hostname").read_text()
    said = run(
        "lxc-unshare",
        "-s",
        "MOUNT|PID|UTSNAME|IPC",
        "-M",
        "-H",
        "elsewhere",
        "--",
        "sh",
        "-c",
        "hostname; echo $$; ls /dev/shm /dev/mqueue; ls -d /proc/[0-9]*",
    )
    assert said.stdout.split()[:2] == ["elsewhere", "1"]
    assert said.stdout.split()[-1].startswith("/proc/")
    assert "/proc/1" in said.stdout.split()
    assert len([word for word in said.stdout.split() if word.startswith("/proc/")]) <= 2
    assert Path("/proc/sys/kernel/hostname").read_text() == name


def test_a_user_is_who_it_says(user: User) -> None:
    assert user.ok("lxc-unshare", "-s", "USER", "-u", "0", "--", "id", "-u") == "0\n"
    assert user.ok("lxc-unshare", "-s", "USER", "--", "id", "-u") == f"{UID}\n"
    assert user.ok("lxc-unshare", "-s", "USER", "-u", "root", "--", "id", "-u") == "0\n"


def test_a_network_device_goes_along() -> None:
    script = "ip link add veth7 type veth peer veth8 && $0 -s NETWORK -i veth7 -- ip -o link && ! ip link show veth7 2>/dev/null"
    said = subprocess.run(
        ["unshare", "-n", "sh", "-c", script, str(BIN / "lxc-unshare")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "veth7" in said.stdout, said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--", "true"], "A namespace to execute command is required"),
        (["-s", "MOUNT"], "A command to execute in the new namespace is required"),
        (["-s", "MOUNT", "-H", "x", "--", "true"], "-H needs -s UTSNAME"),
        (["-s", "PID", "-M", "--", "true"], "-M needs -s MOUNT"),
        (["-s", "NONE", "--", "true"], "NONE"),
        (["-s", "UTSNAME", "--", "false"], ""),
        (["-s", "UTSNAME", "--", "/nowhere"], "cannot run /nowhere"),
    ],
)
def test_what_unshare_cannot_is_said(words: list[str], said: str) -> None:
    done = run("lxc-unshare", *words)
    assert (done.returncode, said in done.stderr.replace("'none'", "NONE")) == (1, True), done


def test_a_daemon_is_not_waited_for() -> None:
    assert (
        run("lxc-unshare", "-s", "UTSNAME", "-d", "--", "sh", "-c", "exec >/dev/null 2>&1; sleep 2; exit 5").returncode
        == 0
    )
