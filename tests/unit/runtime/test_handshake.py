"""Both ends of the handshake, in two processes."""

import errno
import os
import resource
import select
from collections.abc import Callable, Iterator

import pytest

from lxc import log
from lxc.errors import LxcError, StepError
from lxc.kernel import sockets
from lxc.runtime.handshake import FAILED, READY, RUN, Handshake, pack_failure, unpack_failure

Init = Callable[[Handshake], None]


class Scene:
    """A handshake whose other end is a forked process that plays init."""

    def __init__(self) -> None:
        self.handshake = Handshake()
        self.pid = 0

    def play(self, init: Init) -> Handshake:
        self.pid = os.fork()
        if self.pid == 0:
            status = 99
            try:
                init(self.handshake)
                status = 0
            except LxcError as error:
                status = 10 if "monitor went away" in str(error) else 11
            except OSError as error:
                status = error.errno or 98
            finally:
                os._exit(status)
        return self.handshake

    def status(self) -> int:
        """What init ended with; it is waited for."""
        pid, self.pid = self.pid, 0
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.fixture
def scene() -> Iterator[Scene]:
    log.forget()
    scene = Scene()
    yield scene
    scene.handshake.close()
    if scene.pid:
        os.kill(scene.pid, 9)
        os.waitpid(scene.pid, 0)
    log.forget()


