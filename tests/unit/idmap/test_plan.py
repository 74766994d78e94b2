"""Which id maps are planned, and which are refused with the line that is wrong."""

import pytest

from lxc.errors import ConfigError
from lxc.idmap import plan
from lxc.idmap.plan import IdMapPlan, Range

WIDE = [("u", Range(0, 100000, 65536), "c:1"), ("g", Range(0, 200000, 65536), "c:2")]


def planned(*ranges: tuple[str, int, int, int], uid: int = 0, gid: int = 0) -> IdMapPlan:
    return plan.plan(
        [(kind, Range(*numbers), f"c:{at}") for at, (kind, *numbers) in enumerate(ranges, 1)], uid=uid, gid=gid
    )


def test_it_prints_what_is_written() -> None:
    assert str(plan.plan(WIDE, uid=0, gid=0)).splitlines() == [
        "echo 0 100000 65536 >> /proc/INIT/uid_map",
        "echo 0 200000 65536 >> /proc/INIT/gid_map",
    ]
    assert str(plan.plan(WIDE, uid=0, gid=0).replace(uses_helpers=True)).splitlines() == [
        "newuidmap INIT 0 100000 65536",
        "newgidmap INIT 0 200000 65536",
    ]
    assert str(IdMapPlan()) == str(plan.plan(WIDE, uid=0, gid=0, is_new=False)) == ""


def test_roots_files_are_those_of_whom_it_is_on_the_host() -> None:
    assert plan.plan(WIDE, uid=7, gid=8).owner == (100000, 200000)
    assert IdMapPlan().owner == (0, 0)


def test_without_a_root_the_first_process_stands_for_it() -> None:
    found = planned(("u", 1000, 5000, 10), ("g", 0, 6000, 10), uid=1003)
    assert (found.uid, found.gid, found.owner) == (1003, 0, (5003, 6000))


@pytest.mark.parametrize(
    ("ranges", "said"),
    [
        ([("u", 0, 1, 0), ("g", 0, 1, 1)], "c:1: lxc.idmap = u 0 1 0: a range of no ids"),
        ([("u", 0, 0xFFFFFFF0, 16), ("g", 0, 1, 1)], "c:1: lxc.idmap = u 0 4294967280 16: ids end at 4294967294"),
        ([("u", 0xFFFFFFF0, 0, 16), ("g", 0, 1, 1)], "c:1: lxc.idmap = u 4294967280 0 16: ids end at 4294967294"),
        ([("u", 0, 1, 1)], "c:1: lxc.idmap has ranges of users, but none of groups"),
        ([("g", 0, 1, 1)], "c:1: lxc.idmap has ranges of groups, but none of users"),
        (
            [("u", 0, 100, 10), ("g", 0, 1, 1), ("u", 9, 500, 10)],
            "c:3: lxc.idmap = u 9 500 10: overlaps, in the container, u 0 100 10 (c:1)",
        ),
        (
            [("u", 0, 100, 10), ("u", 50, 95, 6), ("g", 0, 1, 1)],
            "c:1: lxc.idmap = u 0 100 10: overlaps, on the host, u 50 95 6 (c:2)",
        ),
        ([("u", 5, 100, 10), ("g", 0, 1, 1)], "c:1: lxc.idmap has neither root's user id nor 0, that of the first process"),
        ([("u", 0, 1, 1), ("g", 5, 100, 10)], "c:2: lxc.idmap has neither root's group id nor 0, that of the first process"),
        ([*(("u", n, n, 1) for n in range(341)), ("g", 0, 1, 1)], "c:341: lxc.idmap has 341 ranges of users; the kernel takes 340"),
    ],
)  # fmt: skip
def test_what_the_kernel_would_not_take_is_refused_with_its_line(
    ranges: list[tuple[str, int, int, int]], said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        planned(*ranges)
    assert refused.value.mistakes == (said,)


def test_all_mistakes_are_said_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        planned(("u", 0, 1, 0), ("u", 0, 1, 0))
    assert len(refused.value.mistakes) == 3


def test_touching_ranges_are_no_overlap() -> None:
    assert planned(("u", 0, 100, 10), ("u", 10, 90, 10), ("g", 0, 1, 1)).users == (Range(0, 100, 10), Range(10, 90, 10))


def test_a_user_of_the_host_gets_the_first_free_number() -> None:
    wide = plan.plan(WIDE, uid=0, gid=0)
    assert wide.with_user(0, 0)[1:] == (65536, 65536)
    assert wide.with_user(0, 0)[0].users == (Range(0, 100000, 65536), Range(65536, 0, 1))
    assert wide.with_user(100007, 7)[1:] == (7, 65536)
    assert planned(("u", 5, 100, 10), ("g", 0, 1, 1), uid=5).with_user(1000, 1000)[1:] == (0, 1)
    assert planned(("u", 5, 100, 10), ("g", 0, 1, 1), uid=5).with_user(1000, 1000, 1)[1:] == (1, 1)
    assert planned(("u", 1, 100, 10), ("g", 0, 1, 9), uid=5).with_user(1000, 1000, 7)[1:] == (11, 9)
