"""Which file systems the words of a cookie allow."""

import pytest

from lxc.security.intercept.mount import allowed


@pytest.mark.parametrize(("cookie", "expected"), [
    ("", ()), ("tmpfs", ()), ("mount=", ()), ("mount=tmpfs", ("tmpfs",)), ("a mount=ext4,xfs b", ("ext4", "xfs")),
    ("mount=ext4 mount=btrfs", ("ext4", "btrfs")), ("xmount=ext4", ()),
])  # fmt: skip
def test_only_what_is_named(cookie: str, expected: tuple[str, ...]) -> None:
    assert allowed(cookie) == expected
