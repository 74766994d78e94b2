"""Numbers of cgroup files, of either version."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lxc.cgroups.statistics import Detail, Usage, detail, swap, usage

V1 = {
    "cpuacct/cpuacct.usage": "2421840\n",
    "cpu/cpu.stat": "nr_periods 0\nnr_throttled 0\n",
    "blkio/blkio.throttle.io_service_bytes": "8:0 Read 4096\n8:0 Write 0\n8:0 Total 4096\nTotal 4096\n",
    "memory/memory.usage_in_bytes": "200704\n",
    "memory/memory.kmem.usage_in_bytes": "98304\n",
    "memory/memory.stat": "cache 4096\nrss 53248\nswap 8192\nswapcached 1\ntotal_swap 9\n",
}
V2 = {
    "all/cpu.stat": "usage_usec 2520\nuser_usec 2520\nsystem_usec 0\n",
    "all/io.stat": "8:0 rbytes=4096 wbytes=1 rios=2 wios=1 dbytes=9 dios=9\n8:16 rbytes=1 wbytes=2 rios=1 wios=1\n",
    "all/memory.current": "9999\n",
    "all/memory.stat": "anon 1000\nfile 200\nkernel 77\nkernel_stack 1\npagetables 2\nsock 4\nslab 8\nslab_reclaimable 5\n",
    "all/memory.swap.current": "512\n",
}


@pytest.fixture
def below(tmp_path: Path) -> Callable[[dict[str, str]], str]:
    """Makes files with their contents; the directory they are in."""

    def make(files: dict[str, str]) -> str:
        for path, content in files.items():
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_text(content)
        return str(tmp_path)

    return make


def test_version_one_has_a_directory_for_each_controller(below: Callable[[dict[str, str]], str]) -> None:
    top = below(V1)
    assert usage(lambda controller: f"{top}/{controller}") == Usage(2421840, 4096, 200704, 98304)
    assert swap(lambda controller: f"{top}/{controller}") == 8192


def test_version_two_has_one_for_all(below: Callable[[dict[str, str]], str]) -> None:
    top = below(V2)
    assert usage(lambda controller: f"{top}/all") == Usage(2_520_000, 4100, 1200, 15)
    assert swap(lambda controller: f"{top}/all") == 512


def test_a_hybrid_layout_has_each_number_where_its_controller_is(below: Callable[[dict[str, str]], str]) -> None:
    top = below({**V1, "all/cpu.stat": V2["all/cpu.stat"]})
    found = usage(lambda controller: f"{top}/{controller if controller in ('memory', 'cpuacct') else 'all'}")
    assert found == Usage(2421840, None, 200704, 98304)


def test_what_the_kernel_does_not_count_is_unknown(tmp_path: Path) -> None:
    assert usage(lambda controller: "") == Usage()
    assert usage(lambda controller: str(tmp_path / "gone")) == Usage()


def test_an_idle_container_has_done_nothing(below: Callable[[dict[str, str]], str]) -> None:
    top = below({"blkio/blkio.throttle.io_service_bytes": "Total 0\n"})
    assert usage(lambda controller: f"{top}/{controller}").io_bytes == 0


def test_lxc_top_s_numbers_of_version_one(below: Callable[[dict[str, str]], str]) -> None:
    more = {
        "cpuacct/cpuacct.stat": "user 7\nsystem 8\n",
        "blkio/blkio.throttle.io_service_bytes": "8:0 Read 10\n8:0 Write 1\n8:0 Total 11\n8:16 Read 5\n8:16 Total 5\nTotal 16\n",
        "blkio/blkio.throttle.io_serviced": "8:0 Read 3\n8:0 Total 3\n8:16 Total 2\nTotal 5\n",
        "memory/memory.memsw.usage_in_bytes": "300000\n",
    }
    top = below({**V1, **more})
    assert detail(lambda controller: f"{top}/{controller}") == Detail(
        2421840, 8, 7, 15, 1, 16, 5, 200704, 300000, 98304
    )


def test_lxc_top_s_numbers_of_version_two(below: Callable[[dict[str, str]], str]) -> None:
    top = below({**V2, "all/cpu.stat": "usage_usec 50000\nuser_usec 30000\nsystem_usec 20000\n"})
    assert detail(lambda controller: f"{top}/all") == Detail(50_000_000, 2, 3, 4097, 3, 4100, 5, 9999, 512, 77)


def test_lxc_top_shows_nothing_for_what_is_not_counted() -> None:
    assert detail(lambda controller: "") == Detail()
