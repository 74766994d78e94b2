"""Somebody else has the address of a container's command socket, or of lxc-monitord: he is not taken for what should be there."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from tests.conftest import CONFIG, Lxc, as_often, forked

from lxc import list_containers
from lxc.errors import Refused
from lxc.kernel import sockets
from lxc.runtime import claim, monitord, suspicion
from lxc.runtime.place import Place

pytestmark = pytest.mark.root

NOBODY = 65534
SQUAT = """
import os, socket, struct, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
listener = socket.socket(socket.AF_UNIX)
listener.bind("\\0" + sys.argv[1])
listener.listen(100)
print("listens", flush=True)
kept = []
while True:
    client, _ = listener.accept()
    kept.append(client)
    try:
        for _ in range(9):
            command, _, number = struct.unpack("<iiq", client.recv(16, socket.MSG_WAITALL) or bytes(16))
            client.sendall(struct.pack("<iiq", 0, 0, 2))  # RUNNING, or whatever that means
    except OSError:
        continue  # the other has closed
"""


DEAF = """
import os, socket, sys, time
os.setgroups([]); os.setgid(65534); os.setuid(65534)
listener = socket.socket(socket.AF_UNIX)
listener.bind("\\0" + sys.argv[1])
listener.listen(0)
kept = [socket.socket(socket.AF_UNIX) for _ in range(9)]
for client in kept:
    client.setblocking(False)
    client.connect_ex("\\0" + sys.argv[1])
print("listens", flush=True)
time.sleep(600)
"""

LIAR = """
import array, os, signal, socket, struct, sys
victim = int(sys.argv[2])
pidfd = os.pidfd_open(victim)
os.setgroups([]); os.setgid(65534); os.setuid(65534)
listener = socket.socket(socket.AF_UNIX)
listener.bind("\\0" + sys.argv[1])
listener.listen(100)
print("listens", flush=True)
while True:
    client, _ = listener.accept()
    command, length, _ = struct.unpack("<iiq", client.recv(16, socket.MSG_WAITALL) or bytes(16))
    told = client.recv(length, socket.MSG_WAITALL) if length else b""
    number = {3: 2, 4: victim}.get(command, 0)  # GET_STATE: RUNNING; GET_INIT_PID
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [pidfd]))] * (command == 18)  # GET_INIT_PIDFD
    path = sys.argv[3].encode() + bytes(1) if command in (6, 19) else b""  # GET_CGROUP, GET_LIMIT_CGROUP
    try:
        client.sendmsg([struct.pack("<iiq", 0, len(path), number) + path], rights)
    except OSError:  # the other has closed
        pass
    client.close()
