"""Device rules, what they come to, and the program that decides so: executed here as the kernel does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lxc.cgroups import devices, program
from lxc.cgroups.devices import ANY, Policy, Rule
from lxc.cgroups.program import Instruction

BITS = {"m": 1, "r": 2, "w": 4}


def run(instructions: tuple[Instruction, ...], kind: str, major: int, minor: int, access: str) -> bool:
    """Execute what the instructions' own print says, on a request."""
    context = {0: {"b": 1, "c": 2}[kind] | sum(BITS[a] for a in access) << 16, 4: major, 8: minor}
    registers: dict[str, int] = {}
    at = 0
    for _ in range(10000):
        words = str(instructions[at]).replace("(u32 *)", "").split()
        at += 1
        name = words[0][1:]
        if words[0] == "exit":
            return bool(registers["0"])
        if words[0] == "goto":
            at += int(words[1])
        elif words[0] == "if":
            left, right = registers[words[1][1:]], int(words[3], 0)
            if left & right if words[2] == "&" else left != right:
                at += int(words[5])
        elif words[1] == "=":
            if words[2].startswith("*"):
                registers[name] = context[int(words[4].rstrip(")"))]
            else:
                registers[name] = registers[words[2][1:]] if words[2].startswith("w") else int(words[2])
        elif words[1] == "&=":
            registers[name] &= int(words[2], 0)
        elif words[1] == ">>=":
            registers[name] >>= int(words[2])
        else:
            pytest.fail(f"what is {words}?")
    pytest.fail("it does not end")


def expected(policy: Policy, kind: str, major: int, minor: int, access: str) -> bool:
    """The kernel's document cgroup-v1/devices, said in Python."""
    fitting = [
        set(each.access)
        for each in policy.exemptions
        if each.type == kind and each.major in (ANY, major) and each.minor in (ANY, minor)
    ]
    if policy.allows:
        return not any(each & set(access) for each in fitting)
    return any(set(access) <= each for each in fitting)


NUMBERS = st.sampled_from([ANY, 0, 1, 3, 4095])
RULES = st.lists(
    st.builds(
        Rule, st.booleans(), st.sampled_from("abc"), NUMBERS, NUMBERS,
        st.sampled_from(["r", "w", "m", "rw", "rm", "wm", "rwm"]),
    ),
    max_size=8,
)  # fmt: skip


@given(RULES, st.booleans(), st.sampled_from("bc"), st.sampled_from([0, 1, 3, 4095]), st.sampled_from([0, 1, 3, 4095]),
       st.sampled_from(["r", "w", "m", "rw"]))  # fmt: skip
def test_the_program_decides_as_the_policy_says(
    rules: list[Rule], allows: bool, kind: str, major: int, minor: int, access: str
) -> None:
    policy = devices.policy(rules, allows=allows)
    assert run(policy.instructions, kind, major, minor, access) is expected(policy, kind, major, minor, access)


@pytest.mark.parametrize(
    ("file", "text", "rule"),
    [
        ("devices.allow", "c 1:3 rwm", Rule(True, "c", 1, 3, "rwm")),
        ("devices.deny", "b *:* m", Rule(False, "b", ANY, ANY, "m")),
        ("devices.allow", "c 136:* wr", Rule(True, "c", 136, ANY, "rw")),
        ("devices.deny", "a", Rule(False, "a")),
        ("devices.allow", "a *:* rwm", Rule(True, "a")),
        ("devices.allow", "a 5:1 r", Rule(True, "a", 5, 1, "r")),
    ],
)
def test_rules_are_read(file: str, text: str, rule: Rule) -> None:
    assert devices.rule(file, text) == rule


