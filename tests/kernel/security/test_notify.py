"""System calls on which somebody else decides: a proxy on a socket, whoever takes the listener, Python functions."""

from __future__ import annotations

import array
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import CONFIG, MAPPED, Lxc, until

from lxc.kernel import seccomp
from lxc.runtime import client, commands
from lxc.runtime.commands import Request
from lxc.runtime.place import Place
from lxc.security.seccomp import notification as wire

pytestmark = pytest.mark.root

HANDLERS = "python:lxc.security.intercept"
MKNOD = "mknod notify [1,8192,SCMP_CMP_MASKED_EQ,61440]\nmknodat notify [2,8192,SCMP_CMP_MASKED_EQ,61440]\n"
CHROOT = "chroot notify\n"  # the call that proxies are asked about: with it, chroot(8) tells what they say
NUMBER = {"chroot": 161}


class Proxy:
    """One as LXC's users write them; what it is asked, it keeps, and `answer` makes the reply of that."""

    def __init__(self, address: str, answer: Callable[[bytes], bytes | None]) -> None:
        self.asked: list[tuple[bytes, list[str]]] = []
        self._answer = answer
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind("\0" + address[1:] if address.startswith("@") else address)
        self.listener.listen()
        self.connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        while True:
            try:
                question, ancillary, _, _ = connection.recvmsg(65536, socket.CMSG_SPACE(4 * 8))
            except OSError:
                return
            if not question:
                return
            fds = array.array("i")
            for _, _, data in ancillary:
                fds.frombytes(data)
            self.asked.append((question, [os.readlink(f"/proc/self/fd/{fd}") for fd in fds]))
            for fd in fds:
                os.close(fd)
            reply = self._answer(question)
            if reply is None:
                connection.close()
                return
            try:
                connection.send(reply)
            except OSError:  # who asked has gone
                return

    def close(self) -> None:
        self.listener.close()
        for connection in self.connections:
            connection.close()


def number(raw: bytes, at: int, size: int) -> int:
    return int.from_bytes(raw[at : at + size], "little", signed=size == 4)


def reply(question: bytes, *, value: int = 0, error: int = 0, flags: int = 0, shift: int = 0) -> bytes:
    """The question without its cookie, the decision in its last part."""
    head = question[: 32 + 80]
    return head + wire.Response(number(question, 32, 8) + shift, value, error, flags).raw


@pytest.fixture
def proxy(lxc: Lxc) -> Iterator[Callable[..., Proxy]]:
    made: list[Proxy] = []

    def make(answer: Callable[[bytes], bytes | None], address: str = "") -> Proxy:
        made.append(Proxy(address or f"{lxc.path}/proxy", answer))
        return made[-1]

    yield make
    for each in made:
        each.close()


def make(lxc: Lxc, rules: str, more: str = "", drop: str = "") -> str:
    (lxc.path / "policy").write_text(f"2\ndenylist\n{rules}")
    name = lxc.create(config=f"{CONFIG}lxc.seccomp.profile = {lxc.path}/policy\n{more}")
    if drop:
        lxc.extend(name, f"lxc.cap.drop = {drop}")
    return name


def chroot(lxc: Lxc, name: str) -> str:
    """What a call that is asked about gives in the container."""
    done = lxc.run("lxc-attach", "-n", name, "--", "chroot", "/nowhere", "true")
    return (done.stderr or done.stdout).strip().rpartition(": ")[2] if done.returncode else "done"


def supervisors(lxc: Lxc) -> list[int]:
    found = []
    for entry in filter(str.isdecimal, os.listdir("/proc")):
        try:
            if f"[lxc seccomp] {lxc.path}" in Path(f"/proc/{entry}/cmdline").read_text(errors="replace"):
                found.append(int(entry))
        except OSError:
            continue
    return found


def test_a_proxy_is_asked_in_lxcs_words(lxc: Lxc, proxy: Callable[..., Proxy]) -> None:
    made = proxy(lambda question: reply(question, error=-18))
    cookie = "some words\t of mine"
    name = make(
        lxc, CHROOT, f"lxc.seccomp.notify.proxy = unix:{lxc.path}/proxy\nlxc.seccomp.notify.cookie = {cookie}\n"
    )
    lxc.start(name)
    assert chroot(lxc, name) == "Invalid cross-device link"
    question, descriptors = made.asked[0]
    sizes = seccomp.notif_sizes()
    assert len(question) == 32 + sizes[0] + sizes[1] + len(cookie)
    assert question[:8] == bytes(8)
    init = lxc.init_pid(name)
    monitor = int(Path(f"/proc/{init}/stat").read_text().rpartition(")")[2].split()[1])
    assert (number(question, 8, 4), number(question, 12, 4)) == (monitor, init)
    assert tuple(number(question, at, 2) for at in (16, 18, 20, 22)) == (*sizes, 0)
    assert number(question, 24, 8) == len(cookie)
    assert question[32 + sizes[0] + sizes[1] :] == cookie.encode()
    assert number(question, 32 + 16, 4) == NUMBER["chroot"]
    pid = number(question, 40, 4)
    assert descriptors == [f"/proc/{pid}", f"/proc/{pid}/mem", "anon_inode:seccomp notify"]
    assert question[32 + 80 : 32 + 80 + 8] == question[32:40]  # the response's id
    assert question[32 + 80 + 8 : 32 + 80 + 24] == bytes(16)


