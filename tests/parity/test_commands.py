"""Debian's commands and ours, on the same containers: the same output and exit code.

A container is started by one side and looked at by both.  What is different on purpose is not among the cases:

  * lxc-ls lists names without reading configurations, so one that is wrong does not hide its container,
  * lxc-wait and lxc-stop do not read the configuration either,
  * numbers and log levels that are none are errors (lxc-wait -t x, -l x).
"""

from __future__ import annotations

from functools import partial
from subprocess import run

import pytest
from tests.conftest import BIN, PEER, Lxc, until
from tests.unified import is_unified

pytestmark = [pytest.mark.parity, pytest.mark.root]

LISTING = """\
lxc-ls
lxc-ls -1
lxc-ls -f
lxc-ls -f -F name,state,pid,interface,ipv4,ipv6,groups,autostart,unprivileged
lxc-ls -f -F name,swap
lxc-ls -F name,foo
lxc-ls -f -F name,foo
lxc-ls -f -F NAME,NAME
lxc-ls -f --fancy-format=Name
lxc-ls --active
lxc-ls --running -1
lxc-ls --stopped -1
lxc-ls --frozen -1
lxc-ls --defined -1
lxc-ls --active --stopped -1
lxc-ls --running --stopped -1
lxc-ls -g web -1
lxc-ls -g web,onboot -f
lxc-ls -g we -1
lxc-ls -g , -1
lxc-ls ^b -1
lxc-ls ( -1
lxc-ls --filter [[:digit:]]$ -1
lxc-ls --filter=e -1
lxc-ls -n foo -1
lxc-ls --nesting -1
lxc-ls --nesting=0 -1"""
RUNNING = """\
lxc-info box
lxc-info box -s
lxc-info box -p
lxc-info -n box -sH
lxc-info --name=box -pH
lxc-info box -iH
lxc-info box -spH
lxc-info box -siH
lxc-info box -H -c lxc.uts.name
lxc-wait box -s RUNNING
lxc-wait box -s STOPPED|RUNNING
lxc-freeze box
lxc-info box -s
lxc-freeze box
lxc-wait box -s FROZEN
lxc-unfreeze box
lxc-unfreeze box
lxc-info box -sH"""
STOPPED = """\
lxc-info box
lxc-info idle
lxc-info idle -s
lxc-info idle -sH
lxc-info idle -p
lxc-info idle -pH
lxc-info idle -i
lxc-info idle -S
lxc-info idle -c lxc.group
lxc-info idle -c lxc.group -c lxc.uts.name -H
lxc-info idle -c lxc.uts.name -H
lxc-info idle -c lxc.apparmor.profile -H
lxc-info idle -c lxc.foo
lxc-info idle -c lxc.foo -H
lxc-info idle -s -c lxc.net -c lxc.net.0.type -c lxc.tty.max
lxc-info nobody
lxc-info nobody -q
lxc-info
lxc-info -n
lxc-info --version=1
lxc-info --nonsense
lxc-info --x=3 idle
lxc-info -Z
lxc-info --lo x
lxc-info --quiet=3
lxc-info -P /x idle
lxc-info idle --rcfile /nowhere
lxc-info nobody --rcfile /nowhere
lxc-info nobody --rcfile /dev/null
lxc-info nobody --rcfile /dev/null -s -c lxc.tty.max
lxc-info idle -o /proc/nowhere/log
lxc-wait idle -s STOPPED
lxc-wait idle -s STOPPED|RUNNING
lxc-wait idle -s RUNNING -t 0
lxc-wait idle -s RUNNING -t 1
lxc-wait nobody -s STOPPED
lxc-wait idle --t 0 -s RUNNING
lxc-stop idle --t 1
lxc-ls --rcfile /dev/null
lxc-unshare -s UTSNAME -- true
lxc-unshare -n idle -s UTSNAME -- true
lxc-unshare --rcfile /dev/null -s UTSNAME -- true
lxc-wait idle -s ||STOPPED|
lxc-wait idle -s stopped
lxc-wait idle -s NONSENSE
lxc-wait idle
lxc-freeze idle
lxc-freeze nobody
lxc-unfreeze idle
lxc-unfreeze nobody
lxc-stop idle
lxc-stop nobody
lxc-stop nobody -q
lxc-stop idle -k
lxc-stop idle -r
lxc-stop idle -W
lxc-stop idle -t x
lxc-stop idle -k -r
lxc-stop idle -k -t 3
lxc-stop idle -k -t 0
lxc-stop idle -k -W
lxc-stop idle -k --nokill
lxc-stop idle --nolock
lxc-stop idle -k --nolock
lxc-stop idle --rcfile /nowhere
lxc-console idle
lxc-console nobody
lxc-console idle -t x
lxc-console idle -t -1"""
SYSTEM = "-l|lxc|lxc.|lxc.lxcpath|lxc.bdev|lxc.bdev.zfs.root|lxc.cgroup.use|nonsense"
CONFIG = "lxc.net.0.type = empty\nlxc.net.0.flags = up\nlxc.group = web,db\nlxc.group = onboot\nlxc.start.auto = 1\n"


