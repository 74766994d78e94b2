"""What policy files are read as, and what is said of mistakes in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lxc.errors import ConfigError
from lxc.security.seccomp.policy import ALLOW, ERRNO, KILL, TRAP, Comparison, Policy, Rule, parse

EQ, MASKED = 4, 7


def rules(text: str, machine: str = "x86_64") -> list[tuple[str, int]]:
    return [(rule.call, rule.action) for rule in parse(text, "p", machine).rules]


def mistakes(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse(text, "p", "x86_64")
    return caught.value.mistakes


def test_a_denylist_kills_what_it_names() -> None:
    wanted = parse("2\ndenylist\n# text\n\nmknod\nmount errno 1 # why\nptrace trap\n", "p", "x86_64")
    expected = (Rule("mknod", KILL, (), "p:5"), Rule("mount", ERRNO | 1, (), "p:6"), Rule("ptrace", TRAP, (), "p:7"))
    assert wanted == Policy(ALLOW, expected, ("x86", "x32"))


@pytest.mark.parametrize(("style", "default", "listed"), [
    ("allowlist", KILL, ALLOW), ("whitelist", KILL, ALLOW), ("allowlist trap", TRAP, ALLOW),
    ("allowlist errno 38", ERRNO | 38, ALLOW), ("denylist", ALLOW, KILL), ("blacklist", ALLOW, KILL),
    ("denylist errno 1", ERRNO | 1, KILL),
])  # fmt: skip
def test_the_second_line_says_what_is_done_with_the_rest(style: str, default: int, listed: int) -> None:
    wanted = parse(f"2\n{style}\nread\n", "p", "x86_64")
    assert (wanted.default, wanted.rules[0].action) == (default, listed)


def test_who_is_asked_about_a_call_takes_a_rule() -> None:
    assert parse("2\ndenylist\nmknod notify\n", "p", "x86_64").is_supervised
    assert not parse("2\nallowlist notify\nmknod\n", "p", "x86_64").is_supervised
    policy = parse("2\ndenylist\nmknod notify [1,8192,&=,61440]\nmount notify\n", "p", "x86_64")
    assert (policy.asks("mknod"), policy.asks("mount"), policy.asks("read")) == (False, True, False)


def test_the_largest_errno_is_taken() -> None:
    assert rules("2\ndenylist\nread errno 4095\n") == [("read", ERRNO | 4095)]


def test_version_1_lists_numbers() -> None:
    assert parse("1\nwhitelist\n0\n 1 text\n300", "p", "x86_64") == Policy(
        KILL, (Rule("0", ALLOW, (), "p:3"), Rule("1", ALLOW, (), "p:4"), Rule("300", ALLOW, (), "p:5"))
    )


def test_arguments_are_compared() -> None:
    text = "2\ndenylist\nioctl errno 1 [1,0x5412,SCMP_CMP_EQ][2,010,==]\nclone errno 1 [0,16,&=,0x10]\n"
    first, second = parse(text, "p", "x86_64").rules
    assert first.comparisons == (Comparison(1, 0x5412, EQ), Comparison(2, 8, EQ))
    assert second.comparisons == (Comparison(0, 16, MASKED, 16),)
    assert (first.comparisons[0].data, second.comparisons[0].data) == ((1, EQ, 0x5412, 0), (0, MASKED, 16, 16))


@pytest.mark.parametrize(("words", "number"), [
    (("!=", "SCMP_CMP_NE"), 1), (("<", "SCMP_CMP_LT"), 2), (("<=", "SCMP_CMP_LE"), 3), (("==", "SCMP_CMP_EQ"), 4),
    ((">=", "SCMP_CMP_GE"), 5), ((">", "SCMP_CMP_GT"), 6), (("&=", "SCMP_CMP_MASKED_EQ"), 7),
])  # fmt: skip
def test_operators_are_numbered_as_libseccomp_does(words: tuple[str, ...], number: int) -> None:
    for word in words:
        (rule,) = parse(f"2\ndenylist\nread kill [5,1,{word}]\n", "p", "x86_64").rules
        assert rule.comparisons == (Comparison(5, 1, number),)


@pytest.mark.parametrize(
    "text",
    [
        "1\nwhitelist\n0\n1\n",
        "2\ndenylist errno 1\n[all]\n\n# why\nmknod\nioctl errno 2 [1,2,==]\nreject_force_umount\n",
    ],
)
def test_lines_may_end_as_on_other_systems(text: str) -> None:
    assert parse(text.replace("\n", "\r\n"), "p", "x86_64") == parse(text, "p", "x86_64")


def test_forced_umounts_are_rejected_whatever_the_action() -> None:
    (rule,) = parse("2\ndenylist\nreject_force_umount kill\n", "p", "x86_64").rules
    assert (rule.call, rule.action, rule.comparisons) == ("umount2", ERRNO | 13, (Comparison(1, 1, MASKED, 1),))


@pytest.mark.parametrize(("machine", "expected"), [
    ("x86_64", "abd"), ("aarch64", "ade"), ("armv7l", "ade"), ("riscv64", "ad"), ("i686", "abd"), ("ppc64le", "acd"),
])  # fmt: skip
def test_sections_are_for_machines(machine: str, expected: str) -> None:
    text = "2\ndenylist\na\n[x86]\nb\n[PPC64LE]\nc\n[all]\nd\n[arm]\ne\n"
    assert "".join(name for name, _ in rules(text, machine)) == expected


@pytest.mark.parametrize(("text", "expected"), [
    ("", "p: expected the policy's version, 1 or 2; the file is empty"),
    ("3\n", "p:1: expected the policy's version, 1 or 2; got '3'"),
    ("2\n", "p: expected allowlist or denylist after the version; the file ends"),
    ("2\ndenylist debug\n", "p:2: debug is not known"),
    ("2\nlist\n", "p:2: expected allowlist or denylist, and perhaps an action; got 'list'"),
    ("1\ndenylist\n", "p:2: expected allowlist, the only kind there is in version 1; got 'denylist'"),
    ("1\nallowlist\nread\n", "p:3: expected the number of a system call; got 'read'"),
    ("1\nallowlist\n# x\n", "p:3: expected the number of a system call; got '# x'"),
    ("2\ndenylist\n[riscv]\n", "p:3: expected an architecture, such as [all], [x86_64] or [arm64]; got '[riscv]'"),
    ("2\ndenylist\nread errno\n", "p:3: expected a number from 0 to 4095 after errno; got ''"),
    ("2\ndenylist\nread errno 4096\n", "p:3: expected a number from 0 to 4095 after errno; got '4096'"),
    ("2\ndenylist\nread errno 00001\n", "p:3: expected a number from 0 to 4095 after errno; got '00001'"),
    ("2\ndenylist\nread nothing\n", "p:3: expected kill, errno NUMBER, allow, trap or notify; got 'nothing'"),
    ("2\ndenylist\nread [0,1,==]\n", "p:3: expected kill, errno NUMBER, allow, trap or notify; got '[0,1,==]'"),
    ("2\ndenylist\nread allow\n",
     "p:3: expected another action than the one for all that is not listed; got 'read allow'"),
    ("2\ndenylist\n read\n",
     "p:3: expected a system call at the beginning of the line, and spaces after it; got ' read'"),
    ("2\ndenylist\nread\tkill\n",
     "p:3: expected a system call at the beginning of the line, and spaces after it; got 'read\\tkill'"),
    ("2\ndenylist\nread kill [6,1,==]\n", "p:3: expected an argument's index, 0 to 5, written as in C; got '6'"),
    ("2\ndenylist\nread kill [0,-1,==]\n", "p:3: expected a value, written as in C; got '-1'"),
    ("2\ndenylist\nread kill [0,1,&=,z]\n", "p:3: expected a mask, written as in C; got 'z'"),
    ("2\ndenylist\nread kill [0,1]\n",
     "p:3: expected [index,value,operator] or [index,value,operator,mask]; got [0,1]"),
    ("2\ndenylist\nread kill " + 7 * "[0,1,==]" + "\n", "p:3: expected at most 6 comparisons; got 7"),
    ("2\ndenylist\nread kill [0,1,==] x\n",
     "p:3: expected [index,value,operator] or [index,value,operator,mask]; got '[0,1,==] x'"),
])  # fmt: skip
def test_a_mistake_is_told_with_its_line_and_what_was_expected(text: str, expected: str) -> None:
    assert mistakes(text) == (expected,)


def test_all_mistakes_are_told_at_once() -> None:
    assert [text[:4] for text in mistakes("2\ndenylist\nread x\nmknod\nwrite errno\n")] == ["p:3:", "p:5:"]


@given(
    st.text(st.sampled_from("12 \n[]allowdenyistrno,0x=&#\t\ud800é³")) | st.text(),
    st.sampled_from(["", "1\nallowlist\n", "2\ndenylist\n"]),
)
def test_whatever_a_file_holds_it_is_a_policy_or_a_mistake(text: str, head: str) -> None:
    told: tuple[str, ...] = ()
    try:
        parse(head + text, "p", "x86_64")
    except ConfigError as error:
        told = error.mistakes
    assert all(each.startswith("p:") for each in told)
