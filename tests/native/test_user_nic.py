"""lxc-user-nic, installed setuid in a host of its own: who gets a device, and what nobody gets.

The names of the tests of past holes of LXC's carry their numbers.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import as_often, until
from tests.hosts import USERS, Host

import lxc

pytestmark = pytest.mark.root

OURS = Path(lxc.__file__).parent / "libexec/lxc-user-nic"
ALLOWED = "alice veth br0 2\nbob veth br0 2\n@team veth none 2\nalice veth nobr 5\n"
ANSWER = re.compile(r"(\S+):(\d+):(\S+):(\d+)\n")
FAKE_OVS = '#!/bin/sh\necho "$@" >>/run/ovs\nenv >/run/ovs-environment\n[ ! -e /run/ovs-fails ]\n'


class UserNic:
    """A host with a bridge br0, and the program in it."""

    def __init__(self, host: Host, program: Path = OURS) -> None:
        self.host, self.program = host, f"{host.stage}/lxc-user-nic"
        shutil.copyfile(program, host.path(self.program))
        host.path(self.program).chmod(0o4755)
        host.write("/etc/lxc/lxc-usernet", ALLOWED)
        host.ok("ip", "link", "add", "br0", "mtu", "1400", "type", "bridge")
        host.ok("ip", "link", "set", "br0", "up")
        host.ok("mount", "--bind", f"/proc/{host.process.pid}", "/proc/1")  # whose network is the host's

    def container(self, user: str = "alice") -> int:
        """A process of the user's in a user and network namespace of its own."""
        return self.host.namespace("--user", "--map-root-user", "--net", user=user)

    def call(
        self, *words: str, user: str = "alice", groups: tuple[str, ...] = (), **options: object
    ) -> subprocess.CompletedProcess[str]:
        return self.host.run(self.program, *words, user=user, groups=groups, **options)

    def create(
        self, pid: int | str, bridge: str = "br0", *nic: str, user: str = "alice", groups: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        return self.call("create", "/var/lib/lxc", "c", str(pid), "veth", bridge, *nic, user=user, groups=groups)

    def made(self, pid: int, bridge: str = "br0", *nic: str, user: str = "alice", groups: tuple[str, ...] = ()) -> str:
        """The host's end of a new device."""
        done = self.create(pid, bridge, *nic, user=user, groups=groups)
        match = ANSWER.fullmatch(done.stdout)
        assert match, done
        assert (done.returncode, done.stderr) == (0, "")
        return match[3]

    def refused(
        self, pid: int | str, bridge: str = "br0", *nic: str, user: str = "alice", groups: tuple[str, ...] = ()
    ) -> str:
        """What it says when it makes nothing."""
        before, notes = self.host.links(), self.notes()
        done = self.create(pid, bridge, *nic, user=user, groups=groups)
        assert (done.returncode, done.stdout) == (1, ""), done
        assert self.host.links() == before
        assert self.notes() == notes
        return done.stderr

    def delete(
        self, netns: str, name: str, bridge: str = "br0", user: str = "alice", groups: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        return self.call("delete", "/var/lib/lxc", "c", netns, "veth", bridge, name, user=user, groups=groups)

    def notes(self) -> list[str]:
        file = self.host.path("/run/lxc/nics")
        return file.read_text().splitlines() if file.exists() else []

    def allow(self, text: str) -> None:
        self.host.write("/etc/lxc/lxc-usernet", text)

    def fake_ovs(self) -> None:
        self.host.write("/run/bin/ovs-vsctl", FAKE_OVS, 0o755)
        self.host.ok("mount", "--bind", "/run/bin", "/usr/local/sbin")


@pytest.fixture
def nic() -> Iterator[UserNic]:
    with Host() as host:
        yield UserNic(host)


# ---- what it makes -----------------------------------------------------------------------------------------------------


def test_a_user_gets_a_device_on_a_bridge_that_he_may_use_and_traffic_flows_through_it(nic: UserNic) -> None:
    pid = nic.container()
    done = nic.create(pid, "br0", "net7")
    inside, index, host, host_index = ANSWER.fullmatch(done.stdout).groups()  # type: ignore[union-attr]
    assert inside == "net7"
    assert re.fullmatch(r"veth61001_[a-zA-Z0-9]{4}", host)
    assert nic.notes() == [f"alice veth br0 {host}"]
    outside = nic.host.ok("ip", "-o", "-d", "link", "show", host)
    assert outside.startswith(f"{host_index}: {host}@if{index}: ")
    assert re.search(r"[<,]UP[,>].* mtu 1400 .* master br0 .* link/ether fe:", outside)
    assert f"alias lxc-user-nic for uid {USERS['alice']}" in outside
    assert nic.host.ok("cat", f"/proc/sys/net/ipv6/conf/{host}/disable_ipv6") == "1\n"
    enter = ("nsenter", f"--target={pid}", "--net")
    assert f"{index}: net7@if{host_index}: <BROADCAST,MULTICAST> mtu 1400" in nic.host.ok(*enter, "ip", "-o", "link")
    nic.host.ok("ip", "address", "add", "10.99.0.1/24", "dev", "br0")
    nic.host.ok(*enter, "ip", "address", "add", "10.99.0.2/24", "dev", "net7")
    nic.host.ok(*enter, "ip", "link", "set", "net7", "up")
    nic.host.ok(*enter, "busybox", "ping", "-c", "1", "-w", "5", "10.99.0.1")


def test_without_a_name_it_gets_the_lowest_free_one(nic: UserNic) -> None:
    pid = nic.container()
    nic.made(pid)
    nic.made(pid)
    assert nic.host.links(pid) == ["lo", "eth0", "eth1"]


def test_bridge_none_means_a_device_without_one(nic: UserNic) -> None:
    pid = nic.container()
    host = nic.made(pid, "none", groups=("team",))
    shown = nic.host.ok("ip", "-o", "link", "show", host)
    assert " master " not in shown
    assert " mtu 1500 " in shown
    assert nic.notes() == [f"@team veth none {host}"]


def test_the_device_goes_with_the_namespace_and_the_next_who_asks_drops_its_note(nic: UserNic) -> None:
    pid = nic.container()
    gone = nic.made(pid)
    os.kill(pid, 9)
    until(lambda: gone not in nic.host.links(), "the device goes with its namespace")
    host = nic.made(nic.container())
    assert nic.notes() == [f"alice veth br0 {host}"]


def test_a_long_uid_gets_a_name_without_it(nic: UserNic) -> None:
    nic.allow("carol veth br0 1\n")
    assert re.fullmatch(r"veth[a-zA-Z0-9]{6}", nic.made(nic.container("carol"), user="carol"))


def test_a_namespace_below_one_of_his_is_his_too(nic: UserNic) -> None:
    pid = nic.host.namespace("-Ur", "unshare", "-Urn", user="alice")
    assert nic.made(pid)


# ---- how many ----------------------------------------------------------------------------------------------------------


def test_the_quota_counts_devices_that_exist_and_says_how_many(nic: UserNic) -> None:
    pid = nic.container()
    nic.made(pid)
    nic.made(pid)
    said = nic.refused(pid)
    assert said.startswith("lxc-user-nic: quota reached: alice has 2 of the 2 devices of type veth on br0 ")
    nic.host.ok("ip", "link", "del", nic.notes()[0].split()[-1])
    nic.made(pid)


def test_a_group_shares_its_quota(nic: UserNic) -> None:
    nic.made(nic.container("alice"), "none", groups=("team",))
    bobs = nic.container("bob")
    nic.made(bobs, "none", user="bob", groups=("team",))
    assert "quota reached" in nic.refused(bobs, "none", user="bob", groups=("team",))


def test_who_is_not_in_the_group_has_no_part_in_it(nic: UserNic) -> None:
    said = nic.refused(nic.container(), "none")
    assert said.startswith(
        "lxc-user-nic: /etc/lxc/lxc-usernet has no line for alice, or a group of his, and veth on none"
    )


def test_the_first_line_with_something_left_is_used(nic: UserNic) -> None:
    nic.allow(
        "# a comment\n\nalice veth br0\nalice veth br0 many\nalice veth br0 0\n\talice  veth\tbr0 1 # one\n@team veth br0 5"
    )
    pid = nic.container()
    nic.made(pid, groups=("team",))
    nic.made(pid, groups=("team",))
    assert [note.split()[0] for note in nic.notes()] == ["alice", "@team"]


def test_of_many_at_once_as_many_as_the_quota_get_one(nic: UserNic) -> None:
    nic.allow("alice veth br0 3\n")
    words = [nic.program, "create", "/p", "c", str(nic.container()), "veth", "br0"]
    calls = [nic.host.popen(*nic.host.argv(*words, user="alice")) for _ in range(8)]
    said = [call.communicate()[0] for call in calls]
    assert sorted(call.returncode for call in calls) == [0] * 3 + [1] * 5, said
    assert len(nic.notes()) == 3
    assert len(nic.host.links()) == 2 + 3


# ---- a failure states its own cause ------------------------------------------------------------------------------------


def test_each_failure_has_its_own_words(nic: UserNic) -> None:
    pid = nic.container()
    assert "no line for alice, or a group of his, and veth on br1; the administrator may add: " in nic.refused(
        pid, "br1"
    )
    assert "there is no bridge nobr on this host: No such device" in nic.refused(pid, "nobr")
    nic.made(pid, "br0", "taken")
    assert "the network namespace has a device taken already" in nic.refused(pid, "br0", "taken")
    nic.host.path("/etc/lxc/lxc-usernet").unlink()
    assert "/etc/lxc/lxc-usernet does not exist" in nic.refused(pid)
    done = nic.call("create", "/p", "c", str(pid), "macvlan", "br0")
    assert (done.returncode, done.stderr) == (
        1,
        "lxc-user-nic: a user can have devices of type veth, not of type macvlan\n",
    )


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a b", "a:b", "sixteen-letters0", "%s", "%d%d", "eth%", "a\nb"])
def test_what_cannot_name_a_device_is_refused(nic: UserNic, name: str) -> None:
    assert "the name of a device" in nic.refused("1", "br0", name)
    assert "the name of a bridge" in nic.refused("1", name)


def test_without_setuid_it_says_what_it_needs(nic: UserNic) -> None:
    nic.host.path(nic.program).chmod(0o755)
    assert "chown root:root, then chmod 4755" in nic.refused(nic.container())


@pytest.mark.parametrize(
    "words", [(), ("create",), ("create", "p", "n", "1", "veth"), ("delete", "p", "n", "x", "veth", "b"), ("x",) * 7]
)
def test_other_words_get_the_usage(nic: UserNic, words: tuple[str, ...]) -> None:
    done = nic.call(*words)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("usage: lxc-user-nic create {lxcpath} {name} {pid} {type} {bridge}")


# ---- whose namespace ---------------------------------------------------------------------------------------------------


def test_cve_2017_5985_a_namespace_of_others_gets_nothing(nic: UserNic) -> None:
    """The host's own, whoever's process is in it; root's; another user's, also where that is below the caller's."""
    own_process = nic.host.namespace(
        "--user", "--map-root-user", user="alice"
    )  # may be read, but its network is the host's
    roots = nic.host.namespace("--net")
    bobs = nic.container("bob")
    for pid in (os.getpid(), own_process, roots, bobs):
        before = nic.host.links(pid)
        assert nic.refused(pid) == f"lxc-user-nic: {pid}: no network namespace that alice may change\n"
        assert nic.host.links(pid) == before


@pytest.mark.parametrize("pid", ["0", "-1", "", "1x", "self", "99999999999999999999", "../1", "4194304"])
def test_what_is_no_process_gets_the_same_answer(nic: UserNic, pid: str) -> None:
    assert nic.refused(pid) == f"lxc-user-nic: {pid}: no network namespace that alice may change\n"


def test_cve_2018_6556_no_path_of_the_callers_is_opened(nic: UserNic) -> None:
    """A reader that opens this fifo would be seen by its writer, and would wait there."""
    fifo = nic.host.path("/run/fifo")
    os.mkfifo(fifo)
    fifo.chmod(0o666)
    holder = nic.host.popen(
        *nic.host.argv("sh", "-c", "exec 8<>/run/fifo 9</dev/null; exec sleep infinity", user="alice")
    )
    until(lambda: Path(f"/proc/{holder.pid}/comm").read_text() == "sleep\n", "it holds them")
    for path in (
        "/run/fifo",
        "/dev/null",
        f"/proc/{holder.pid}/fd/8",
        f"/proc/{holder.pid}/fd/9",
        f"/proc/{holder.pid}/ns/mnt",
    ):
        done = nic.delete(path, "veth0", "br0")
        assert done.stderr == f"lxc-user-nic: {path}: no network namespace that alice may change\n"
        assert done.returncode == 1


def test_cve_2022_47952_what_exists_is_told_nobody(nic: UserNic) -> None:
    secret = nic.host.path("/run/secret")
    secret.mkdir(mode=0o700)
    (secret / "here").touch()
    pid = nic.container()
    nic.made(pid)
    roots = nic.host.namespace("--net")
    for path in (
        "/run/secret/here",
        "/run/secret/not-here",
        f"/proc/{roots}/ns/net",
        "/proc/4194304/ns/net",
        f"/proc/{roots}/fd/0",
        f"/proc/{roots}/fd/77",
        f"/proc/{pid}/ns/../../{pid}/ns/net",
        "relative",
        "",
    ):
        done = nic.delete(path, nic.notes()[0].split()[-1])
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == f"lxc-user-nic: {path}: no network namespace that alice may change\n"


# ---- whose device ------------------------------------------------------------------------------------------------------


def test_what_he_has_made_he_may_delete(nic: UserNic) -> None:
    pid = nic.container()
    first, second = nic.made(pid), nic.made(pid)
    done = nic.delete(f"/proc/{pid}/ns/net", first)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert nic.notes() == [f"alice veth br0 {second}"]
    assert first not in nic.host.links()
    assert second in nic.host.links()


def test_a_namespace_may_be_named_by_a_descriptor_as_the_monitor_does(nic: UserNic) -> None:
    pid = nic.container()
    host = nic.made(pid)
    script = f"exec 7</proc/{pid}/ns/net; {nic.program} delete /p c /proc/$$/fd/7 veth br0 {host}"
    nic.host.ok("sh", "-c", script, user="alice")
    assert host not in nic.host.links()


def test_cve_2026_39402_nobody_deletes_the_devices_of_others(nic: UserNic) -> None:
    """Not by their names, not as one of the group that both are in, not of the administrator, not by another line."""
    nic.allow("alice veth br0 2\nbob veth br0 2\ncarol veth none 9\n@team veth none 9\n")
    alices, bobs, carols = (nic.container(user) for user in ("alice", "bob", "carol"))
    by_user = nic.made(alices)
    by_group = nic.made(alices, "none", groups=("team",))
    nic.made(carols, "none", user="carol")
    nic.allow("alice veth br0 2\nbob veth br0 2\n@team veth none 9\n")
    long_uid = nic.made(carols, "none", user="carol", groups=("team",))
    nic.host.ok("ip", "link", "add", "veth61002_root", "type", "veth", "peer", "name", "other")
    nic.host.ok("ip", "link", "add", "veth61002_brdg", "type", "bridge")
    with nic.host.path("/run/lxc/nics").open("a") as file:
        file.write("bob veth none veth61002_brdg\nbo veth none veth61002_root\nbob veth none\n")
    before, notes = nic.host.links(), nic.notes()
    for name in (by_user, by_group, long_uid, "veth61002_root", "veth61002_brdg", "other", "br0", "lo", "nothing"):
        for bridge in ("br0", "none"):
            done = nic.delete(f"/proc/{bobs}/ns/net", name, bridge, user="bob", groups=("team",))
            assert done.returncode == 1
            assert done.stderr == f"lxc-user-nic: {name}: no device of type veth on {bridge} that was made for bob\n"
    assert nic.host.links() == before
    assert nic.notes() == notes
    for name, pid, user in ((by_group, alices, "alice"), (long_uid, carols, "carol")):
        assert nic.delete(f"/proc/{pid}/ns/net", name, "none", user=user, groups=("team",)).returncode == 0


def test_open_vswitch_is_told_in_an_environment_of_its_own(nic: UserNic) -> None:
    nic.fake_ovs()
    nic.host.ok("ip", "link", "add", "ovs0", "type", "veth", "peer", "name", "ovs0p")
    nic.allow("alice veth ovs0 2\n")
    pid = nic.container()
    hostile = {"PATH": "/run/evil", "LD_PRELOAD": "/run/evil.so", "EVIL": "yes"}
    argv = nic.host.argv("env", *(f"{k}={v}" for k, v in hostile.items()), nic.program, user="alice")
    done = subprocess.run([*argv, "create", "/p", "c", str(pid), "veth", "ovs0"], capture_output=True, text=True)
    host = ANSWER.fullmatch(done.stdout)[3]  # type: ignore[index]
    assert nic.host.path("/run/ovs").read_text() == f"--timeout=20 add-port ovs0 {host}\n"
    environment = nic.host.path("/run/ovs-environment").read_text()
    assert "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n" in environment
    assert not any(evil in environment for evil in ("EVIL", "evil"))
    nic.host.ok("ip", "link", "del", host)  # as the end of the namespace does; the port is still noted by the switch
    done = nic.delete(f"/proc/{pid}/ns/net", host, "ovs0", user="bob")
    assert done.returncode == 1
    assert nic.delete(f"/proc/{pid}/ns/net", host, "ovs0").returncode == 0
    assert nic.host.path("/run/ovs").read_text().splitlines()[1:] == [f"--timeout=20 del-port ovs0 {host}"]
    assert nic.notes() == []


def test_what_open_vswitch_refuses_leaves_nothing(nic: UserNic) -> None:
    nic.host.ok("ip", "link", "add", "ovs0", "type", "veth", "peer", "name", "ovs0p")
    nic.allow("alice veth ovs0 2\n")
    pid = nic.container()
    is_there = shutil.which("ovs-vsctl", path="/usr/bin:/bin")
    why = "ovs-vsctl add-port ovs0" if is_there else "ovs0 is not a bridge of the kernel, and there is no ovs-vsctl"
    assert why in nic.refused(pid, "ovs0")
    nic.fake_ovs()
    nic.host.write("/run/ovs-fails", "")
    assert re.search(r"ovs-vsctl add-port ovs0 veth\S+ failed with exit code 1", nic.refused(pid, "ovs0"))


# ---- what a hostile caller leaves it -----------------------------------------------------------------------------------


def test_closed_descriptors_and_limits_do_no_harm(nic: UserNic) -> None:
    pid = nic.container()
    call = f"{nic.program} create /p c {pid} veth br0"
    nic.host.run("sh", "-c", f"exec {call} nic0 <&- 2>&-", user="alice")
    nic.host.run("sh", "-c", f"exec {call} nic0 <&- 2>&-", user="alice")  # its message goes nowhere
    nic.host.run("sh", "-c", f"ulimit -f 0; exec {call} nic1", user="alice")  # is raised, or refused if root may not
    names = [link for link in nic.host.links() if link.startswith("veth")]
    assert names
    assert nic.notes() == [f"alice veth br0 {name}" for name in names]


def test_an_answer_that_nobody_hears_leaves_no_device(nic: UserNic) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = nic.call("create", "/p", "c", str(nic.container()), "veth", "br0", capture_output=False, stdout=writer)
    os.close(writer)
    assert done.returncode == 1
    assert nic.host.links() == ["lo", "br0"]


def test_while_it_is_at_work_the_caller_cannot_stop_or_kill_it(nic: UserNic) -> None:
    """Else a stopped one would keep the lock from all others for ever."""
    pid = nic.container()
    nic.made(pid)
    with nic.host.path("/run/lxc/nics").open("r+") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        waiting = nic.host.popen(
            *nic.host.argv(nic.program, "create", "/p", "c", str(pid), "veth", "br0", user="alice")
        )
        until(lambda: is_all_root(waiting.pid), "it is all root")
        for signal in ("STOP", "KILL", "TERM"):
            assert nic.host.run("kill", f"-{signal}", str(waiting.pid), user="alice").returncode != 0
    said = waiting.communicate(timeout=60)[0]
    assert ANSWER.fullmatch(said), said


def test_the_processor_time_that_the_caller_has_used_up_does_not_end_it_amid_its_work(nic: UserNic) -> None:
    """What a process has used counts on when it executes another program, and who goes beyond the limit is killed."""
    pid = nic.container()
    nic.made(pid)
    with nic.host.path("/run/lxc/nics").open("r+") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        call = f"ulimit -t 77; exec {nic.program} create /p c {pid} veth br0"
        waiting = nic.host.popen(*nic.host.argv("sh", "-c", call, user="alice"), stderr=subprocess.PIPE)
        until(lambda: waiting.poll() is not None or is_all_root(waiting.pid), "it is all root, or has refused")
        limits = "" if waiting.poll() is not None else Path(f"/proc/{waiting.pid}/limits").read_text()
    answer, refusal = waiting.communicate(timeout=60)
    if answer:
        assert "Max cpu time              unlimited            unlimited " in limits
    else:  # root may not raise limits here
        assert refusal == "lxc-user-nic: the limit of processor time (ulimit -t) is too low\n"
        assert len(nic.notes()) == 1


def test_one_that_is_frozen_with_the_lock_keeps_nobody_waiting_for_ever(nic: UserNic, delegated: Path) -> None:
    """Whoever has a cgroup delegated may freeze what is in it, whose-ever process that is."""
    pid, others = nic.container(), nic.container(user="bob")
    nic.made(others, user="bob")
    words = ("create", "/p", "c", str(pid), "veth", "br0")
    enter = ("sh", "-c", f'echo $$ >{delegated}/cgroup.procs && exec "$@"', "sh")
    nic.allow("alice veth br0 9\nbob veth br0 2\n")
    for _ in range(8):
        with nic.host.path("/run/lxc/nics").open("a") as file:
            file.writelines(f"alice veth br0 gone{number}\n" for number in range(8000))  # each is looked for
        holder = nic.host.popen(*enter, *nic.host.argv(nic.program, *words, user="alice"))
        while not is_locked(nic) and holder.poll() is None:
            pass  # it has it for some hundredths of a second
        (delegated / "cgroup.freeze").write_text("1")
        until(lambda: "frozen 1" in (delegated / "cgroup.events").read_text(), "it is frozen")
        if is_locked(nic):
            break
        (delegated / "cgroup.freeze").write_text("0")
        holder.communicate(timeout=60)
    assert is_locked(nic)
    nic.made(others, user="bob")
    assert ANSWER.fullmatch(holder.communicate(timeout=60)[0])


@pytest.fixture
def delegated() -> Iterator[Path]:
    top = Path("/sys/fs/cgroup")
    cgroup = (top / "unified" if (top / "unified").exists() else top) / f"user-nic-{os.getpid()}"
    cgroup.mkdir()
    yield cgroup
    (cgroup / "cgroup.freeze").write_text("0")
    until(lambda: "populated 0" in (cgroup / "cgroup.events").read_text(), "nobody is in it", patience=30)
    cgroup.rmdir()


def is_locked(nic: UserNic) -> bool:
    with nic.host.path("/run/lxc/nics").open("r+") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


@pytest.mark.parametrize("bridge", ["br0", "br9"])
def test_one_that_nobody_listens_to_is_not_there_for_ever(nic: UserNic, bridge: str) -> None:
    """Else anybody could have any number of processes of root's, which he cannot end, and which no limit of his counts."""
    pid = nic.container()
    reader, writer = os.pipe()
    os.write(writer, bytes(fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ)))
    argv = nic.host.argv(nic.program, "create", "/p", "c", str(pid), "veth", bridge, user="alice")
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=writer, stderr=writer) as waiting:
        os.close(writer)
        until(lambda: is_the_callers(waiting.pid), "it is nothing but the caller's", patience=30)
        assert nic.host.links() == ["lo", "br0"]
        nic.host.ok("kill", "-KILL", str(waiting.pid), user="alice")
        assert waiting.wait(10) == -9
    os.close(reader)


