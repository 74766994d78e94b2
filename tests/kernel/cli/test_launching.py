"""What is set for one run of lxc-start or lxc-execute."""

from __future__ import annotations

import pytest
from tests.conftest import Lxc

pytestmark = pytest.mark.root


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