"""


@pytest.fixture
def squatted(lxc: Lxc, box: str) -> Iterator[str]:
    """A stopped container; another user listens at the address of its monitor."""
    words = [sys.executable, "-c", SQUAT, f"{lxc.path}/{box}/command"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as squatter:
        assert squatter.stdout
        assert squatter.stdout.readline() == "listens\n"
        yield box
        squatter.kill()


COMMANDS = [
    "lxc-info",
    "lxc-start",
    "lxc-start -F",
    "lxc-stop -k",
    "lxc-stop",
    "lxc-attach -- true",
    "lxc-console",
    "lxc-freeze",
]
COMMANDS += [
    "lxc-wait -s STOPPED",
    "lxc-cgroup cpuset.cpus",
    "lxc-device add /dev/null",
    "lxc-destroy",
    "lxc-copy -N other",
]


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_says_whose_process_it_is(lxc: Lxc, squatted: str, line: str) -> None:
    tool, *words = line.split()
    done = lxc.run(tool, "-n", squatted, *words)
    assert done.returncode != 0
    assert f"of user {NOBODY} listens at the address of the monitor of {squatted}, and is not that" in done.stderr
    assert done.stdout == ""
    assert lxc.config(squatted).exists()


def test_a_list_says_it_and_goes_on(lxc: Lxc, squatted: str) -> None:
    other = lxc.create("other")
    done = lxc.run("lxc-ls", "-f", "-F", "NAME,STATE")
    assert done.stdout.split() == ["NAME", "STATE", other, "STOPPED"]
    assert f"of user {NOBODY} listens at the address of the monitor of {squatted}" in done.stderr


def test_nobody_waits_for_who_listens_and_takes_no_connections(lxc: Lxc, box: str) -> None:
    with ExitStack() as squatters:
        for address in (
            f"{lxc.path}/{box}/command",
            f"{lxc.path}/ghost/command",
            monitord.address(str(lxc.path)).decode(),
        ):
            words = [sys.executable, "-c", DEAF, address]
            squatter = squatters.enter_context(subprocess.Popen(words, stdout=subprocess.PIPE, text=True))
            squatters.callback(squatter.kill)
            assert squatter.stdout
            assert squatter.stdout.readline() == "listens\n"
        for line in ("lxc-info", "lxc-start", "lxc-stop -k", "lxc-wait -s STOPPED", "lxc-destroy", "lxc-monitor"):
            done = lxc.run(*line.split(), "-n", box, timeout=20)
            assert (line, done.returncode) == (line, 1)
            assert "takes no connections" in done.stderr
        assert "takes no connections" in lxc.run("lxc-autostart", "-A", timeout=20).stderr
        assert f"monitor of {box}, and takes no connections" in lxc.run("lxc-ls", "-f", timeout=20).stderr
        assert lxc.run("lxc-ls", "-1", timeout=20).stdout.split() == [box]


def test_a_list_of_names_does_not_take_another_users_process_for_a_monitor(lxc: Lxc, squatted: str) -> None:
    for choice in ("--running", "--active"):
        assert lxc.run("lxc-ls", "-1", choice).stdout == ""
    assert lxc.run("lxc-ls", "-1", "--stopped").stdout.split() == [squatted]
    assert list_containers(defined=False, config_path=str(lxc.path)) == ()
    assert list_containers(config_path=str(lxc.path)) == (squatted,)


@pytest.mark.timeout(60)
def test_who_keeps_the_address_and_does_not_listen_is_named_and_not_waited_for(lxc: Lxc, box: str) -> None:
    address = f"{lxc.path}/{box}/command"
    words = [sys.executable, "-c", DEAF.replace("listener.listen(0)", ""), address]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as squatter:
        assert squatter.stdout
        assert squatter.stdout.readline() == "listens\n"
        said = f"process {squatter.pid} of user {NOBODY} keeps the address of the monitor of {box}"
        for line in ("lxc-start", "lxc-destroy", "lxc-autostart -A", "lxc-copy -N copy", "lxc-copy -R -N other"):
            done = lxc.run(*line.split(), *(["-n", box] if "auto" not in line else []), timeout=10)
            assert done.returncode != 0, line
            assert said in done.stderr
            assert f"ss -xap tells which process has @{address}" in done.stderr
        squatter.kill()


def test_what_is_but_an_address_of_another_user_is_no_container(lxc: Lxc, box: str) -> None:
    words = [sys.executable, "-c", SQUAT, f"{lxc.path}/$(reboot)/command"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as squatter:
        assert squatter.stdout
        assert squatter.stdout.readline() == "listens\n"
        for line in ("lxc-ls -1", "lxc-ls -f -F NAME", "lxc-ls --active", "lxc-ls --running -1"):
            done = lxc.run(*line.split())
            assert "reboot" not in done.stdout + done.stderr
            assert (box in done.stdout) == ("--" not in line)
        assert list_containers(config_path=str(lxc.path)) == (box,)
        assert list_containers(defined=False, config_path=str(lxc.path)) == ()
        squatter.kill()


def test_the_others_are_started_and_stopped_with_the_host_and_it_is_said(lxc: Lxc, squatted: str) -> None:
    """Anybody could keep all containers from being shut down, or one from being started, without a word."""
    other = lxc.create("other", f"{CONFIG}lxc.init.cmd = /bin/sleep 1000\n")
    for words, state, code in (
        ((), "RUNNING", 2),
        (("-k",), "STOPPED", 2),
        (("-L",), "STOPPED", 2),
        (("-L", "-k"), "STOPPED", 1),
    ):
        done = lxc.run("lxc-autostart", "-A", *words)
        assert f"lxc-autostart: {squatted}: process" in done.stderr
        assert f"of user {NOBODY} listens at the address of the monitor of {squatted}" in done.stderr
        assert (lxc.state(other), done.returncode) == (state, code)


def test_a_list_waits_for_nobody_who_only_looks_like_a_monitor(lxc: Lxc, box: str) -> None:
    """At an address of the kind that containers with long paths have, who is asked for his name."""
    silent = SQUAT.replace("client.recv(16, socket.MSG_WAITALL)", "client.recv(1 << 20, socket.MSG_WAITALL)")
    words = [sys.executable, "-c", silent, f"lxc/{os.getpid():016x}/command"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as squatter:
        assert squatter.stdout
        assert squatter.stdout.readline() == "listens\n"
        assert lxc.run("lxc-ls", "--active", timeout=20).stdout == ""
        assert lxc.run("lxc-ls", timeout=20).stdout.split() == [box]
        squatter.kill()


ADDRESSES = (
    "x\na b c zz e f g @{path}/forged/command",  # lines of no form
    "x\n0 00000002 00000000 00010000 0001 01 123 @{path}//command",
    "{path}/../command",
    "{path}/./command",
    "{path}/a\rb/command",
    "{path}/a\x1b[31mb/command",
)


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_address_confuses_a_list(lxc: Lxc, box: str, address: str) -> None:
    words = [sys.executable, "-c", SQUAT, address.format(path=lxc.path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as squatter:
        assert squatter.stdout
        assert squatter.stdout.readline() == "listens\n"
        try:
            listed = lxc.run("lxc-ls", "-1")
            table = lxc.run("lxc-ls", "-f", "-F", "NAME,STATE")
            top = subprocess.run(["timeout", "1", *lxc.command("lxc-top", "-b")], capture_output=True, text=True)
        finally:
            squatter.kill()
    assert (listed.stdout, listed.stderr) == (f"{box}\n", "")
    assert (table.stdout.split(), table.stderr) == (["NAME", "STATE", box, "STOPPED"], "")
    assert (len(top.stdout.splitlines()), top.stderr) == (1, "")


def test_an_address_with_a_line_break_makes_no_stopped_container_one_that_runs(lxc: Lxc) -> None:
    """Anybody could keep it so from being started with the host."""
    box = lxc.create("idle", f"{CONFIG}lxc.init.cmd = /bin/sleep 1000\n")
    forged = f"x\n0 00000002 00000000 00010000 0001 01 123 @{lxc.path}/{box}/command"
    with subprocess.Popen([sys.executable, "-c", SQUAT, forged], stdout=subprocess.PIPE, text=True) as squatter:
        assert squatter.stdout
        assert squatter.stdout.readline() == "listens\n"
        try:
            assert [lxc.ok("lxc-ls", "-1", choice) for choice in ("--active", "--running")] == ["", ""]
            assert lxc.ok("lxc-ls", "-1", "--stopped").split() == [box]
            assert list_containers(defined=False, config_path=str(lxc.path)) == ()
            lxc.ok("lxc-autostart", "-A")
        finally:
            squatter.kill()
    assert lxc.state(box) == "RUNNING"


@pytest.mark.parametrize("what", ["path", "configuration"])
def test_who_owns_the_container_path_or_its_configuration_is_believed(lxc: Lxc, squatted: str, what: str) -> None:
    path = lxc.path if what == "path" else lxc.config(squatted)
    os.chown(path, NOBODY, NOBODY)
    try:
        assert lxc.ok("lxc-info", "-n", squatted, "-s").split() == ["State:", "RUNNING"]
    finally:
        os.chown(path, 0, 0)


@contextmanager
def liar(lxc: Lxc, box: str, cgroup: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """Who owns the container path says that a process of root's is the container's init, and `cgroup` its cgroup."""
    os.chown(lxc.path, NOBODY, NOBODY)
    with ExitStack() as stack:
        stack.callback(os.chown, lxc.path, 0, 0)
        victim = stack.enter_context(subprocess.Popen(["sleep", "600"]))
        stack.callback(victim.kill)
        words = [sys.executable, "-c", LIAR, f"{lxc.path}/{box}/command", str(victim.pid), cgroup]
        process = stack.enter_context(subprocess.Popen(words, stdout=subprocess.PIPE, text=True))
        stack.callback(process.kill)
        assert process.stdout
        assert process.stdout.readline() == "listens\n"
        yield victim


@pytest.mark.parametrize(
    "line", ["lxc-stop -t 1", "lxc-stop -r -t 1", "lxc-attach -e CGROUP -- kill", "lxc-device add /dev/null"]
)
def test_who_owns_the_container_path_cannot_pass_off_a_process_of_others_as_his_init(
    lxc: Lxc, box: str, line: str
) -> None:
    """Root would signal it, and do in its namespaces, which may be the host's, what was meant for the container."""
    tool, *words = line.split()
    with liar(lxc, box) as victim:
        tail = [str(victim.pid)] if words[-1] == "kill" else []
        done = lxc.run(tool, "-n", box, *words, *tail, timeout=30)
        assert victim.poll() is None
    assert done.returncode != 0
    assert f"process {victim.pid}, which user {NOBODY} says is the init of {box}, is not his" in done.stderr