def is_the_callers(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    ids = "\t".join([str(USERS["alice"])] * 4)
    return "Name:\tlxc-user-nic\n" in status and f"\nUid:\t{ids}\n" in status


def is_all_root(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    return "Name:\tlxc-user-nic\n" in status and "\nUid:\t0\t0\t0\t0\n" in status


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        ("chmod 777 /run/lxc", "/run/lxc is not used: it must be root's"),
        ("chown 61001 /run/lxc", "/run/lxc is not used: it must be root's"),
        ("rm -r /run/lxc; mkdir /run/other; ln -s other /run/lxc", "cannot open the directory /run/lxc"),
        ("rm /run/lxc/nics; ln -s /run/evil /run/lxc/nics", "cannot open /run/lxc/nics"),
        ("chown 61001 /run/lxc/nics", "/run/lxc/nics is not used: it must be a file of root's"),
        ("head -c 1048576 /dev/zero >/run/lxc/nics", "/run/lxc/nics is not used: it is longer than"),
        ("chmod 666 /etc/lxc/lxc-usernet", "/etc/lxc/lxc-usernet is not used: it must be a file of root's"),
        ("chown 61001 /etc/lxc/lxc-usernet", "/etc/lxc/lxc-usernet is not used: it must be a file of root's"),
        ("rm /etc/lxc/lxc-usernet; ln -s /run/evil /etc/lxc/lxc-usernet", "cannot open /etc/lxc/lxc-usernet"),
    ],
)
def test_files_that_others_could_have_made_are_not_used(nic: UserNic, spoil: str, says: str) -> None:
    pid = nic.container()
    nic.made(pid)
    nic.host.write("/run/evil", "alice veth br0 99\n")
    nic.host.ok("sh", "-c", spoil)
    before = nic.host.links()
    done = nic.create(pid)
    assert says in done.stderr
    assert done.returncode == 1
    assert nic.host.links() == before


