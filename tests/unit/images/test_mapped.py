"""Which user namespace a template runs in."""

import pytest

from lxc.images import mapped

HOST = "         0          0 4294967295\n"
FAR = "         0 4294967295 4294967295\n"  # the host's process 1, seen from another namespace


@pytest.mark.parametrize(
    ("own", "first", "expected"),
    [
        (HOST, HOST, "no"),
        ("", "", "no"),  # a kernel without user namespaces
        ("0 100000 65536\n1000 1000 1\n", FAR, "yes"),
        ("0 1000 1\n", FAR, "yes"),
        ("0 100000 65536\n65536 0 1\n", FAR, "userns-root"),
        ("0 0 1\n1 100000 65535\n", FAR, "userns-root"),
        ("0 100000 65536\n", "0 100000 65536\n", "userns-root"),
        ("0 0 65536\n", FAR, "yes"),
    ],
)
def test_it_is_told_from_the_maps(own: str, first: str, expected: str) -> None:
    assert mapped.told(own, first) == expected


def test_it_is_one_of_three() -> None:
    assert mapped.user_namespace() in ("no", "yes", "userns-root")