@pytest.mark.parametrize(("decision", "outcome"), [
    (lambda question: reply(question), "done"),
    (lambda question: reply(question, error=-1), "Operation not permitted"),
    (lambda question: reply(question, flags=wire.CONTINUE), "No such file or directory"),
    (lambda question: reply(question, shift=1), "Function not implemented"),  # an answer to something else
    (lambda question: reply(question)[:-1], "Function not implemented"),
    (lambda question: reply(question) + b"\0", "Function not implemented"),
    (lambda question: b"\1" + reply(question)[1:], "Function not implemented"),
    (lambda question: b"", "Function not implemented"),
    (lambda question: b"\377" * 65536, "Function not implemented"),
    (lambda question: reply(question, error=-1, flags=wire.CONTINUE), "Function not implemented"),  # the kernel's no
    (lambda question: reply(question, flags=0x80), "Function not implemented"),
    (lambda question: None, "Function not implemented"),
])  # fmt: skip
def test_what_a_proxy_says_is_done_if_it_can_be(
    lxc: Lxc, proxy: Callable[..., Proxy], decision: Callable[[bytes], bytes | None], outcome: str
) -> None:
    proxy(decision)
    name = make(lxc, CHROOT, f"lxc.seccomp.notify.proxy = unix:{lxc.path}/proxy\n")
    lxc.start(name)
    for _ in range(2):  # whatever it said, the next question is asked
        assert outcome in chroot(lxc, name)


def test_a_proxy_that_was_replaced_is_found_again(lxc: Lxc, proxy: Callable[..., Proxy]) -> None:
    first = proxy(lambda question: reply(question, error=-1))
    name = make(lxc, CHROOT, f"lxc.seccomp.notify.proxy = unix:{lxc.path}/proxy\n")
    lxc.start(name)
    assert chroot(lxc, name) == "Operation not permitted"
    first.close()
    os.unlink(f"{lxc.path}/proxy")
    assert chroot(lxc, name) == "Function not implemented"
    proxy(lambda question: reply(question, error=-18))
    assert chroot(lxc, name) == "Invalid cross-device link"


def test_a_proxy_that_is_slow_holds_up_nobody_but_the_caller(lxc: Lxc, proxy: Callable[..., Proxy]) -> None:
    wait = threading.Event()

    def slow(question: bytes) -> bytes:
        wait.wait(60)
        return reply(question, error=-1)

    made = proxy(slow)
    name = make(lxc, CHROOT, f"lxc.seccomp.notify.proxy = unix:{lxc.path}/proxy\n")
    lxc.start(name)
    with lxc.spawn("lxc-attach", "-n", name, "--", "chroot", "/nowhere", "true") as waiting:
        until(lambda: made.asked, "it is asked")
        before = time.monotonic()
        assert lxc.state(name) == "RUNNING"
        assert lxc.attach(name, "echo", "here") == "here\n"
        wait.set()
        assert "Operation not permitted" in waiting.communicate()[1]
    assert time.monotonic() - before < 30


def test_who_waits_for_an_answer_can_be_killed_with_the_container(lxc: Lxc, proxy: Callable[..., Proxy]) -> None:
    made = proxy(lambda question: time.sleep(3600) or b"")
    script = "lxc.init.cmd = /bin/sh -c 'chroot /nowhere true'\n"
    name = make(lxc, CHROOT, f"lxc.seccomp.notify.proxy = unix:{lxc.path}/proxy\n{script}")
    lxc.start(name)
    until(lambda: made.asked, "it is asked")
    lxc.ok("lxc-stop", "-n", name, "-k")
    assert supervisors(lxc) == []


