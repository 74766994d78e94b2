"""Many containers started at the same moment."""

import pytest
from tests.conftest import Lxc, as_often, until

pytestmark = pytest.mark.root

MANY = as_often(40)


@pytest.mark.timeout(300)
def test_many_started_by_as_many_commands_all_run_are_listed_and_stop(lxc: Lxc) -> None:
    names = sorted(lxc.create(f"m{n}") for n in range(MANY))
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
