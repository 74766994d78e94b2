"""Forty containers started at the same moment."""

import pytest
from tests.conftest import Lxc, until

pytestmark = pytest.mark.root

MANY = 40


@pytest.mark.timeout(300)
def test_forty_started_by_forty_commands_all_run_are_listed_and_stop(lxc: Lxc) -> None:
    creations = []
    file = lxc.path / "conf"
    file.write_text("lxc.net.0.type = empty\n")
    names = sorted(f"m{n}-{lxc.tag}" for n in range(MANY))
    for at in range(0, MANY, 8):
        creations = [lxc.spawn("lxc-create", "-n", n, "-t", "busybox", "-f", str(file)) for n in names[at : at + 8]]
        assert [creation.wait() for creation in creations] == [0] * len(creations)
    starts = [lxc.spawn("lxc-start", "-n", name) for name in names]
    assert [(start.communicate()[1], start.returncode) for start in starts] == [("", 0)] * MANY
    assert lxc.ok("lxc-ls", "-1", "--running").split() == names
    assert len({lxc.init_pid(name) for name in names}) == MANY
    stops = [lxc.spawn("lxc-stop", "-n", name, "-k") for name in names]
    assert [(stop.communicate()[1], stop.returncode) for stop in stops] == [("", 0)] * MANY
    assert lxc.ok("lxc-ls", "-1", "--active").split() == []
    until(lambda: not lxc.leftovers(), "nothing is left")


def test_of_ten_starts_of_one_container_one_starts_it(lxc: Lxc, box: str) -> None:
    starts = [lxc.spawn("lxc-start", "-n", box) for _ in range(10)]
    said = [start.communicate()[1] for start in starts]
    assert [start.returncode for start in starts] == [0] * 10
    assert sorted(said) == sorted(["", *[f"lxc-start: {box}: Container is already running\n"] * 9])
    assert lxc.state(box) == "RUNNING"