def test_a_start_without_its_proxy_fails_and_leaves_nothing(lxc: Lxc) -> None:
    name = make(lxc, CHROOT, f"lxc.seccomp.notify.proxy = unix:{lxc.path}/nobody\n")
    done = lxc.run("lxc-start", "-n", name)
    assert done.returncode == 1
    assert f"cannot ask unix:{lxc.path}/nobody about the calls it notifies of: [Errno 2] No such file" in done.stderr
    assert f"{lxc.path}/box" in done.stderr  # the line that names it
    assert lxc.leftovers() == []


def test_a_stranger_at_an_abstract_address_is_shown_nothing(lxc: Lxc) -> None:
    code = (
        "import socket, sys\ns = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
        "s.bind('\\0' + sys.argv[1]); s.listen(); print('ready', flush=True); c, _ = s.accept(); print(c.recv(65536))"
    )
    argv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "python3", "-c", code, f"lxc-{lxc.tag}"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as stranger:
        assert stranger.stdout
        assert stranger.stdout.readline() == "ready\n"
        name = make(lxc, CHROOT, f"lxc.seccomp.notify.proxy = unix:@lxc-{lxc.tag}\n")
        done = lxc.run("lxc-start", "-n", name)
        assert done.returncode == 1
        assert f"user 65534 listens at @lxc-{lxc.tag}, to whom the memory of processes is not shown" in done.stderr
        stranger.kill()


def test_an_abstract_address_is_used_whole(lxc: Lxc, proxy: Callable[..., Proxy]) -> None:
    proxy(lambda question: reply(question, error=-18), f"@lxc-{lxc.tag}")
    name = make(lxc, CHROOT, f"lxc.seccomp.notify.proxy = unix:@lxc-{lxc.tag}\n")
    lxc.start(name)
    assert chroot(lxc, name) == "Invalid cross-device link"


def test_calls_of_start_hooks_and_of_init_are_answered(lxc: Lxc, proxy: Callable[..., Proxy]) -> None:
    proxy(lambda question: reply(question, error=-18))
    more = "lxc.hook.start = sh -c 'chroot /nowhere true 2> /hook; true' #\n"
    more += "lxc.init.cmd = /bin/sh -c 'chroot /nowhere true 2> /init; > /done; sleep 600'\n"
    name = make(lxc, CHROOT, f"lxc.seccomp.notify.proxy = unix:{lxc.path}/proxy\n{more}")
    lxc.start(name)
    until((lxc.rootfs(name) / "done").exists, "init has called")
    assert "Invalid cross-device link" in (lxc.rootfs(name) / "hook").read_text()
    assert "Invalid cross-device link" in (lxc.rootfs(name) / "init").read_text()


def test_without_a_proxy_the_listener_is_for_whoever_takes_it(lxc: Lxc) -> None:
    script = "lxc.init.cmd = /bin/sh -c 'chroot /nowhere true 2> /init; > /done; sleep 600'\n"
    name = make(lxc, CHROOT, script)
    lxc.start(name)
    place = Place(name, str(lxc.path))
    (listener,) = client.ask(place, Request(commands.GET_SECCOMP_NOTIFY_FD)).descriptors
    asked = wire.Notification(seccomp.receive(listener, seccomp.notif_sizes()[0]))
    assert asked.number == NUMBER["chroot"]
    assert asked.pid > 0
    seccomp.respond(listener, wire.Response(asked.id, error=-18).raw)
    until((lxc.rootfs(name) / "done").exists, "init has its answer")
    assert "Invalid cross-device link" in (lxc.rootfs(name) / "init").read_text()
    os.close(listener)
    assert (
        chroot(lxc, name) == "Function not implemented"
    )  # what is attached has a filter of its own, and nobody its listener


def test_without_such_rules_there_is_no_listener(lxc: Lxc, box: str) -> None:
    lxc.start(box)
    place = Place(box, str(lxc.path))
    assert client.ask(place, Request(commands.GET_SECCOMP_NOTIFY_FD)).ret == -9  # EBADF
    connection = client.offer_listener(place)
    connection.settimeout(20)
    assert commands.read_header(connection.recv(16))[0] == -22
    connection.close()


def test_what_is_no_listener_is_not_taken_for_one(lxc: Lxc, proxy: Callable[..., Proxy]) -> None:
    proxy(lambda question: reply(question, error=-18))
    name = make(lxc, CHROOT, f"lxc.seccomp.notify.proxy = unix:{lxc.path}/proxy\n")
    lxc.start(name)
    connection = client.offer_listener(Place(name, str(lxc.path)))
    with pytest.raises(OSError, match="the monitor does not take it"):
        client.hand_over(connection, 0)
    connection.close()
    assert chroot(lxc, name) == "Invalid cross-device link"