@pytest.mark.parametrize(
    ("file", "text", "what"),
    [
        ("devices.list", "a", "devices.allow or devices.deny"),
        ("devices.allow", "", "b|c MAJOR:MINOR ACCESS"),
        ("devices.allow", "garbage", "b|c MAJOR:MINOR ACCESS"),
        ("devices.allow", "c 1:3", "b|c MAJOR:MINOR ACCESS"),
        ("devices.allow", "d 1:3 rwm", "b|c MAJOR:MINOR ACCESS"),
        ("devices.allow", "c 1 rwm", "each a number"),
        ("devices.allow", "c 1:2:3 rwm", "each a number"),
        ("devices.allow", "c x:3 rwm", "a number up to 4095"),
        ("devices.allow", "c 4096:3 rwm", "a number up to 4095"),
        ("devices.allow", "c 1:-1 rwm", "a number up to 1048575"),
        ("devices.allow", "c ²:1 rwm", "a number up to"),
        ("devices.allow", "c 1:1048576 rwm", "a number up to 1048575"),
        ("devices.allow", "c 1:3 x", "an access of r, w and m"),
        ("devices.allow", "c 1:3 rrrr", "an access of r, w and m"),
        ("devices.allow", "c 1:3 rw # null", "b|c MAJOR:MINOR ACCESS"),
        ("devices.allow", "c 1:3 rwm null", "b|c MAJOR:MINOR ACCESS"),
    ],
)
def test_what_is_no_rule_is_told(file: str, text: str, what: str) -> None:
    with pytest.raises(ValueError, match=what.replace("|", r"\|")):
        devices.rule(file, text)


def comes_to(*lines: str, allows: bool = False) -> str:
    rules = (devices.rule(f"devices.{line.split()[0]}", line.partition(" ")[2]) for line in lines)
    return str(devices.policy(rules, allows=allows)).splitlines()[0]


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        (["deny a"], "denied"),
        (["allow a"], "allowed"),
        (["allow c 1:3 rw"], "denied, but allowed are: c 1:3 rw"),
        (["deny c 1:3 rw"], "denied"),
        (["allow a", "deny c 1:3 rw"], "allowed, but denied are: c 1:3 rw"),
        (["allow c 1:3 r", "allow c 1:3 w"], "denied, but allowed are: c 1:3 rw"),
        (["allow c 1:3 rwm", "deny c 1:3 w"], "denied, but allowed are: c 1:3 rm"),
        (["allow c 1:3 r", "deny c 1:3 r"], "denied"),
        (["allow c 1:3 r", "allow a"], "allowed"),
        (["allow c 1:3 r", "deny a", "allow b 7:* rwm"], "denied, but allowed are: b 7:* rwm"),
        (["allow a 5:1 r"], "denied, but allowed are: b 5:1 r, c 5:1 r"),
    ],
)
def test_rules_come_to_a_default_and_exemptions(lines: list[str], what: str) -> None:
    assert comes_to(*lines) == f"# eBPF: devices are {what}"


def test_an_instruction_is_encoded_as_the_kernel_reads_it() -> None:
    insn = Instruction(0x61, 2, 1, -1, -2)
    assert insn.encoded() == bytes.fromhex("6112ffff feffffff".replace(" ", ""))
    assert len(program.encoded(Policy(False).instructions)) == 8 * len(Policy(False).instructions)


def test_a_program_prints_as_bpftool_does() -> None:
    lines = str(devices.policy([devices.rule("devices.allow", "c 1:3 r")], allows=False)).splitlines()
    assert [line.split(": ", 1)[1] for line in lines[1:]] == [
        "r2 = *(u32 *)(r1 + 0)", "w3 = w2", "w2 &= 0xffff", "w3 >>= 16", "r4 = *(u32 *)(r1 + 4)",
        "r5 = *(u32 *)(r1 + 8)", "if w2 != 2 goto +5", "if w3 & 0x5 goto +4", "if w4 != 1 goto +3",
        "if w5 != 3 goto +2", "w0 = 1", "exit", "w0 = 0", "exit",
    ]  # fmt: skip


def test_a_rule_may_name_a_file() -> None:
    assert devices.path("/dev/fuse rw") == ("/dev/fuse", "rw")
    assert devices.path("/dev/fuse") == ("/dev/fuse", "rwm")
    assert devices.path("c 1:3 rwm") == ("", "")
