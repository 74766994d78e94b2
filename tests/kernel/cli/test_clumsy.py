"""Commands in surroundings that nobody wishes for."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import time

import pytest
from tests.conftest import Lxc

pytestmark = pytest.mark.root


def close_standard_descriptors() -> None:
    for fd in (0, 1, 2):
        os.close(fd)


def test_a_container_starts_without_any_standard_descriptor(lxc: Lxc, box: str) -> None:
    argv = lxc.command("lxc-start", "-n", box)
    assert subprocess.run(argv, preexec_fn=close_standard_descriptors, timeout=60).returncode == 0
    assert lxc.attach(box, "echo", "well") == "well\n"
    assert lxc.state(box) == "RUNNING"


@pytest.mark.parametrize("wish", ["0", "1"])
def test_a_command_that_is_interrupted_early_says_nothing(lxc: Lxc, wish: str) -> None:
    for delay_ms in range(0, 40, 2):
        argv = ["env", "--default-signal=INT", f"LXC_FORKSERVER={wish}", *lxc.command("lxc-ls")]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            time.sleep(delay_ms / 1000)
            process.send_signal(signal.SIGINT)
            assert process.communicate()[1] == ""


def test_one_may_wait_for_ages(lxc: Lxc, box: str) -> None:
    init = lxc.rootfs(box) / "sbin/test-init"
    init.write_text("#!/bin/sh\ntrap 'exit 0' USR1\nwhile :; do sleep 0.1; done\n")
    init.chmod(0o755)
    lxc.start(box, "--", "/sbin/test-init")
    assert lxc.run("lxc-wait", "-n", box, "-s", "RUNNING", "-t", "1" + 30 * "0").returncode == 0
    assert lxc.run("lxc-stop", "-n", box, "-t", "1" + 30 * "0", "--nokill").returncode == 0
    assert lxc.state(box) == "STOPPED"


@pytest.mark.parametrize("wish", ["0", "1"])
def test_output_that_would_block_waits_for_its_reader(lxc: Lxc, box: str, wish: str) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    environment = {**os.environ, "LXC_FORKSERVER": wish}
    argv = lxc.command("lxc-start", "-n", box, "--dry-run", "--format", "json")
    with subprocess.Popen(argv, stdout=writer, stderr=subprocess.PIPE, text=True, env=environment) as process:
        os.close(writer)
        time.sleep(0.5)
        with open(reader, "rb") as file:
            plan = json.load(file)
        assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == 0
    assert plan


def bounded(limit: str, argv: list[str], wish: str) -> subprocess.CompletedProcess[str]:
    words = ["sh", "-c", f'ulimit {limit} && exec "$@"', "sh", *argv]
    environment = os.environ | {"LXC_FORKSERVER": wish}
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("wish", ["0", "1"])
@pytest.mark.parametrize("option", ["-v", "-d", "-s"])
def test_who_may_have_too_little_memory_for_an_interpreter_is_told_so(
    lxc: Lxc, box: str, option: str, wish: str
) -> None:
    argv = lxc.command("lxc-start", "-n", box)
    for kib in {"-v": (*range(12000, 32000, 4000), 32767), "-d": range(3000, 16000, 2000), "-s": (32, 64)}[option]:
        done = bounded(f"{option} {kib}", argv, wish)
        first, remedy = done.stderr.splitlines()
        assert done.returncode == 1
        assert first.startswith("lxc-start: out of memory: the limit of the ")
        assert first.endswith(f" is {kib} KiB")
        assert f"raise the limit (ulimit {option} " in remedy
    enough = remedy.rpartition(" ")[2].rstrip(")")
    assert bounded(f"{option} {enough}", argv, wish).returncode == 0
    assert lxc.state(box) == "RUNNING"


def test_who_may_write_no_larger_file_is_told_which_limit_that_is(lxc: Lxc, box: str) -> None:
    done = bounded("-f 0", lxc.command("lxc-copy", "-n", box, "-N", f"{box}-copy"), "0")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0].endswith(": File too large")
    assert done.stderr.splitlines()[1:] == ["  a file may not become as large: raise the limit (ulimit -f)"]


def test_where_there_is_no_null_device_only_the_command_speaks(lxc: Lxc, box: str) -> None:
    script = 'mount -t tmpfs none /dev && exec "$@"'
    argv = ["unshare", "--mount", "sh", "-c", script, "sh", *lxc.command("lxc-info", "-n", box, "-s")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["State:", "STOPPED"], "")


@pytest.mark.parametrize("words", [("lxc-start", "-n"), ("lxc-ls", "-f", "-n")])
def test_where_proc_is_not_mounted_one_is_told_so(lxc: Lxc, box: str, words: tuple[str, ...]) -> None:
    argv = ["unshare", "--mount", "sh", "-c", 'umount -l /proc && exec "$@"', "sh", *lxc.command(*words, box)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == ["  proc is not mounted: mount -t proc proc /proc"]