@pytest.mark.parametrize("way", ["", "nowhere/../"])
def test_nor_a_cgroup_of_others_as_his_containers(lxc: Lxc, box: str, way: str) -> None:
    top = Path("/sys/fs/cgroup")
    cgroup = (top / "freezer" if (top / "freezer").exists() else top) / f"victim-{lxc.tag}"
    cgroup.mkdir()
    before = frozen(cgroup)
    try:
        with liar(lxc, box, f"/{way}{cgroup.name}"):
            done = subprocess.run(["timeout", "10", *lxc.command("lxc-freeze", "-n", box)], capture_output=True)
            assert frozen(cgroup) == before
            assert done.returncode == 1
    finally:
        cgroup.rmdir()


def test_who_is_attached_enters_no_cgroup_of_others(lxc: Lxc) -> None:
    """Whoever is its monitor gives descriptors of directories, which may be of all that he can open."""
    top = Path("/sys/fs/cgroup")
    cgroup = (top / "pids" if (top / "pids").exists() else top) / f"others-{lxc.tag}"
    (cgroup / "his/below").mkdir(parents=True)
    os.chown(cgroup / "his", NOBODY, NOBODY)
    os.chown(lxc.path, NOBODY, NOBODY)
    try:
        opened = [os.open(path, os.O_RDONLY) for path in (cgroup, cgroup / "his", lxc.path, cgroup / "his/below")]
        kept = suspicion.cgroups_of(NOBODY, tuple(opened))
        assert [os.readlink(f"/proc/self/fd/{fd}") for fd in kept] == [f"{cgroup}/his", f"{cgroup}/his/below"]
        assert kept == (opened[1], opened[3])
        for fd in kept:
            os.close(fd)
    finally:
        os.chown(lxc.path, 0, 0)
        for path in (cgroup / "his/below", cgroup / "his", cgroup):
            path.rmdir()


