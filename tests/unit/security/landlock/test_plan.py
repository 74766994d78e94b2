"""From words to what the kernel denies."""

import pytest

from lxc.security.landlock.plan import FILES, plan

RULES = (
    (("read", "execute"), "/usr", False, "config:1"), (("tcp-connect",), "443", False, "config:2"),
    (("scope",), "signals,sockets", False, "config:3"),
)  # fmt: skip


def test_a_kernel_that_knows_all() -> None:
    made, warnings = plan(RULES, 7)
    assert warnings == ()
    assert (made.files, made.network, made.scoped) == (FILES["all"], 3, 3)
    assert [(rule.path, rule.access) for rule in made.beneath] == [("/usr", 0b1101)]
    assert [(port.number, port.access) for port in made.ports] == [(443, 2)]
    assert str(made).splitlines() == [
        "landlock read,execute /usr",
        "landlock tcp-connect 443",
        "landlock scope signals,sockets",
    ]


def test_an_older_one_denies_less_and_that_is_told() -> None:
    made, warnings = plan(RULES, 2)
    assert (made.files, made.network, made.scoped, made.ports) == ((1 << 14) - 1, 0, 0, ())
    assert warnings == (
        "config:1: lxc.x-landlock: this kernel (Landlock version 2) does not deny some rights to files and ports and signals "
        "and sockets",
    )  # fmt: skip


@pytest.mark.parametrize(("abi", "files", "network", "scoped", "lacking"), [
    (1, 13, 0, 0, "some rights to files and ports and signals and sockets"),
    (3, 15, 0, 0, "some rights to files and ports and signals and sockets"),
    (4, 15, 3, 0, "some rights to files and signals and sockets"), (5, 16, 3, 0, "signals and sockets"),
    (6, 16, 3, 3, ""),
])  # fmt: skip
def test_each_version_denies_what_it_brought(abi: int, files: int, network: int, scoped: int, lacking: str) -> None:
    made, warnings = plan(RULES, abi)
    assert (made.files, made.network, made.scoped) == ((1 << files) - 1, network, scoped)
    assert len(made.ports) == (network > 0)
    assert [text.partition(" does not deny ")[2] for text in warnings] == [lacking][: bool(lacking)]


def test_without_ports_and_scope_those_are_left_alone() -> None:
    made, warnings = plan(RULES[:1], 7)
    assert (made.network, made.scoped, warnings) == (0, 0, ())
    (warning,) = plan(RULES[:1], 3)[1]
    assert warning.endswith("does not deny some rights to files")
