"""From words to what the kernel denies."""

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


def test_without_ports_and_scope_those_are_left_alone() -> None:
    made, warnings = plan(RULES[:1], 7)
    assert (made.network, made.scoped, warnings) == (0, 0, ())
    assert plan(RULES[:1], 3)[1]
