"""The summary of what ran where (tests/vm/summary.py)."""

from tests.vm.summary import summary


def test_a_test_that_ran_in_one_place_has_run() -> None:
    lines, all_ran = summary({"host": "passed a\nleft:root b\n", "vm": "left:root+apparmor a\nfailed b\n"})
    assert lines == ["host: 1 tests ran (1 passed)", "vm: 1 tests ran (1 failed)", "ran nowhere: 0 of 2 tests"]
    assert all_ran


def test_one_that_was_left_or_skipped_everywhere_is_named() -> None:
    lines, all_ran = summary({"host": "left:hybrid a[x y]\npassed b\n", "vm": "skipped a[x y]\n"})
    assert lines[-2:] == ["ran nowhere: 1 of 2 tests", "  a[x y]"]
    assert not all_ran