def test_who_decides_is_replaced_when_it_is_killed(lxc: Lxc, proxy: Callable[..., Proxy]) -> None:
    proxy(lambda question: reply(question, error=-18))
    script = "lxc.init.cmd = /bin/sh -c 'while :; do chroot /nowhere true 2> /seen; mv /seen /last; done'\n"
    name = make(lxc, CHROOT, f"lxc.seccomp.notify.proxy = unix:{lxc.path}/proxy\n{script}")
    lxc.start(name)
    (first,) = supervisors(lxc)
    os.kill(first, 9)
    until(lambda: (found := supervisors(lxc)) and first not in found, "there is another")
    last = lxc.rootfs(name) / "last"
    last.unlink(missing_ok=True)
    until(last.exists, "init was answered again")
    until(lambda: last.exists() and "Invalid cross-device link" in last.read_text(), "by the proxy")


def test_a_policy_that_asks_about_the_way_in_is_refused(lxc: Lxc) -> None:
    name = make(lxc, "sendmsg notify\nmknod notify\n")
    done = lxc.run("lxc-start", "-n", name)
    assert done.returncode == 1
    assert "notify cannot be for all of sendmsg: containers are entered so" in done.stderr


def test_a_reboot_has_who_decides_anew(lxc: Lxc, proxy: Callable[..., Proxy]) -> None:
    proxy(lambda question: reply(question, error=-18))
    name = make(lxc, CHROOT, f"lxc.seccomp.notify.proxy = unix:{lxc.path}/proxy\n")
    lxc.start(name)
    (first,) = supervisors(lxc)
    pid = lxc.init_pid(name)
    lxc.ok("lxc-stop", "-n", name, "-r")
    until(lambda: lxc.state(name) == "RUNNING" and lxc.init_pid(name) != pid, "it has rebooted")
    assert len(supervisors(lxc)) == 1
    assert supervisors(lxc) != [first]
    assert chroot(lxc, name) == "Invalid cross-device link"


@pytest.mark.parity
def test_a_proxy_hears_the_same_from_debians_lxc(lxc: Lxc, proxy: Callable[..., Proxy]) -> None:
    made = proxy(lambda question: reply(question, error=-18))
    more = "lxc.init.cmd = /bin/sleep 600\nlxc.seccomp.notify.cookie = a cookie\n"
    name = make(lxc, CHROOT, f"lxc.seccomp.notify.proxy = unix:{lxc.path}/proxy\n{more}")
    heard = []
    for peer in (False, True):
        lxc.ok("lxc-start", "-n", name, peer=peer)
        done = lxc.run("lxc-attach", "-n", name, "--", "/bin/busybox", "chroot", "/nowhere", "true", peer=peer)
        assert "Invalid cross-device link" in done.stderr
        init = lxc.init_pid(name)
        monitor = int(Path(f"/proc/{init}/stat").read_text().rpartition(")")[2].split()[1])
        question, descriptors = made.asked.pop()
        assert (number(question, 8, 4), number(question, 12, 4)) == (monitor, init)
        pid = f"{number(question, 40, 4)}"
        varying = range(8, 16), range(32, 44), range(56, 112), range(112, 120)  # pids, ids, addresses
        heard.append((
            bytes(0 if any(at in each for each in varying) else byte for at, byte in enumerate(question)),
            [name.replace(pid, "PID") for name in descriptors],
        ))  # fmt: skip
        lxc.ok("lxc-stop", "-n", name, "-k", peer=peer)
    assert heard[0] == heard[1]


@pytest.mark.parity
@pytest.mark.parametrize("is_started_by_peer", [False, True])
def test_what_each_side_attaches_to_the_others_containers_is_answered(
    lxc: Lxc, proxy: Callable[..., Proxy], is_started_by_peer: bool
) -> None:
    proxy(lambda question: reply(question, error=-18))
    more = "lxc.init.cmd = /bin/sleep 600\n"
    name = make(lxc, CHROOT, f"lxc.seccomp.notify.proxy = unix:{lxc.path}/proxy\n{more}")
    lxc.ok("lxc-start", "-n", name, peer=is_started_by_peer)
    words = ("-n", name, "--", "/bin/busybox", "chroot", "/nowhere", "true")
    assert "Invalid cross-device link" in lxc.run("lxc-attach", *words, peer=not is_started_by_peer).stderr
    lxc.ok("lxc-stop", "-n", name, "-k", peer=is_started_by_peer)


# ---- Python functions ----------------------------------------------------------------------------------------------


def functions(lxc: Lxc, code: str) -> str:
    file = lxc.path / "handlers.py"
    file.write_text(f"from lxc.security.seccomp.handlers import CONTINUE, Answer\n{code}")
    file.chmod(0o644)
    return f"python:{file}"