def frozen(cgroup: Path) -> str:
    return next(cgroup / file for file in ("freezer.state", "cgroup.freeze") if (cgroup / file).exists()).read_text()


def test_the_containers_root_is_not_believed(lxc: Lxc, squatted: str) -> None:
    """Whose its directory is, and who may have the host's network, or be the root of another container as well."""
    os.chown(lxc.path / squatted, NOBODY, NOBODY)
    assert f"of user {NOBODY} listens" in lxc.run("lxc-info", "-n", squatted).stderr


def test_who_is_not_root_believes_root_and_himself_and_no_other() -> None:
    place = Place("web", "/nowhere")

    def believed(uid: int) -> tuple[bool, bool]:
        os.seteuid(uid)
        ours, _ = sockets.pair()  # its peer is who made it
        os.seteuid(0)
        os.seteuid(NOBODY)
        try:
            claim.check(ours, place)
        except Refused:
            return False, claim.may_have(uid, place)
        return True, claim.may_have(uid, place)

    assert [forked(lambda uid=uid: believed(uid)) for uid in (0, NOBODY, 1234)] == [
        (True, True),
        (True, True),
        (False, False),
    ]


def test_who_owns_the_container_path_may_copy_the_container(tmp_path: Path) -> None:
    os.chown(tmp_path, 1234, 1234)
    assert [claim.may_have(uid, Place("web", str(tmp_path))) for uid in (1234, NOBODY)] == [True, False]


def test_who_copies_the_container_is_no_stranger(lxc: Lxc) -> None:
    place = Place(f"web-{lxc.tag}", str(lxc.path))
    keeper = claim.reserve(place)
    with pytest.raises(claim.Reserved, match="is being copied"):
        claim.reserve(place)
    keeper.close()
    claim.reserve(place).close()


def test_what_is_told_at_the_address_of_lxc_monitord_is_not_passed_on(lxc: Lxc) -> None:
    address = monitord.address(str(lxc.path)).decode()
    words = [sys.executable, "-c", SQUAT, address]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as squatter:
        assert squatter.stdout
        assert squatter.stdout.readline() == "listens\n"
        done = lxc.run("lxc-monitor", "-n", "web", timeout=30)
        squatter.kill()
    assert done.returncode == 1
    assert f"of user {NOBODY} listens at the address of the lxc-monitord of {lxc.path}" in done.stderr