def told(text: str) -> str:
    """What of ours 5.0.2 tells, too: where all cgroups are unified it measures nothing, and says that memory is 0."""
    if is_unified():
        text = "".join(line for line in text.splitlines(True) if " use:" not in line)
    return text


class Both:
    """A container path with a busybox container, `box` in the lines, one that is a configuration and no more, and a repository."""

    def __init__(self, lxc: Lxc) -> None:
        self.lxc, self.name = lxc, lxc.create(config=CONFIG)
        for name in ("idle", ".git"):
            (lxc.path / name).mkdir()
        lxc.config(".git").write_text("[core]\n")
        lxc.config("idle").write_text("lxc.uts.name = i\nlxc.group = web\n")

    def start(self, starter: str) -> None:
        self.lxc.ok("lxc-start", "-n", self.name, "--", "/bin/sleep", "1000", peer=starter == "theirs")

    def agree(self, line: str) -> bool:
        """Whether both print the same now."""
        tool, *words = line.replace("box", self.name).split()
        return self.lxc.ok(tool, *words, peer=True) == told(self.lxc.ok(tool, *words))

    def same(self, line: str) -> None:
        tool, *words = line.replace("box", self.name).split()
        for _ in range(5):  # what is used changes now and then between two looks
            theirs, ours = (self.lxc.run(tool, *words, peer=peer) for peer in (True, False))
            if told(ours.stdout) == theirs.stdout:
                break
        assert (line, told(ours.stdout), ours.returncode) == (line, theirs.stdout, theirs.returncode)
        assert bool(ours.stderr) == bool(theirs.stderr), f"{line}: we say {ours.stderr!r}, they {theirs.stderr!r}"
        if "option '" in theirs.stderr or "option -" in theirs.stderr:  # getopt's words; the help that follows is ours
            assert ours.stderr.splitlines()[0] == theirs.stderr.splitlines()[0].replace("/usr/bin/", "")


@pytest.fixture
def both(lxc: Lxc) -> Both:
    return Both(lxc)


@pytest.mark.parametrize("line", [*LISTING.splitlines(), *STOPPED.splitlines()])
def test_on_stopped_containers(both: Both, line: str) -> None:
    both.same(line)


@pytest.mark.parametrize("words", ["-L", "-L -C", "-d ALL", "-d snap0", "-r snap0"])
def test_snapshots_of_a_container_that_is_not_there(both: Both, words: str) -> None:
    theirs, ours = (both.lxc.run("lxc-snapshot", "-n", "nobody", *words.split(), peer=peer) for peer in (True, False))
    assert (ours.stdout, ours.returncode) == (theirs.stdout, theirs.returncode)
    assert "nobody is not defined" in ours.stderr