def test_a_function_decides(lxc: Lxc) -> None:
    code = (
        "def first(call):\n    return None if call.name == 'chroot' else CONTINUE\n"
        "def second(call):\n    assert call.cookie == 'mine'\n"
        "    return Answer(error=18) if call.string(call.arguments[0]) == b'/nowhere' else CONTINUE\n"
    )
    where = functions(lxc, code)
    name = make(lxc, CHROOT, f"lxc.seccomp.notify.proxy = {where}:first, second\nlxc.seccomp.notify.cookie = mine\n")
    lxc.start(name)
    assert chroot(lxc, name) == "Invalid cross-device link"
    assert lxc.attach(name, "chroot", "/", "echo", "through") == "through\n"


@pytest.mark.parametrize(("body", "outcome"), [
    ("raise OSError(18, '')", "Invalid cross-device link"),
    ("1 / 0", "Function not implemented"),
    ("return None", "Function not implemented"),
    ("import os; os._exit(1)", "Function not implemented"),
])  # fmt: skip
def test_a_function_that_fails_fails_the_call_and_nothing_else(lxc: Lxc, body: str, outcome: str) -> None:
    where = functions(lxc, f"def f(call):\n    {body}\n")
    name = make(lxc, CHROOT, f"lxc.seccomp.notify.proxy = {where}:f\n")
    lxc.start(name)
    assert chroot(lxc, name) == outcome
    assert lxc.attach(name, "echo", "here") == "here\n"


@pytest.mark.parametrize(("named", "said"), [
    ("python:no.such.module:f", "cannot load no.such.module: ModuleNotFoundError"),
    ("python:lxc.security.intercept:nothing", "lxc.security.intercept has no function nothing"),
    ("python:/nowhere/handlers.py:f", "cannot read /nowhere/handlers.py: No such file or directory"),
])  # fmt: skip
def test_functions_that_are_not_there_fail_the_start(lxc: Lxc, named: str, said: str) -> None:
    done = lxc.run("lxc-start", "-n", make(lxc, CHROOT, f"lxc.seccomp.notify.proxy = {named}\n"))
    assert done.returncode == 1
    assert said in done.stderr


def test_code_that_others_may_write_is_not_run(lxc: Lxc) -> None:
    where = functions(lxc, "def f(call):\n    return CONTINUE\n")
    (lxc.path / "handlers.py").chmod(0o666)
    done = lxc.run("lxc-start", "-n", make(lxc, CHROOT, f"lxc.seccomp.notify.proxy = {where}:f\n"))
    assert done.returncode == 1
    assert "may be written by others than root: its code is not run" in done.stderr


def test_harmless_devices_can_be_made_and_no_others(lxc: Lxc) -> None:
    name = make(lxc, MKNOD, f"lxc.seccomp.notify.proxy = {HANDLERS}:mknod\n", drop="mknod")
    lxc.start(name)
    assert lxc.sh(name, "umask 027; cd /tmp && mknod -m 640 null c 1 3 && stat -c '%F %t:%T %a %u' null") == (
        "character special file 1:3 640 0"
    )
    assert lxc.sh(name, "mknod /tmp/whiteout c 0 0 && stat -c %t:%T /tmp/whiteout") == "0:0"
    for wrong in ("c 1 1", "b 7 0", "c 10 229"):
        assert "Operation not permitted" in lxc.sh(name, f"mknod /tmp/wrong {wrong}")
    assert lxc.sh(name, "mknod /tmp/fifo p && test -p /tmp/fifo && echo fifo") == "fifo"
    assert "File exists" in lxc.sh(name, "mknod /tmp/null c 1 3")
    assert "No such file" in lxc.sh(name, "mknod /nowhere/null c 1 3")


def test_others_than_root_make_no_devices(lxc: Lxc) -> None:
    name = make(lxc, MKNOD, f"lxc.seccomp.notify.proxy = {HANDLERS}:mknod\n", drop="mknod")
    lxc.start(name)
    done = lxc.run("lxc-attach", "-n", name, "-u", "1000", "--", "mknod", "/tmp/x", "c", "1", "3")
    assert "Operation not permitted" in done.stderr


def test_a_link_leads_where_it_leads_in_the_container(lxc: Lxc) -> None:
    name = make(lxc, MKNOD, f"lxc.seccomp.notify.proxy = {HANDLERS}:mknod\n", drop="mknod")
    trap = lxc.path / "trap"
    trap.mkdir()
    lxc.start(name)
    (lxc.rootfs(name) / "out").symlink_to(trap)
    assert "No such file" in lxc.sh(name, "mknod /out/x c 1 3")
    assert "No such file" in lxc.sh(name, f"cd /tmp; mknod ../../../../../../../..{trap}/x c 1 3")
    assert list(trap.iterdir()) == []
    lxc.sh(name, f"mkdir -p {trap}")
    lxc.sh(name, "mknod /out/x c 1 3")
    assert list(trap.iterdir()) == []
    assert (lxc.rootfs(name) / str(trap).lstrip("/") / "x").is_char_device()