def test_devices_of_another_network_are_noted_apart(nic: UserNic) -> None:
    """Who is called there does not see the host's devices, and takes none for gone."""
    hosts = nic.made(nic.container())
    other = nic.host.namespace("--net")
    there = ("nsenter", f"--target={other}", "--net")
    nic.host.ok(*there, "ip", "link", "add", "br0", "type", "bridge")
    words = ("create", "/p", "c", str(nic.container()), "veth", "br0")
    enter, program = nic.host.argv(user="alice"), nic.host.argv(*there)
    said = [
        subprocess.run([*program, *enter[len(nic.host.argv()) :], nic.program, *words], capture_output=True, text=True)
        for _ in range(3)
    ]
    assert [it.returncode for it in said] == [0, 0, 1]
    assert "quota reached: alice has 2 of the 2 devices" in said[2].stderr
    assert nic.notes() == [f"alice veth br0 {hosts}"]
    number = os.stat(f"/proc/{other}/ns/net").st_ino
    noted = nic.host.path(f"/run/lxc/nics-{number}").read_text().splitlines()
    assert noted == [f"alice veth br0 {ANSWER.fullmatch(it.stdout)[3]}" for it in said[:2]]  # type: ignore[index]
    second = nic.made(nic.container())
    assert nic.notes() == [f"alice veth br0 {hosts}", f"alice veth br0 {second}"]