@pytest.mark.parametrize("starter", ["ours", "theirs"])
def test_on_a_running_container(both: Both, starter: str) -> None:
    both.start(starter)
    for line in (*LISTING.splitlines(), *RUNNING.splitlines()):
        both.same(line)


@pytest.mark.parametrize("starter", ["ours", "theirs"])
def test_what_a_container_uses_is_measured_alike(both: Both, starter: str) -> None:
    """Frozen it uses nothing more meanwhile; what the kernel gives back for it later changes the figures once or twice."""
    both.start(starter)
    both.lxc.ok("lxc-freeze", "-n", both.name)
    memory = () if is_unified() else ("lxc-ls -f -F NAME,RAM,SWAP",)
    for line in ("lxc-info box -SH", "lxc-info box -S", "lxc-info box -H", *memory):
        until(partial(both.agree, line), f"{line} prints the same")
    both.lxc.ok("lxc-unfreeze", "-n", both.name)


@pytest.mark.unified
def test_the_unified_cgroup_of_theirs_is_found(both: Both) -> None:
    both.start("theirs")
    both.lxc.ok("lxc-freeze", "-n", both.name)
    assert both.lxc.state(both.name) == "FROZEN"
    assert both.lxc.ok("lxc-cgroup", "-n", both.name, "pids.current").split() == ["1"]
    assert "Memory use:" in both.lxc.ok("lxc-info", "-n", both.name)
    both.lxc.ok("lxc-unfreeze", "-n", both.name)


@pytest.mark.parametrize("peer", [False, True])
def test_waiting_in_vain_fails_when_the_time_is_up(both: Both, peer: bool) -> None:
    both.start("theirs")
    assert both.lxc.run("lxc-wait", "-n", both.name, "-s", "STOPPED", "-t", "1", peer=peer).returncode == 1


@pytest.mark.parametrize("words", SYSTEM.split("|"))
def test_the_systems_settings(lxc: Lxc, words: str) -> None:
    theirs, ours = (run([f"{where}/lxc-config", *words.split()], capture_output=True) for where in (PEER, lxc.bin))
    assert (ours.stdout, ours.stderr, ours.returncode) == (theirs.stdout, theirs.stderr, theirs.returncode)


@pytest.mark.parametrize("tool", sorted(path.name for path in BIN.glob("lxc-*") if (PEER / path.name).exists()))
def test_help_is_told_on_the_same_stream(lxc: Lxc, tool: str) -> None:
    for word in ("-h", "--help"):
        theirs, ours = (run([where / tool, word], capture_output=True) for where in (PEER, lxc.bin))
        if tool != "lxc-usernsexec":  # theirs has no help
            told = [(bool(done.stdout), bool(done.stderr), done.returncode) for done in (theirs, ours)]
            assert told[0] == told[1], word


@pytest.mark.parametrize("words", [("-k",), ("-t", "1"), ("-W",)])
def test_each_sides_containers_are_stopped_by_the_other(both: Both, words: tuple[str, ...]) -> None:
    for starter, peer in (("theirs", False), ("ours", True)):
        both.start(starter)
        assert both.lxc.run("lxc-stop", "-n", both.name, *words, peer=peer).returncode == 0
        both.lxc.run("lxc-stop", "-n", both.name, "-k")
        both.lxc.ok("lxc-wait", "-n", both.name, "-s", "STOPPED", "-t", "20")


@pytest.mark.parametrize(
    "definition",
    ['lxc.environment="A= 1 "', "lxc.environment='A=1'", " lxc.environment =\tA=1 ", 'lxc.environment="A=1', "lxc.environment=A='1'"],
)  # fmt: skip
def test_what_is_set_for_one_run_is_read_alike(both: Both, definition: str) -> None:
    words = ("-n", both.name, "-s", definition, "--", "/bin/env")
    assert both.lxc.ok("lxc-execute", *words) == both.lxc.ok("lxc-execute", *words, peer=True)
