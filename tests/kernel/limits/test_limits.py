"""Limits and kernel parameters, as a process in the container meets them."""

import os
from pathlib import Path

import pytest
from tests.conftest import Lxc, as_often

pytestmark = pytest.mark.root


def inside(lxc: Lxc, box: str, *settings: str, show: str) -> str:
    words = [word for setting in settings for word in ("-s", setting)]
    return lxc.ok("lxc-execute", "-n", box, *words, "--", "sh", "-c", show)


def test_resource_limits_are_those_of_the_first_process_and_all_below_it(lxc: Lxc, box: str) -> None:
    shown = inside(lxc, box, "lxc.prlimit.nofile=64:128", "lxc.prlimit.core=0", show="ulimit -n; ulimit -Hn; ulimit -c")
    assert shown.split() == ["64", "128", "0"]


@pytest.mark.parametrize(("setting", "shown"), [
    ("9223372036854775808", ["18014398509481984", "18014398509481984"]),  # sh counts blocks of 512 bytes
    ("4096:18446744073709551614", ["8", "36028797018963967"]),
    ("4096:18446744073709551615", ["8", "unlimited"]),
])  # fmt: skip
def test_a_limit_may_be_as_large_as_the_kernel_takes(lxc: Lxc, box: str, setting: str, shown: list[str]) -> None:
    assert inside(lxc, box, f"lxc.prlimit.core={setting}", show="ulimit -c; ulimit -Hc").split() == shown


@pytest.mark.parametrize("key", ["uid", "gid", "groups"])
def test_nobody_is_the_user_whose_number_means_that_none_is_given(lxc: Lxc, box: str, key: str) -> None:
    largest = lxc.ok("lxc-execute", "-n", box, "-s", f"lxc.init.{key}=4294967294", "--", "cat", "/proc/self/status")
    assert f"{'Groups' if key == 'groups' else key.title()}:\t4294967294" in largest
    done = lxc.run("lxc-execute", "-n", box, "-s", f"lxc.init.{key}=4294967295", "--", "id")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"lxc.init.{key}: expected a number from 0 to 4294967294" in done.stderr


@pytest.mark.parametrize("option", ["-u", "-g"])
def test_no_command_runs_as_that_user(lxc: Lxc, box: str, option: str) -> None:
    lxc.start(box)
    for tool in ("lxc-attach", "lxc-execute"):
        done = lxc.run(tool, "-n", box, option, "4294967295", "--", "id")
        assert (done.returncode, done.stdout) == (1, "")
        assert "expected a number from 0 to 4294967294" in done.stderr


def test_files_of_the_process_are_written(lxc: Lxc, box: str) -> None:
    assert (
        inside(lxc, box, "lxc.proc.oom_score_adj=17", show="cat /proc/1/oom_score_adj /proc/self/oom_score_adj")
        == "17\n17\n"
    )


def test_a_container_that_mounts_its_proc_itself_has_kernel_parameters(lxc: Lxc) -> None:
    box = lxc.create()
    config = lxc.config(box)
    config.write_text("".join(line for line in config.open() if "lxc.mount" not in line))
    settings = ("lxc.sysctl.kernel.msgmax=4097", "lxc.sysctl.net.ipv4.ip_default_ttl=34")
    show = "mount -t proc proc /proc && cat /proc/sys/kernel/msgmax /proc/sys/net/ipv4/ip_default_ttl"
    assert inside(lxc, box, *settings, show=show).split() == ["4097", "34"]
    ids = ("lxc.idmap=u 0 0 65536", "lxc.idmap=g 0 0 65536")
    assert inside(lxc, box, *settings, *ids, show="echo started") == "started\n"


def test_what_lies_in_the_place_of_proc_is_not_opened(lxc: Lxc) -> None:
    box = lxc.create()
    config = lxc.config(box)
    config.write_text("".join(line for line in config.open() if "lxc.mount" not in line))
    trap = lxc.rootfs(box) / "proc/sys/kernel/msgmax"
    trap.parent.mkdir(parents=True)
    os.mkfifo(trap)  # who opens it to write waits for a reader
    show = "mount -t proc proc /proc && cat /proc/sys/kernel/msgmax"
    assert inside(lxc, box, "lxc.sysctl.kernel.msgmax=4097", show=show) == "4097\n"


def test_kernel_parameters_are_the_containers_own(lxc: Lxc, box: str) -> None:
    host = Path("/proc/sys/kernel/msgmax").read_text(), Path("/proc/sys/net/ipv4/ip_default_ttl").read_text()
    shown = inside(
        lxc,
        box,
        "lxc.mount.auto=proc:rw",
        "lxc.sysctl.kernel.msgmax=4096",
        "lxc.sysctl.net.ipv4.ip_default_ttl=33",
        show="cat /proc/sys/kernel/msgmax /proc/sys/net/ipv4/ip_default_ttl",
    )
    assert shown.split() == ["4096", "33"]
    assert host == (Path("/proc/sys/kernel/msgmax").read_text(), Path("/proc/sys/net/ipv4/ip_default_ttl").read_text())


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("lxc.sysctl.net.nonsense=1", "cannot sysctl -w net.nonsense=1: No such file or directory"),
        ("lxc.proc.nonsense=1", "cannot echo 1 > /proc/INIT/nonsense: No such file or directory"),
        ("lxc.proc.oom_score_adj=many", "cannot echo many > /proc/INIT/oom_score_adj: Invalid argument"),
    ],
)
def test_what_the_kernel_refuses_fails_the_start_and_is_named(lxc: Lxc, box: str, setting: str, said: str) -> None:
    done = lxc.run("lxc-start", "-n", box, "-s", setting)
    assert done.returncode == 1
    assert f"{said}" in done.stderr
    assert f"set in -s {setting}" in done.stderr


def test_a_link_for_proc_does_not_divert_a_parameter(lxc: Lxc, box: str) -> None:
    (lxc.rootfs(box) / "proc").rmdir()
    (lxc.rootfs(box) / "proc").symlink_to("tmp")
    (lxc.rootfs(box) / "tmp/sys/net").mkdir(parents=True)
    (lxc.rootfs(box) / "tmp/sys/net/trap").write_text("")
    config = lxc.config(box)
    config.write_text(config.read_text().replace("proc:mixed", ""))
    done = lxc.run("lxc-start", "-n", box, "-s", "lxc.sysctl.net.trap=1")
    assert done.returncode == 1
    assert "/proc is a symbolic link" in done.stderr
    assert (lxc.rootfs(box) / "tmp/sys/net/trap").read_text() == ""


def test_a_limit_of_time_that_kills_the_first_process_on_its_way_is_told_with_its_line(lxc: Lxc, box: str) -> None:
    said = set()
    for _ in range(as_often(8)):  # the kernel looks at its every tick
        done = lxc.run("lxc-start", "-n", box, "-s", "lxc.prlimit.cpu=0")
        said.add((done.returncode, done.stderr))
        lxc.run("lxc-stop", "-n", box, "-k")
        assert lxc.leftovers() == []
    assert said <= {
        (0, ""),
        (
            1,
            f"lxc-start: {box}: cannot start {box}: the container's init ended before it was ready: it was killed by "
            "signal 9\n  set in -s lxc.prlimit.cpu=0\n  this is probably due to lxc.prlimit.cpu: raise it, or leave it out\n",
        ),
    }
