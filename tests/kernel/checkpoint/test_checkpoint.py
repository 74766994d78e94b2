"""Containers are dumped by CRIU and go on from where they were."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import Lxc, until
from tests.lab import Lab

pytestmark = [pytest.mark.root, pytest.mark.timeout(900)]
CONFIG = "lxc.net.0.type = empty\nlxc.console.path = none\n"
COUNT = "#!/bin/sh\nexec </dev/null >/dev/null 2>&1\ni=0; while :; do i=$((i+1)); echo $i >/n; sleep 0.2; done\n"


class Counter:
    """A container whose init counts in its memory, and writes the number to a file."""

    def __init__(self, lxc: Lxc, config: str = CONFIG) -> None:
        self.lxc, self.name, self.dumps = lxc, lxc.create("count", config), lxc.path / "dumps"
        program = lxc.rootfs(self.name) / "count"
        program.write_text(COUNT)
        program.chmod(0o755)
        lxc.extend(self.name, "lxc.tty.max = 0\nlxc.init.cmd = /count\n")

    def start(self) -> None:
        self.lxc.start(self.name)
        self.counts_beyond(2)

    @property
    def number(self) -> int:
        return (
            int((self.lxc.rootfs(self.name) / "n").read_text() or 0)
            if (self.lxc.rootfs(self.name) / "n").exists()
            else 0
        )

    def counts_beyond(self, number: int) -> None:
        until(lambda: self.number > number, f"it counts beyond {number}")

    def checkpoint(self, dump: str, *words: str) -> subprocess.CompletedProcess[str]:
        return self.lxc.run("lxc-checkpoint", "-n", self.name, "-D", str(self.dumps / dump), *words, timeout=600)

    def ok(self, dump: str, *words: str) -> None:
        done = self.checkpoint(dump, *words)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.criu
@pytest.mark.unified
def test_a_container_goes_on_where_it_was_dumped(lxc: Lxc) -> None:
    counter = Counter(lxc, CONFIG + "lxc.cgroup2.memory.max = 100M\nlxc.cgroup2.pids.max = 50\n")
    counter.start()
    lxc.attach(counter.name, "hostname", "one")  # which is not what the configuration says
    counter.ok("a", "-s")
    assert lxc.state(counter.name) == "STOPPED"
    dumped = counter.number
    (lxc.rootfs(counter.name) / "n").write_text("0")  # the number is remembered, not read
    counter.ok("a", "-r")
    assert lxc.state(counter.name) == "RUNNING"
    counter.counts_beyond(dumped)
    assert counter.number < dumped + 1000
    payload = Path(f"/sys/fs/cgroup/lxc.payload.{counter.name}")
    assert (payload / "memory.max").read_text() == f"{100 << 20}\n"
    assert (payload / "pids.max").read_text() == "50\n"
    assert str(lxc.init_pid(counter.name)) in (payload / "cgroup.procs").read_text().split()
    assert lxc.attach(counter.name, "hostname") == "one\n"
    assert lxc.attach(counter.name, "cat", "/proc/1/cgroup") == "0::/\n"
    assert "Read-only file system" in lxc.attach(counter.name, "sh", "-c", "touch /usr/lib/x 2>&1 || :")
    lxc.ok("lxc-freeze", "-n", counter.name)
    assert lxc.state(counter.name) == "FROZEN"
    lxc.ok("lxc-unfreeze", "-n", counter.name)
    lxc.ok("lxc-stop", "-n", counter.name, "-k")


@pytest.mark.criu
@pytest.mark.unified
def test_a_dump_after_a_pre_dump_writes_what_has_changed_and_leaves_it_running(lxc: Lxc) -> None:
    counter = Counter(lxc)
    counter.start()
    pid = lxc.init_pid(counter.name)
    counter.ok("a", "-p")
    counter.counts_beyond(counter.number)
    counter.ok("b", "--predump-dir", "../a")
    counter.counts_beyond(counter.number)
    assert lxc.init_pid(counter.name) == pid
    pages = {each: sum(file.stat().st_size for file in (counter.dumps / each).glob("pages-*")) for each in "ab"}
    assert 0 < pages["b"] < pages["a"]
    assert (counter.dumps / "b/stats-dump").stat().st_size > 0
    lxc.ok("lxc-stop", "-n", counter.name, "-k")
    dumped = counter.number
    counter.ok("b", "-r")
    counter.counts_beyond(dumped)


NETWORK = """lxc.console.path = none
lxc.net.0.type = veth
lxc.net.0.link = br0
lxc.net.0.flags = up
lxc.net.0.name = lan
lxc.net.0.veth.pair = theirs
lxc.net.0.ipv4.address = 10.77.0.2/24
lxc.net.0.ipv4.gateway = 10.77.0.1
lxc.net.0.veth.ipv4.route = 10.99.0.0/24
lxc.net.0.script.up = SCRIPT
lxc.net.0.script.down = SCRIPT
"""
TELL = """#!/bin/sh
exec </dev/null >/dev/null 2>&1
i=0; while :; do i=$((i+1)); echo $i >/n; echo $i; sleep 0.2; done | nc 10.77.0.1 5555
"""
HEAR = """import socket
listener = socket.create_server(("10.77.0.1", 5555))
print("ready", flush=True)
with listener.accept()[0].makefile() as connection:
    for line in connection:
        print(line, end="", flush=True)
