"""Another process's network namespace, looked into by root and by the user who owns it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL

import pytest

import lxc
from lxc.kernel import process
from lxc.network.addresses import Address, interfaces
from lxc.network.namespace import visiting

pytestmark = pytest.mark.root
SETUP = """
echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad  # addresses are not tentative at first
ip link set lo up
ip link add one type veth peer name two
ip address add 10.9.8.7/24 dev one
ip address add 10.9.8.1 peer 10.9.8.2 dev two
ip address add fd77::1/64 dev one nodad
ip link set one up && ip link set two up
echo ready && exec sleep 1000
"""


def namespace(*unshare: str) -> tuple[subprocess.Popen[str], int]:
    """A process with SETUP done in network namespace of its own, and its pidfd."""
    child = subprocess.Popen(["unshare", *unshare, "sh", "-ec", SETUP], stdout=subprocess.PIPE, text=True)
    assert child.stdout
    assert child.stdout.readline() == "ready\n"
    return child, process.pidfd_open(child.pid)


@pytest.fixture
def pidfd() -> Iterator[int]:
    child, fd = namespace("-n")
    yield fd
    os.close(fd)
    child.kill()
    child.communicate()


def test_root_sees_what_is_there(pidfd: int) -> None:
    found = interfaces(pidfd)
    assert found.names == ("lo", "one", "two")
    assert set(found.addresses(family="inet")) == {"10.9.8.7", "10.9.8.1"}
    assert found.addresses(interface="one", family="inet6") == ("fd77::1",)
    assert Address("lo", "inet", "127.0.0.1") in found.all_addresses
    assert all(address.scope for address in found.all_addresses if address.text.startswith("fe80:"))


def test_without_the_list_of_all_the_addresses_are_the_same(pidfd: int) -> None:
    visible = interfaces(pidfd, addressed=True)
    assert visible.names == ("lo", "one", "two")
    assert visible.all_addresses == interfaces(pidfd).all_addresses


def test_afterwards_one_is_at_home_again(pidfd: int) -> None:
    before = os.readlink("/proc/self/ns/net"), len(os.listdir("/proc/self/fd"))
    interfaces(pidfd)
    assert (os.readlink("/proc/self/ns/net"), len(os.listdir("/proc/self/fd"))) == before


def test_one_comes_home_from_a_failure(pidfd: int) -> None:
    before = os.readlink("/proc/self/ns/net")
    there = ""
    with suppress(ZeroDivisionError), visiting(pidfd):
        there = os.readlink("/proc/self/ns/net")
        raise ZeroDivisionError
    assert there not in ("", before)
    assert os.readlink("/proc/self/ns/net") == before


def test_more_addresses_than_one_answer_holds_all_come(pidfd: int) -> None:
    lines = "".join(f"address add 10.{number // 250}.{number % 250}.1/32 dev lo\n" for number in range(2000))
    subprocess.run(
        ["nsenter", f"--net=/proc/{_pid(pidfd)}/ns/net", "ip", "-batch", "-"], input=lines, text=True, check=True
    )
    assert len(interfaces(pidfd).addresses(interface="lo", family="inet")) == 2001


def test_a_user_without_privilege_sees_what_is_in_his_user_namespace() -> None:
    """By a child that joins the user namespace first."""
    script = (
        "import subprocess, sys; sys.path.insert(0, sys.argv[1]);"
        "from lxc.kernel import process; from lxc.network.addresses import interfaces;"
        "child = subprocess.Popen(['unshare', '-rn', 'sh', '-ec', sys.argv[2]], stdout=subprocess.PIPE);"
        "child.stdout.readline(); print(*interfaces(process.pidfd_open(child.pid)).names); child.kill()"
    )
    packages = str(Path(lxc.__file__).parents[1])
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    command = [*nobody, "/usr/bin/python3", "-IS", "-c", script, packages, SETUP]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("lo one two\n", "")


@pytest.mark.parametrize("inner", [("-n",), ("-rn",)], ids=["in the same user namespace", "in one of its own"])
def test_root_of_a_user_namespace_whose_network_is_the_hosts_sees_it_and_stays_at_home(inner: tuple[str, ...]) -> None:
    """Going there is allowed, coming back is not: the network namespace at home belongs to another user namespace."""
    script = (
        "import os, subprocess, sys, threading; sys.path.insert(0, sys.argv[1]);"
        "from lxc.kernel import process; from lxc.network.addresses import interfaces;"
        "home = lambda: os.readlink('/proc/thread-self/ns/net'); before = home();"
        "child = subprocess.Popen(['unshare', *sys.argv[3:], 'sh', '-ec', sys.argv[2]], stdout=subprocess.PIPE);"
        "child.stdout.readline(); pidfd = process.pidfd_open(child.pid);"
        "show = lambda: print(*interfaces(pidfd).names, home() == before);"
        "show(); show(); thread = threading.Thread(target=show); thread.start(); thread.join(); child.kill()"
    )
    packages = str(Path(lxc.__file__).parents[1])
    command = ["unshare", "-r", "/usr/bin/python3", "-ISWignore", "-c", script, packages, SETUP, *inner]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("lo one two True\n" * 3, "")


def test_who_cannot_come_home_goes_no_further(pidfd: int) -> None:
    """One that gives up its privileges while it is there."""
    pid = os.fork()
    if pid == 0:
        try:
            with suppress(Exception), visiting(pidfd):
                os.setresuid(65534, 65534, 65534)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -SIGKILL


def _pid(pidfd: int) -> int:
    with open(f"/proc/self/fdinfo/{pidfd}") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pid:"))