def test_file_systems_that_are_named_can_be_mounted_and_no_others(lxc: Lxc) -> None:
    more = f"lxc.seccomp.notify.proxy = {HANDLERS}:mount\nlxc.seccomp.notify.cookie = mount=tmpfs\n"
    name = make(lxc, "mount notify\n", more, drop="sys_admin")
    lxc.start(name)
    assert lxc.sh(
        name, "mkdir /there; mount -t tmpfs -o size=64k,noexec mine /there; grep ' /there ' /proc/1/mounts"
    ).replace(",inode64", "") == ("mine /there tmpfs rw,nosuid,nodev,noexec,relatime,size=64k 0 0")
    for wrong in ("-t ramfs x /mnt", "--bind / /mnt", "-o remount,rw /", "-t ext4 /dev/null /mnt"):
        assert lxc.sh(name, f"mkdir -p /mnt; mount {wrong} && echo mounted") != "mounted"
    assert "/mnt" not in lxc.sh(name, "cat /proc/1/mounts")


@pytest.fixture
def disk(lxc: Lxc) -> Iterator[str]:
    """A loop device with an ext4, for containers that are killed in the end."""
    image = lxc.path / "image"
    image.write_bytes(bytes(4 << 20))
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    loop = subprocess.run(["losetup", "-f", "--show", image], check=True, capture_output=True, text=True).stdout.strip()
    os.chmod(loop, 0o660)
    yield loop
    lxc.run("lxc-stop", "-n", f"box-{lxc.tag}", "-k")
    os.chmod(loop, 0o660)
    subprocess.run(["losetup", "-d", loop], check=True)


def test_a_device_is_mounted_that_the_container_may_open(lxc: Lxc, disk: str) -> None:
    more = f"lxc.seccomp.notify.proxy = {HANDLERS}:mount\nlxc.seccomp.notify.cookie = mount=ext4\n"
    entry = f"lxc.mount.entry = {disk} dev/disk none bind,create=file\n"
    name = make(lxc, "mount notify\n", more + entry, drop="sys_admin")
    lxc.start(name)
    assert lxc.sh(name, "mkdir /there; mount -t ext4 -o ro /dev/disk /there && ls /there") == "lost+found"
    assert "/there ext4 ro,nosuid,nodev" in lxc.sh(name, "cat /proc/1/mounts")
    assert "Block device required" in lxc.sh(name, "mkdir /other; mount -t ext4 /dev/null /other")
    group = next(iter(Path("/sys/fs/cgroup").glob(f"*/lxc.payload.{name}/devices.deny")), None)
    if group:  # the version 1 controller: what the container may not open is not mounted for it
        group.write_text(f"b {os.major(os.stat(disk).st_rdev)}:* rwm")
        assert "permission denied" in lxc.sh(name, "mount -t ext4 -o ro /dev/disk /other")
        # Nor if its unified cgroup is called as if a line about another one followed.
        (unified,) = Path("/sys/fs/cgroup").glob(f"unified/lxc.payload.{name}")
        own = unified / "x\f8:devices:"
        own.mkdir()
        (own / "cgroup.procs").write_text(str(lxc.init_pid(name)))
        assert "permission denied" in lxc.sh(name, "mount -t ext4 -o ro /dev/disk /other")


@pytest.fixture
def overlays(lxc: Lxc, disk: str) -> str:
    """A container that may have overlays mounted, and has a block device, which mount(8) is told for a source."""
    more = f"lxc.seccomp.notify.proxy = {HANDLERS}:mount\nlxc.seccomp.notify.cookie = mount=overlay\n"
    entry = f"lxc.mount.entry = {disk} dev/disk none bind,create=file\n"
    name = make(lxc, "mount notify\n", more + entry, drop="sys_admin")
    lxc.start(name)
    lxc.sh(name, "mkdir -p /there /tmp/one /tmp/two; touch /tmp/two/own")
    return name


