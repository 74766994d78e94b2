"""Which id maps are planned, and which are refused with the line that is wrong."""

import pytest

from lxc.errors import ConfigError, Unsupported
from lxc.idmap import plan
from lxc.idmap.plan import IdMapPlan, Range, Starter

WIDE = [("u", Range(0, 100000, 65536), "c:1"), ("g", Range(0, 200000, 65536), "c:2")]
JOE = Starter(1000, 1001, "joe", ((100000, 65536),), ((200000, 65536),))


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
    assert planned(("u", 0, 0, 10), ("g", 0, 0, 10), uid=5, gid=5).owner == (0, 0)  # the host's root is a root, too


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
    assert wide.with_user(100000, 200000) == (wide, 0, 0)
    assert planned(("u", 5, 100, 10), ("g", 0, 1, 1), uid=5).with_user(1000, 1000)[1:] == (0, 1)
    assert planned(("u", 5, 100, 10), ("g", 0, 1, 1), uid=5).with_user(1000, 1000, 1)[1:] == (1, 1)
    assert planned(("u", 1, 100, 10), ("g", 0, 1, 9), uid=5).with_user(1000, 1000, 7)[1:] == (11, 9)
    assert plan.plan(WIDE, uid=0, gid=0, is_new=False).with_user(100007, 7)[0].is_new


def test_what_an_id_is_on_the_other_side_is_looked_for_in_all_ranges() -> None:
    ranges = (Range(0, 100000, 10), Range(50, 1000, 1))
    assert [plan.host_id(ranges, inside) for inside in (0, 9, 10, 50, 51)] == [100000, 100009, -1, 1000, -1]
    assert [plan.inside_id(ranges, outside) for outside in (99999, 100000, 100009, 100010, 1000)] == [-1, 0, 9, -1, 50]


def test_who_is_not_root_has_helpers_write_what_he_was_given() -> None:
    wide = plan.plan(WIDE, uid=0, gid=0)
    assert plan.by(JOE, wide) == wide.replace(uses_helpers=True)
    assert plan.by(Starter(), wide) is wide
    joined = plan.plan(WIDE, uid=0, gid=0, is_new=False)
    assert plan.by(JOE.replace(users=(), has_helpers=False), joined) is joined


def test_his_own_two_ids_anybody_may_map_himself() -> None:
    own = planned(("u", 0, 1000, 1), ("g", 0, 1001, 1))
    assert plan.by(JOE.replace(has_helpers=False), own) is own
    with_more = planned(("u", 0, 1000, 1), ("u", 1, 100000, 65536), ("g", 0, 1001, 1), ("g", 1, 200000, 65536))
    assert plan.by(JOE, with_more).uses_helpers


@pytest.mark.parametrize(
    ("ranges", "said", "hint"),
    [
        ([], "a container that joe starts needs ids of its own, lxc.idmap",
         "add to its configuration: lxc.idmap = u 0 100000 65536; lxc.idmap = g 0 200000 65536"),
        ([("u", 0, 99999, 2), ("g", 0, 200000, 1)],
         "lxc.idmap = u 0 99999 2: /etc/subuid does not give these ids to joe",
         "use what it gives: lxc.idmap = u 0 100000 2"),
        ([("u", 0, 100000, 65536), ("g", 0, 200000, 65537)],
         "lxc.idmap = g 0 200000 65537: /etc/subgid does not give these ids to joe",
         "use what it gives: lxc.idmap = g 0 200000 65536"),
        ([("u", 0, 0, 1), ("g", 0, 1001, 1)], "lxc.idmap = u 0 0 1: /etc/subuid does not give these ids to joe",
         "use what it gives: lxc.idmap = u 0 100000 1"),
        ([("u", 0, 1000, 1), ("g", 0, 1001, 2)], "lxc.idmap = g 0 1001 2: /etc/subgid does not give these ids to joe",
         "use what it gives: lxc.idmap = g 0 200000 2"),
    ],
)  # fmt: skip
def test_what_was_not_given_to_him_is_refused(ranges: list[tuple[str, int, int, int]], said: str, hint: str) -> None:
    with pytest.raises(Unsupported) as refused:
        plan.by(JOE, planned(*ranges))
    assert (str(refused.value), refused.value.hint) == (said, hint)


def test_who_was_given_nothing_is_told_how_he_is() -> None:
    poor = JOE.replace(users=(), groups=())
    with pytest.raises(Unsupported) as refused:
        plan.by(poor, plan.plan(WIDE, uid=0, gid=0))
    assert refused.value.hint == "as root: echo joe:100000:65536 >> /etc/subuid"
    for starter in (poor, JOE.replace(groups=()), JOE.replace(users=())):
        assert plan.allotment(starter) in plan.proposal(starter)[0]


def test_without_helpers_it_is_said_that_they_are_missing() -> None:
    with pytest.raises(Unsupported, match="newuidmap and newgidmap are missing") as refused:
        plan.by(JOE.replace(has_helpers=False), plan.plan(WIDE, uid=0, gid=0), where="c:1")
    assert refused.value.where == "c:1"