def test_what_is_not_understood_in_the_database_is_kept(nic: UserNic) -> None:
    nic.host.path("/run/lxc").mkdir(mode=0o755)
    nic.host.write("/run/lxc/nics", "# from before\nhalf a line\nbob veth br0 gone0\nbob veth br0 ../../x\n", 0o600)
    host = nic.made(nic.container())
    assert nic.notes() == ["# from before", "half a line", f"alice veth br0 {host}"]


# ---- parsing, for memory errors ----------------------------------------------------------------------------------------


def test_no_text_reads_or_writes_out_of_bounds(tmp_path: Path) -> None:
    """What reads text, compiled with the address and undefined-behaviour sanitizers, on random and half-valid text."""
    native = Path(__file__).parents[2] / "native/user-nic"
    sources = [path for path in native.glob("*.c") if path.name != "main.c"]
    harness, program = tmp_path / "harness.c", tmp_path / "harness"
    harness.write_text(HARNESS)
    build = ["gcc", "-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", f"-I{native}"]
    subprocess.run([*build, "-o", program, harness, *sources], check=True)
    done = subprocess.run([program, str(as_often(60_000))], capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "done\n"


HARNESS = r"""
#include "quota.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    static const char *const words[] = {"alice", "@team", "veth", "br0", "none", "7", "99999999999999999999", "#", "-1",
        " ", "\t", "\n", "\r", "\n\n", "/proc/", "/ns/net", "/fd/", "eth%d", "%", "%%d", "\xff", "sixteen-letters0", "."};
    static char text[4096];
    entries = allocated(5000, sizeof *entries);
    srand(7);
    for (int round = argc > 1 ? atoi(argv[1]) : 0; round > 0; round--) {
        size_t length = 0;
        for (int pieces = rand() % 24; pieces > 0; pieces--) {
            const char *word = words[(size_t)rand() % (sizeof words / sizeof *words)];
            if (rand() % 5 == 0)
                text[length++] = (char)(1 + rand() % 255);
            memcpy(text + length, word, strlen(word));
            length += strlen(word);
        }
        char *copy = malloc(length + 1), *rest = copy, *line, place[64], *field[FIELDS];
        memcpy(copy, text, length);
        copy[length] = 0;
        is_device_name(copy, round & 1);
        if (netns_place(copy, place, sizeof place) && strlen(place) >= sizeof place)
            abort();
        while ((line = next_line(&rest))) {
            size_t size = strlen(line) + 1;
            char *own = malloc(size);
            memcpy(own, line, size);
            keep(own);
            if (split(own, field))
                for (int i = 0; i < FIELDS; i++)
                    if (field[i] < own || field[i] >= own + size)
                        abort();
            free(own);
        }
        while (entry_count) {
            is_about(entries[--entry_count].field, "alice", "veth", "br0");
            free(entries[entry_count].text);
        }
        free(copy);
    }
    puts("done");
    fflush(stdout);
    _exit(0); /* what lives as long as the program is no leak */
}
"""
