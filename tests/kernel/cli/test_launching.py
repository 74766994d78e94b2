"""What is set for one run of lxc-start or lxc-execute."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.conftest import Lxc

import lxc as package

if TYPE_CHECKING:
    from tests.unified import UnifiedLxc

pytestmark = pytest.mark.root
OURS = Path(package.__file__).parent / "share/config"
DEBIANS = Path("/usr/share/lxc/config")
SHIPPED = [
    pytest.param(directory / name, id=f"{whose}-{name}")
    for whose, directory in (("ours", OURS), ("debians", DEBIANS))
    for name in ("common.conf", "nesting.conf")
    if (directory / name).exists()
]
NO_NETWORK = ("-s", "lxc.namespace.keep=net", "-s", "lxc.net.1.type=veth")
IS_LEFT_OUT = "without a network namespace of its own the container gets no devices"


@pytest.mark.parametrize("value", ['"w1"', "'w1'", "w1", ' "w1" '])
def test_a_value_may_be_quoted_as_in_a_file(lxc: Lxc, box: str, value: str) -> None:
    lxc.start(box, "-s", f"lxc.uts.name={value}")
    assert lxc.attach(box, "hostname") == "w1\n"


def test_quotes_keep_blanks_and_are_no_part_of_a_variable(lxc: Lxc, box: str) -> None:
    words = ("lxc-execute", "-n", box, "-s", 'lxc.environment = "A= 1 "', "--", "/bin/sh", "-c", 'echo "[$A]"')
    assert lxc.ok(*words) == "[ 1 ]\n"


def test_a_file_can_be_included_for_one_run(lxc: Lxc, box: str) -> None:
    file = lxc.path / "one run.conf"
    file.write_text("lxc.uts.name = w2\n")
    lxc.start(box, "-s", "lxc.uts.name=w1", "-s", f"lxc.include={file}")
    assert lxc.attach(box, "hostname") == "w2\n"


def test_what_is_wrong_in_a_file_that_is_included_has_its_line(lxc: Lxc, box: str) -> None:
    file = lxc.path / "one.conf"
    file.write_text("lxc.uts.name = w2\nlxc.autodev = yes\n")
    done = lxc.run("lxc-start", "-n", box, "-s", f'lxc.include = "{file}"')
    assert (done.returncode, done.stderr) == (
        1,
        f"lxc-start: {box}: {file}:2:15: lxc.autodev: expected 0 or 1, got 'yes'\n",
    )
    done = lxc.run("lxc-execute", "-n", box, "-s", "lxc.include=/nowhere.conf", "--", "/bin/true")
    assert done.returncode == 1
    assert "cannot read /nowhere.conf: No such file or directory" in done.stderr


@pytest.mark.parametrize("served", ["1", "0"])
@pytest.mark.parametrize("words", [("lxc-start",), ("lxc-execute",), ("lxc-start", "-F")], ids=" ".join)
def test_what_the_plan_warns_of_is_told(lxc: Lxc, box: str, words: tuple[str, ...], served: str) -> None:
    tool, *more = words
    words = ("-n", box, *more, *NO_NETWORK, "--", "/bin/true")
    environment = {**os.environ, "LXC_FORKSERVER": served}
    done = lxc.run(tool, *words, env=environment)
    numbers = "lxc.net.0, lxc.net.1"
    assert (done.returncode, done.stderr) == (0, f"{tool}: {box}: warning: {numbers}: {IS_LEFT_OUT}\n")
    lxc.ok("lxc-wait", "-n", box, "-s", "STOPPED")
    assert lxc.run(tool, "-q", *words, env=environment).stderr == ""
    lxc.ok("lxc-wait", "-n", box, "-s", "STOPPED")


def test_a_plan_shows_what_it_warns_of(lxc: Lxc, box: str) -> None:
    assert f"# warning: lxc.net.0, lxc.net.1: {IS_LEFT_OUT}" in lxc.ok("lxc-start", "-n", box, "--dry-run", *NO_NETWORK)


@pytest.mark.hybrid
def test_a_limit_that_is_not_put_in_force_is_told(lxc: Lxc, box: str) -> None:
    done = lxc.run("lxc-start", "-n", box, "-s", "lxc.cgroup2.memory.max=1M")
    assert done.returncode == 0
    assert "lxc.cgroup2.memory.max has no effect: this host, of the hybrid layout" in done.stderr


def test_a_warning_that_nobody_can_read_keeps_no_container_from_starting(lxc: Lxc, box: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = lxc.run("lxc-start", "-n", box, *NO_NETWORK, capture_output=False, stderr=writer)
    finally:
        os.close(writer)
    assert (done.returncode, lxc.state(box)) == (0, "RUNNING")


@pytest.mark.parametrize("path", SHIPPED)
def test_a_container_with_a_configuration_that_is_shipped_starts_without_a_word(lxc: Lxc, box: str, path: Path) -> None:
    starts_without_a_word(lxc, box, path)


@pytest.mark.parametrize("path", SHIPPED)
def test_it_does_so_where_cgroups_are_unified(unified: UnifiedLxc, path: Path) -> None:
    starts_without_a_word(unified, unified.create(), path)


def starts_without_a_word(lxc: Lxc, name: str, path: Path) -> None:
    done = lxc.run("lxc-start", "-n", name, "-s", f"lxc.include={path}", "-s", "lxc.tty.dir=")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