"""


@pytest.mark.criu
@pytest.mark.unified
def test_network_devices_come_back_with_their_addresses_and_connections(lab: Lab) -> None:
    script, told, heard = lab.path / "script", lab.path / "told", lab.path / "heard"
    script.write_text(f'#!/bin/sh\necho "$3 $6" >>{told}\n')
    script.chmod(0o755)
    counter = Counter(lab, NETWORK.replace("SCRIPT", str(script)))
    (lab.rootfs(counter.name) / "count").write_text(TELL)
    with heard.open("w") as file:
        listener = subprocess.Popen([*lab.enter(), sys.executable, "-c", HEAR], stdout=file)
    try:
        until(lambda: heard.read_text() == "ready\n", "somebody listens")
        counter.start()
        until(lambda: "\n3\n" in heard.read_text(), "its numbers are heard")
        address = lab.links(counter.name)["lan"]["address"]
        counter.ok("a", "-s")
        assert "theirs" not in lab.links()
        dumped = counter.number
        counter.ok("a", "-r")
        until(lambda: f"\n{dumped + 3}\n" in heard.read_text(), "the same connection goes on")
        numbers = heard.read_text().rpartition("\n")[0].split()[1:]
        assert numbers == [str(number) for number in range(1, len(numbers) + 1)]
        assert lab.links(counter.name)["lan"]["address"] == address
        lab.reaches(counter.name, "10.77.0.1")
        ours = lab.links()["theirs"]
        assert (ours["master"], ours["address"][:3]) == ("br0", "fe:")
        assert "10.99.0.0/24 dev theirs" in lab.at_home("ip", "route")
        assert "Link:           theirs" in lab.ok("lxc-info", "-n", counter.name)
        lab.ok("lxc-stop", "-n", counter.name, "-k")
    finally:
        listener.kill()
        listener.wait()
    assert told.read_text().split() == ["up", "theirs", "down", "theirs"] * 2
    assert "theirs" not in lab.links()


@pytest.mark.criu
@pytest.mark.unified
def test_users_of_its_own_come_back(lxc: Lxc) -> None:
    ids = "".join(f"lxc.idmap = {kind} 0 100000 65536\n" for kind in "ug")
    counter = Counter(lxc, CONFIG + ids)
    counted = lxc.rootfs(counter.name) / "n"
    counted.write_text("0")
    os.chown(counted, 100000, 100000)
    counter.start()
    counter.ok("a", "-s")
    dumped = counter.number
    counter.ok("a", "-r")
    counter.counts_beyond(dumped)
    assert lxc.attach(counter.name, "id", "-u") == "0\n"
    status = Path(f"/proc/{lxc.init_pid(counter.name)}/status").read_text()
    assert "Uid:\t100000\t100000\t100000\t100000\n" in status
    assert Path(f"/sys/fs/cgroup/lxc.payload.{counter.name}/cgroup.procs").stat().st_gid == 100000
    images = (counter.dumps / "a").stat()
    assert (images.st_mode & 0o777, images.st_gid) == (0o700, 0)  # whoever else has that group has not seen the memory


@pytest.mark.criu
@pytest.mark.unified
@pytest.mark.apparmor
def test_a_confined_container_is_so_again(lxc: Lxc) -> None:
    counter = Counter(lxc, CONFIG + "lxc.apparmor.profile = generated\n")
    counter.start()
    label = Path(f"/proc/{lxc.init_pid(counter.name)}/attr/current").read_text()
    assert counter.name in label
    counter.ok("a", "-s")
    dumped = counter.number
    counter.ok("a", "-r")
    counter.counts_beyond(dumped)
    assert Path(f"/proc/{lxc.init_pid(counter.name)}/attr/current").read_text() == label


@pytest.mark.criu
@pytest.mark.unified
def test_programs_do_it_with_the_api(lxc: Lxc) -> None:
    counter = Counter(lxc)
    counter.start()
    program = (
        f"import lxc; c = lxc.Container({counter.name!r}, {str(lxc.path)!r}); d = {str(counter.dumps / 'a')!r}\n"
        "print(c.checkpoint(d, stop=True), c.state, c.restore(d), c.state, c.checkpoint(d), c.last_error)\n"
        "print(c.migrate(lxc.MIGRATE_FEATURE_CHECK, features_to_check=lxc.FEATURE_MEM_TRACK))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=600)
    assert done.stderr == ""
    first, second = done.stdout.splitlines()
    assert first.startswith("True STOPPED True RUNNING False ")
    assert "please use a fresh directory" in first
    assert second == "1"
    counter.counts_beyond(counter.number)


@pytest.mark.criu
@pytest.mark.unified
def test_a_dump_that_is_damaged_is_refused_by_criu_and_leaves_nothing(lxc: Lxc) -> None:
    counter = Counter(lxc)
    counter.start()
    counter.ok("a", "-s")
    for image in (counter.dumps / "a").glob("core-*.img"):  # of pages that are missing, CRIU 3.17 waits for ever
        image.write_bytes(b"")
    done = counter.checkpoint("a", "-r")
    assert done.returncode == 1
    assert "cannot criu restore: it ended with status 1: " in done.stderr
    assert f"{counter.dumps}/a/restore.log tells it in full" in done.stderr
    assert lxc.state(counter.name) == "STOPPED"
    until(lambda: not lxc.leftovers(), "nothing is left")


@pytest.mark.criu
@pytest.mark.unified
def test_a_program_that_lxc_execute_runs_is_not_dumped(lxc: Lxc) -> None:
    counter = Counter(lxc)
    running = lxc.spawn("lxc-execute", "-n", counter.name, "--", "/count")
    counter.counts_beyond(1)
    done = counter.checkpoint("a")
    assert done.returncode == 1
    assert "lxc-execute" in done.stderr
    assert not (counter.dumps / "a").exists()
    lxc.ok("lxc-stop", "-n", counter.name, "-k")
    running.communicate(timeout=60)


def test_what_cannot_be_dumped_is_said_before_criu_is_called(lxc: Lxc) -> None:
    name = lxc.create("tty")  # the template gives it ttys, and there is a console
    lxc.start(name)
    done = lxc.run("lxc-checkpoint", "-n", name, "-D", str(lxc.path / "dump"))
    assert done.returncode == 1
    assert f"{lxc.config(name)}:" in done.stderr
    assert "lxc.tty.max = 5: the monitor has the other ends of its ttys" in done.stderr
    assert "lxc.console.path is not set, and not none" in done.stderr
    assert not (lxc.path / "dump").exists()


def test_only_what_runs_is_dumped_and_what_does_not_is_restored(lxc: Lxc) -> None:
    counter = Counter(lxc)
    assert "not running, not checkpointing" in counter.checkpoint("a").stderr
    assert "there is no dump in" in counter.checkpoint("a", "-r").stderr or not _has_criu()
    counter.start()
    assert "is running, not restoring" in counter.checkpoint("a", "-r").stderr
    assert "is not defined" in lxc.run("lxc-checkpoint", "-n", "nobody", "-D", "/nowhere").stderr


@pytest.mark.command("criu")
def test_a_dump_that_others_can_write_to_is_not_restored(lxc: Lxc) -> None:
    counter = Counter(lxc)
    dump = counter.dumps / "a"
    dump.mkdir(parents=True)
    (dump / "inventory.img").write_bytes(b"")
    dump.chmod(0o777)
    done = counter.checkpoint("a", "-r")
    assert done.returncode == 1
    assert f"others than root can write to {dump}" in done.stderr


def _has_criu() -> bool:
    return any(Path(directory, "criu").exists() for directory in ("/usr/sbin", "/usr/bin", "/usr/local/sbin"))