BABBLER = """
import array, os, random, socket, struct, sys
files = [os.open(path, os.O_RDONLY) for path in ("/dev/null", "/", "/proc/self/ns/user")]
os.setgroups([]); os.setgid(65534); os.setuid(65534)
files.append(os.pidfd_open(os.getpid()))
listener = socket.socket(socket.AF_UNIX)
listener.bind("\\0" + sys.argv[1])
listener.listen(100)
print("listens", flush=True)
chance = random.Random(int(sys.argv[2]))
texts = (b"", b"\\0", b"/\\0", b"/x\\0y\\0", b"\\xff\\0", b"../..\\0", b"a\\n\\x1bb\\0", b"none\\0", b"-1\\0", b"9" * 99 + b"\\0")

def reply():
    ret, number = chance.choice((0, 0, 0, -1, -2, 8, 2**31 - 1, -2**31)), chance.choice((0, 2, 2, os.getpid(), -1, 2**63 - 1, -2**63))
    return struct.pack("<iiq", ret, len(text := chance.choice(texts)), number) + text, [chance.choice(files)] * chance.choice((0, 0, 1, 2))

while True:
    client, _ = listener.accept()
    command, length, _ = struct.unpack("<iiq", client.recv(16, socket.MSG_WAITALL) or bytes(16))
    asked = client.recv(length, socket.MSG_WAITALL) if length else b""
    raw, given = reply()
    if command == 3 and chance.random() < 0.8:  # GET_STATE, with other requests behind it
        raw, given = b"", []
        while asked:
            asked = asked[16 + int.from_bytes(asked[4:8], "little"):]
            more, descriptors = reply()
            raw, given = raw + len(descriptors).to_bytes(4, "little") + more, given + descriptors
        raw = struct.pack("<iiq", 0, len(raw), chance.choice((2, 2, 2, 6, 99))) + raw
    elif command == 10 and chance.random() < 0.8:  # ADD_STATE_CLIENT
        raw = struct.pack("<iiq", 8, 0, 8) + struct.pack("<i256si", 0, b"box", chance.choice((0, 7, 8, -1)))
    try:
        client.sendmsg([raw[:chance.choice((len(raw),) * 9 + (5,))]], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", given))])
    except OSError:  # the other has closed
        pass
    client.close()
"""
ASKING = [
    "lxc-info", "lxc-info -c lxc.uts.name -c lxc.net", "lxc-ls -f", "lxc-ls -F NAME,PID,MEMORY,GROUPS", "lxc-attach -- true",
    "lxc-attach -e -- true", "lxc-stop -W", "lxc-stop -r -W", "lxc-stop -k", "lxc-freeze", "lxc-unfreeze", "lxc-cgroup pids.max",
    "lxc-cgroup devices.allow a", "lxc-console -t 1", "lxc-device add /dev/zero", "lxc-wait -s STOPPED -t 1", "lxc-autostart -s -A -t 0",
    "lxc-autostart -r -A", "lxc-snapshot", "lxc-execute -- true", "lxc-start",
]  # fmt: skip


@pytest.mark.parametrize("first", ["there", "a link"])
def test_a_container_is_not_started_twice_by_two_paths_that_are_one_directory(
    lxc: Lxc, box: str, tmp_path: Path, first: str
) -> None:
    """Neither is a directory of the same name elsewhere in the way, nor one that a stopped container had."""
    link = Lxc(tmp_path / "link")
    link.path.symlink_to(lxc.path)
    one, other = (lxc, link) if first == "there" else (link, lxc)
    one.start(box)
    try:
        before = one.leftovers()
        done = other.run("lxc-start", "-n", box)
        assert done.returncode == 1
        assert f"{box} is running already, as a container of {one.path}, which is the same directory" in done.stderr
        assert f"use -P {one.path}" in done.stderr
        assert len(one.leftovers()) == len(before)
        assert other.state(box) == "STOPPED"
    finally:
        one.ok("lxc-stop", "-n", box, "-k")
    other.start(box)
    other.ok("lxc-stop", "-n", box, "-k")
    apart = Lxc(tmp_path / "apart")
    subprocess.run(["cp", "-a", lxc.path, apart.path], check=True)
    one.start(box)
    apart.start(box)
    for it in (apart, one):
        it.ok("lxc-stop", "-n", box, "-k")


@pytest.mark.parametrize("line", ASKING)
def test_whatever_a_monitor_answers_is_understood_or_said_to_be_wrong(lxc: Lxc, box: str, line: str) -> None:
    tool, *words = line.split()
    name = [] if tool in ("lxc-ls", "lxc-autostart") else ["-n", box]
    os.chown(lxc.path, NOBODY, NOBODY)
    with ExitStack() as stack:
        stack.callback(os.chown, lxc.path, 0, 0)
        for seed in range(as_often(8)):
            babbler = [sys.executable, "-c", BABBLER, f"{lxc.path}/{box}/command", str(seed)]
            with subprocess.Popen(babbler, stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout
                assert process.stdout.readline() == "listens\n"
                try:
                    done = lxc.run(tool, *name, *words, timeout=40, errors="replace")
                finally:
                    process.kill()
            assert "Traceback" not in done.stderr, done.stderr
            assert 0 <= done.returncode < 128
            assert "\x1b" not in done.stdout + done.stderr