def test_an_option_that_is_a_path_does_not_lead_out_of_the_container(lxc: Lxc, overlays: str) -> None:
    """The device is looked up in the host's proc; nothing else is."""
    for name in ("one", "two"):
        (lxc.path / "outside" / name).mkdir(parents=True)
    (lxc.path / "outside/one/secret").touch()
    for up in ("", *("../" * depth for depth in range(1, 6))):
        layers = ":".join(f"{up}{str(lxc.path).lstrip('/')}/outside/{each}" for each in ("one", "two"))
        mounted = f"cd /tmp; mount -t overlay -o lowerdir={layers} /dev/disk /there"
        assert "No such file" in lxc.sh(overlays, mounted)
    assert lxc.sh(overlays, "mount -t overlay -o lowerdir=/tmp/one:/tmp/two /dev/disk /there && ls /there") == "own"


@pytest.mark.kernel(
    "6.5"
)  # before that the kernel looks when the file system is made, and the caller's directory is left
def test_an_option_that_is_a_relative_path_leads_where_it_leads_for_the_caller(lxc: Lxc, overlays: str) -> None:
    mounted = "cd /tmp; mount -t overlay -o lowerdir=one:two /dev/disk /there && ls /there"
    assert lxc.sh(overlays, mounted) == "own"


def test_a_directory_is_marked_opaque_and_nothing_else_set(lxc: Lxc) -> None:
    rules = "setxattr notify\nlsetxattr notify\nfsetxattr notify\n"
    name = make(lxc, rules, f"lxc.seccomp.notify.proxy = {HANDLERS}:setxattr\n", drop="sys_admin")
    probe = lxc.rootfs(name) / "probe"
    subprocess.run(["gcc", "-O1", "-static", "-o", probe, Path(__file__).parent / "setxattr.c"], check=True)
    lxc.start(name)
    assert lxc.sh(name, "mkdir /tmp/d; /probe /tmp/d trusted.overlay.opaque y") == "0 0 0"
    assert os.getxattr(lxc.rootfs(name) / "tmp/d", "trusted.overlay.opaque") == b"y"
    assert lxc.sh(name, "/probe /tmp/d trusted.other y") == "1 1 1"
    assert lxc.sh(name, "/probe /tmp/d trusted.overlay.opaque n") == "1 1 1"
    assert lxc.sh(name, "> /tmp/f; /probe /tmp/f trusted.overlay.opaque y") == "20 20 20"
    assert lxc.sh(name, "mkdir /tmp/e; chown 1000 /tmp/e; /probe /tmp/e trusted.overlay.opaque y") == "1 1 1"


def test_the_machine_is_told_as_large_as_the_container(lxc: Lxc) -> None:
    name = make(lxc, "sysinfo notify\n", f"lxc.seccomp.notify.proxy = {HANDLERS}:sysinfo\n")
    lxc.start(name)
    limit = next(
        file
        for pattern in (f"memory/lxc.payload.{name}/memory.limit_in_bytes", f"lxc.payload.{name}/memory.max")
        for file in Path("/sys/fs/cgroup").glob(pattern)
    )
    limit.write_text(str(64 << 20))
    probe = lxc.rootfs(name) / "probe"
    subprocess.run(["gcc", "-O1", "-static", "-o", probe, Path(__file__).parent / "sysinfo.c"], check=True)
    total, free, uptime, processes = map(int, lxc.sh(name, "/probe").split())
    assert total == 64 << 20
    assert 0 < free < total
    assert uptime < 60
    assert processes >= 1


def test_root_of_the_container_may_have_real_time_priorities(lxc: Lxc) -> None:
    rules = "sched_setscheduler notify\n"
    name = make(lxc, rules, f"lxc.seccomp.notify.proxy = {HANDLERS}:sched_setscheduler\n", drop="sys_nice")
    probe = lxc.rootfs(name) / "probe"
    subprocess.run(["gcc", "-O1", "-static", "-o", probe, Path(__file__).parent / "scheduler.c"], check=True)
    lxc.start(name)
    assert lxc.sh(name, "/probe 0 3") == "0 3"  # SCHED_BATCH, for itself
    assert lxc.sh(name, "sleep 60 & /probe $! 5; kill $!") == "0 5"  # SCHED_IDLE, for another that it sees
    assert lxc.sh(name, "/probe 99999 5").startswith("3 ")  # ESRCH
    pid = lxc.init_pid(name)
    assert os.sched_getscheduler(pid) == os.SCHED_OTHER
    done = lxc.run("lxc-attach", "-n", name, "-u", "1000", "--", "/probe", "1", "3")
    assert done.stdout.split()[0] == "1"