@pytest.fixture
def room() -> Iterator[None]:
    """Room for as many descriptors as the test needs."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, before[1]), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def never(number: int) -> LxcError:
    raise AssertionError(number)


def wait_for_bytes(fd: int) -> None:
    """Wait until something can be read from `fd`, and leave it there."""
    select.select([fd], [], [])


def open_descriptors() -> set[int]:
    return set(map(int, os.listdir("/proc/self/fd")))


def test_both_go_through_all_moves_and_the_end_of_the_stream_means_that_it_runs(scene: Scene) -> None:
    def init(monitor: Handshake) -> None:
        monitor.wait_for_go()
        monitor.ready((), b"shape")

    monitor = scene.play(init)
    monitor.go()
    assert monitor.await_ready() == ((), b"shape")
    monitor.run(never)
    assert scene.status() == 0


def test_init_does_nothing_before_it_may(scene: Scene) -> None:
    said, says = os.pipe()

    def init(monitor: Handshake) -> None:
        monitor.wait_for_go()
        os.write(says, b"went")

    monitor = scene.play(init)
    os.set_blocking(said, False)
    with pytest.raises(BlockingIOError):
        os.read(said, 10)
    monitor.go()
    assert scene.status() == 0
    assert os.read(said, 10) == b"went"
    os.close(said)
    os.close(says)


def test_devices_are_waited_for_once_and_may_come_before_anything_else_that_init_waits_for(scene: Scene) -> None:
    def init(monitor: Handshake) -> None:
        monitor.wait_for_go()
        monitor.ready((), b"")  # RUN comes after DEVICES
        monitor.wait_for_devices()
        monitor.ready((), b"again")

    monitor = scene.play(init)
    monitor.go()
    monitor.have_devices()
    assert monitor.await_ready() == ((), b"")
    monitor._tell(RUN)
    assert monitor.await_ready() == ((), b"again")
    monitor.run(never)
    assert scene.status() == 0


def test_devices_that_never_come_since_the_monitor_went_away(scene: Scene) -> None:
    def init(monitor: Handshake) -> None:
        monitor.wait_for_go()
        monitor.wait_for_devices()

    monitor = scene.play(init)
    monitor.go()
    monitor._monitor.close()
    assert scene.status() == 10


def test_mounts_are_given_ids_by_the_monitor_and_the_kernels_word_comes_back(scene: Scene) -> None:
    asked: list[tuple[bytes, str, bool]] = []

    def idmap(tree: int, users: str, recursive: bool) -> None:
        asked.append((os.pread(tree, 9, 0), users, recursive))
        if users == "/odd \n\udcff":
            raise OSError(errno.EINVAL, "not that one")

    def init(monitor: Handshake) -> None:
        monitor.wait_for_go()
        file = os.memfd_create("x")
        os.write(file, b"tree")
        monitor.idmap(file, "container", True)
        try:
            monitor.idmap(file, "/odd \n\udcff", False)
        except OSError as error:
            monitor.ready((), f"{error.errno} {os.pread(file, 9, 0).decode()}".encode())

    monitor = scene.play(init)
    monitor.go()
    before = open_descriptors()
    assert monitor.await_ready(idmap) == ((), b"22 tree")
    assert asked == [(b"tree", "container", True), (b"tree", "/odd \n\udcff", False)]
    assert open_descriptors() == before
    monitor.run(never)
    assert scene.status() == 0


@pytest.mark.parametrize("count", [0, 1, 250, 251, 253, 254, 500, 700])
def test_any_number_of_descriptors_arrives_in_order_and_close_on_exec(scene: Scene, room: None, count: int) -> None:
    def init(monitor: Handshake) -> None:
        monitor.wait_for_go()
        files = []
        for number in range(count):
            file = os.memfd_create("x")
            os.write(file, str(number).encode())
            files.append(file)
        monitor.ready(tuple(files), b"p")

    monitor = scene.play(init)
    monitor.go()
    descriptors, payload = monitor.await_ready()
    assert [int(os.pread(fd, 10, 0)) for fd in descriptors] == list(range(count))
    assert not any(os.get_inheritable(fd) for fd in descriptors)
    assert payload == b"p"
    for fd in descriptors:
        os.close(fd)
    monitor.run(never)
    assert scene.status() == 0


FAILURE = StepError("mount --bind /a b", "No such file or directory: /a", where="config:3", hint="make /a")


def test_a_failure_before_init_is_ready_comes_with_step_reason_place_and_remedy(scene: Scene) -> None:
    def init(monitor: Handshake) -> None:
        monitor.wait_for_go()
        monitor.report(FAILURE)

    monitor = scene.play(init)
    monitor.go()
    with pytest.raises(StepError) as caught:
        monitor.await_ready()
    assert caught.value.lines() == FAILURE.lines()
    assert (caught.value.step, caught.value.why) == (FAILURE.step, FAILURE.why)


def test_a_failure_after_run_is_told_as_well(scene: Scene) -> None:
    def init(monitor: Handshake) -> None:
        monitor.wait_for_go()
        monitor.ready((), b"")
        monitor.report(LxcError("no", where="w", hint="h"))

    monitor = scene.play(init)
    monitor.go()
    monitor.await_ready()
    with pytest.raises(LxcError) as caught:
        monitor.run(never)
    assert caught.value.lines() == ["no", "  set in w", "  h"]


def test_an_errno_on_the_pipe_is_what_execution_failed_with(scene: Scene) -> None:
    def init(monitor: Handshake) -> None:
        monitor.wait_for_go()
        monitor.ready((), b"")
        os.write(monitor.exec_write, errno.ENOEXEC.to_bytes(4, "little"))

    monitor = scene.play(init)
    monitor.go()
    monitor.await_ready()
    with pytest.raises(LxcError, match="told 8"):
        monitor.run(lambda number: LxcError(f"told {number}"))


def test_init_ending_before_it_may_go_is_not_ready(scene: Scene) -> None:
    monitor = scene.play(lambda monitor: None)
    os.waitid(os.P_PID, scene.pid, os.WEXITED | os.WNOWAIT)
    monitor.go()
    with pytest.raises(LxcError, match="ended before it was ready"):
        monitor.await_ready()


def test_init_ending_without_reading_that_it_may_go_is_not_ready(scene: Scene) -> None:
    monitor = scene.play(lambda monitor: wait_for_bytes(monitor._init.fileno()))
    monitor.go()
    with pytest.raises(LxcError, match="ended before it was ready"):
        monitor.await_ready()


def test_a_failure_told_before_it_may_go_is_heard(scene: Scene) -> None:
    def init(monitor: Handshake) -> None:
        monitor._monitor.close()
        monitor.report(FAILURE)

    monitor = scene.play(init)
    os.waitid(os.P_PID, scene.pid, os.WEXITED | os.WNOWAIT)
    monitor.go()
    with pytest.raises(StepError) as caught:
        monitor.await_ready()
    assert caught.value.lines() == FAILURE.lines()


def test_init_ending_amid_a_message_is_not_ready(scene: Scene) -> None:
    def init(monitor: Handshake) -> None:
        monitor.wait_for_go()
        monitor._init.send(FAILED + (100).to_bytes(4, "little") + bytes(4) + b"mount")

    monitor = scene.play(init)
    monitor.go()
    with pytest.raises(LxcError, match="ended before it was ready"):
        monitor.await_ready()


def test_init_ending_in_the_middle_is_not_ready(scene: Scene) -> None:
    monitor = scene.play(lambda monitor: monitor.wait_for_go())
    monitor.go()
    with pytest.raises(LxcError, match="ended before it was ready"):
        monitor.await_ready()


def test_init_ending_amid_its_descriptors_is_not_ready_and_none_is_left_open(scene: Scene, room: None) -> None:
    def init(monitor: Handshake) -> None:
        monitor.wait_for_go()
        monitor._init.send(READY + bytes(4) + (300).to_bytes(4, "little"))
        sockets.send(monitor._init, b"d", tuple(os.memfd_create("x") for _ in range(200)))

    monitor = scene.play(init)
    monitor.go()
    before = open_descriptors()
    with pytest.raises(LxcError, match="ended before it was ready"):
        monitor.await_ready()
    assert open_descriptors() == before


@pytest.mark.parametrize("knows", [False, True])
def test_init_ending_before_it_has_read_that_it_may_run_never_ran(scene: Scene, knows: bool) -> None:
    def init(monitor: Handshake) -> None:
        monitor.wait_for_go()
        monitor._init.send(READY + bytes(8))
        if knows:
            wait_for_bytes(monitor._init.fileno())

    monitor = scene.play(init)
    monitor.go()
    monitor.await_ready()
    if not knows:
        os.waitid(os.P_PID, scene.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(LxcError, match="ended before it was ready"):
        monitor.run(never)


def test_init_learns_that_the_monitor_is_gone_before_it_begins(scene: Scene) -> None:
    scene.play(lambda monitor: monitor.wait_for_go()).close()
    assert scene.status() == 10
    scene.handshake = Handshake()


def test_init_learns_that_the_monitor_is_gone_when_it_is_ready(scene: Scene) -> None:
    def init(monitor: Handshake) -> None:
        monitor.wait_for_go()
        monitor.ready((), b"")

    monitor = scene.play(init)
    monitor.go()
    monitor.await_ready()
    monitor.close()
    assert scene.status() == 10
    scene.handshake = Handshake()


def test_the_trace_of_init_is_added_to_the_monitors_and_nothing_is_in_it_twice(scene: Scene) -> None:
    def init(monitor: Handshake) -> None:
        monitor.wait_for_go()
        log.trace("mount this")
        log.trace("mount that")
        monitor.report(FAILURE)

    log.info("make the cgroups")
    monitor = scene.play(init)
    log.info("let init go")
    monitor.go()
    with pytest.raises(StepError):
        monitor.await_ready()
    said = [line.split(" - ")[-1] for line in log.remembered()]
    assert said == ["make the cgroups", "let init go", "mount this", "mount that"]


def test_a_long_trace_does_not_stop_the_two(scene: Scene) -> None:
    def init(monitor: Handshake) -> None:
        monitor.wait_for_go()
        for _ in range(2000):
            log.trace("x" * 500)
        monitor.report(FAILURE)

    monitor = scene.play(init)
    monitor.go()
    with pytest.raises(StepError):
        monitor.await_ready()
    assert len(log.remembered()) == 2000


@pytest.mark.parametrize(
    "error",
    [
        FAILURE,
        StepError("do", "it failed"),
        LxcError("plain"),
        LxcError("plain", where="config:1", hint="do that"),
        LxcError("two\nlines"),
        StepError("open \udcff", "b\udcfe"),
    ],
)
def test_an_error_is_unpacked_as_it_was_packed(error: LxcError) -> None:
    log.forget()
    again = unpack_failure(pack_failure(error))
    assert type(again) is type(error)
    assert again.lines() == error.lines()


def test_any_exception_can_be_packed() -> None:
    log.forget()
    assert str(unpack_failure(pack_failure(KeyboardInterrupt()))) == "KeyboardInterrupt"
    assert str(unpack_failure(pack_failure(RuntimeError("a\0b")))) == "ab"
