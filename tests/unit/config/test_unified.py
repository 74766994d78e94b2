"""Limits of version 1 in the words of version 2."""

from __future__ import annotations

import pytest

from lxc.config import unified
from lxc.config.unified import Limit


@pytest.mark.parametrize(
    ("file", "value", "others", "same"),
    [
        ("memory.limit_in_bytes", "512M", {}, [("memory.max", "512M")]),
        ("memory.limit_in_bytes", "-1", {}, [("memory.max", "max")]),
        ("memory.limit_in_bytes", "lots", {}, None),
        ("memory.memsw.limit_in_bytes", "3G", {"memory.limit_in_bytes": "1G"}, [("memory.swap.max", "2147483648")]),
        ("memory.memsw.limit_in_bytes", "1G", {"memory.limit_in_bytes": "1024M"}, [("memory.swap.max", "0")]),
        ("memory.memsw.limit_in_bytes", "-1", {}, [("memory.swap.max", "max")]),
        ("memory.memsw.limit_in_bytes", "1G", {}, None),
        ("memory.memsw.limit_in_bytes", "1G", {"memory.limit_in_bytes": "2G"}, None),
        ("memory.use_hierarchy", "1", {}, []),
        ("memory.use_hierarchy", "0", {}, None),
        ("memory.soft_limit_in_bytes", "1G", {}, None),
        ("cpu.shares", "1024", {}, [("cpu.weight", "100")]),
        ("cpu.cfs_quota_us", "50000", {}, [("cpu.max", "50000 100000")]),
        ("cpu.cfs_quota_us", "-1", {"cpu.cfs_period_us": "5000"}, [("cpu.max", "max 5000")]),
        ("cpu.cfs_period_us", "5000", {"cpu.cfs_quota_us": "1000"}, []),
        ("cpu.cfs_period_us", "5000", {}, [("cpu.max", "max 5000")]),
        ("cpuset.cpus", "0-3,7", {}, [("cpuset.cpus", "0-3,7")]),
        ("cpuset.mems", "0", {}, [("cpuset.mems", "0")]),
        ("cpuset.cpu_exclusive", "1", {}, None),
        ("pids.max", "max", {}, [("pids.max", "max")]),
        ("devices.allow", "c 1:3 rwm", {}, [("devices.allow", "c 1:3 rwm")]),
        ("hugetlb.2MB.limit_in_bytes", "2M", {}, [("hugetlb.2MB.max", "2M")]),
        ("hugetlb.1GB.rsvd.limit_in_bytes", "-1", {}, [("hugetlb.1GB.rsvd.max", "max")]),
        ("blkio.throttle.read_bps_device", "8:0 1048576", {}, [("io.max", "8:0 rbps=1048576")]),
        ("blkio.throttle.write_iops_device", "8:0 0", {}, [("io.max", "8:0 wiops=max")]),
        ("blkio.throttle.read_bps_device", "8:0", {}, None),
        ("blkio.weight", "500", {}, None),
        ("freezer.state", "FROZEN", {}, None),
        ("freezer.state", "THAWED", {}, []),
    ],
)
def test_says_the_same(file: str, value: str, others: dict[str, str], same: list[tuple[str, str]] | None) -> None:
    limits = [Limit(name, text) for name, text in others.items()]
    expected = None if same is None else tuple(Limit(*each) for each in same)
    assert unified.translated(Limit(file, value), [Limit(file, value), *limits]) == expected


@pytest.mark.parametrize(
    ("shares", "weight"), [(1024, 100), (2, 1), (1, 1), (10, 1), (512, 50), (2048, 200), (262144, 10000)]
)
def test_shares_are_converted_as_the_kernel_does(shares: int, weight: int) -> None:
    assert unified.weight(shares) == weight


@pytest.mark.parametrize(("text", "size"), [("4096", 4096), ("4k", 4096), ("1G", 1 << 30), ("-1", -1), ("2T", 2 << 40)])
def test_sizes_are_read_as_the_kernel_does(text: str, size: int) -> None:
    assert unified.size(text) == size