def test_no_process_of_ours_is_born_among_those_that_could_trace_it(lxc: Lxc) -> None:
    """It would have descriptors of the host's, and no filter."""
    rules = "sched_setscheduler notify\n"
    name = make(lxc, rules, f"lxc.seccomp.notify.proxy = {HANDLERS}:sched_setscheduler\n", drop="sys_nice")
    probe = lxc.rootfs(name) / "probe"
    subprocess.run(["gcc", "-O1", "-static", "-o", probe, Path(__file__).parent / "scheduler.c"], check=True)
    lxc.start(name)
    last = "$(cat /proc/sys/kernel/ns_last_pid)"
    script = f"before={last}; /probe 0 3 >/dev/null; after={last}; echo $((after - before))"
    assert (
        min(int(lxc.sh(name, script)) for _ in range(5)) == 2
    )  # the probe itself, and cat; once, nothing of init's, too


# ---- containers with ids of their own: what the functions are for --------------------------------------------------------


def mapped(lxc: Lxc, rules: str, more: str) -> str:
    """Started, with the ids from 100000 on; its root is theirs."""
    name = make(lxc, rules, more)
    lxc.extend(name, MAPPED)
    subprocess.run(["chown", "-R", "100000:100000", lxc.rootfs(name)], check=True)
    lxc.path.chmod(0o755)
    (lxc.path / name).chmod(0o755)
    lxc.start(name)
    return name


def test_a_mapped_container_makes_harmless_devices(lxc: Lxc) -> None:
    name = mapped(lxc, MKNOD, f"lxc.seccomp.notify.proxy = {HANDLERS}:mknod\n")
    assert lxc.sh(name, "cd /tmp && mknod null c 1 3 && stat -c '%t:%T %u' null") == "1:3 0"
    assert os.stat(lxc.rootfs(name) / "tmp/null").st_uid == 100000
    assert "Operation not permitted" in lxc.sh(name, "mknod /tmp/mem c 1 1")
    assert "Operation not permitted" in lxc.sh(name, "mknod /tmp/console c 5 1; : > /tmp/console")  # it is the host's
    done = lxc.run("lxc-attach", "-n", name, "-u", "1000", "--", "mknod", "/tmp/x", "c", "1", "3")
    assert "Operation not permitted" in done.stderr
    nested = ("unshare", "-U", "-r", "mknod", "/tmp/y", "c", "1", "3")  # root of a namespace below: not the container's
    done = lxc.run("lxc-attach", "-n", name, "-u", "1000", "--", *nested)
    assert "Operation not permitted" in done.stderr


def test_a_mapped_container_makes_nothing_where_its_root_may_not(lxc: Lxc) -> None:
    """What the host's root has in there is not the container's, whoever acts for it."""
    name = mapped(lxc, MKNOD, f"lxc.seccomp.notify.proxy = {HANDLERS}:mknod\n")
    own = lxc.rootfs(name) / "own"
    own.mkdir(mode=0o755)
    assert "Permission denied" in lxc.sh(name, "mknod /own/null c 1 3")
    assert list(own.iterdir()) == []


def test_a_mapped_container_mounts_what_is_named(lxc: Lxc, disk: str) -> None:
    more = f"lxc.seccomp.notify.proxy = {HANDLERS}:mount\nlxc.seccomp.notify.cookie = mount=ext4\n"
    name = mapped(lxc, "mount notify\n", f"{more}lxc.mount.entry = {disk} dev/disk none bind,create=file\n")
    refused = lxc.sh(name, "mkdir /there; mount -t ext4 -o ro /dev/disk /there && echo mounted")
    assert "denied" in refused  # the host's node is not the container's to open
    os.chmod(disk, 0o666)
    assert lxc.sh(name, "mount -t ext4 -o ro /dev/disk /there && ls /there") == "lost+found"
    assert "/there ext4 ro,nosuid,nodev" in lxc.sh(name, "cat /proc/1/mounts")


def test_a_mapped_container_is_told_its_own_size_and_may_be_hasty(lxc: Lxc) -> None:
    rules = "sysinfo notify\nsched_setscheduler notify\nsetxattr notify\n"
    name = mapped(lxc, rules, f"lxc.seccomp.notify.proxy = {HANDLERS}:sysinfo,sched_setscheduler,setxattr\n")
    for tool in ("sysinfo", "scheduler", "setxattr"):
        source = Path(__file__).parent / f"{tool}.c"
        subprocess.run(["gcc", "-O1", "-static", "-o", lxc.rootfs(name) / tool, source], check=True)
    assert len(lxc.sh(name, "/sysinfo").split()) == 4
    assert lxc.sh(name, "/scheduler 0 3") == "0 3"
    assert lxc.sh(name, "mkdir /tmp/d; /setxattr /tmp/d trusted.overlay.opaque y").startswith("0 ")
    assert os.getxattr(lxc.rootfs(name) / "tmp/d", "trusted.overlay.opaque") == b"y"
