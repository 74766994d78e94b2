"""An assembler for the device controller's programs: eBPF (the kernel's document bpf/standardization/instruction-set).  Pure.

The kernel runs the program at each open(2) and mknod(2) of a device by a
process of the cgroup, with r1 pointing to a struct bpf_cgroup_dev_ctx:

    u32 access_type     lower half: 1 block, 2 character; upper half: 1 mknod, 2 read, 4 write
    u32 major
    u32 minor

What it leaves in r0 is the answer: 1 is yes, 0 is no (EPERM).
"""

from __future__ import annotations

from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Operation codes: class | operation or size | source or mode.
_LOAD_WORD = 0x61  # dst = *(u32 *)(src + off)
_AND, _SHIFT_RIGHT, _MOVE, _MOVE_REGISTER = 0x54, 0x74, 0xB4, 0xBC  # of 32 bits
_JUMP, _JUMP_IF_BITS, _JUMP_UNLESS_EQUAL, _EXIT = 0x05, 0x46, 0x56, 0x95  # conditions look at 32 bits
_ANSWER, _CONTEXT, _TYPE, _ACCESS, _MAJOR, _MINOR = 0, 1, 2, 3, 4, 5  # registers
_TYPES = {"b": 1, "c": 2}
_BITS = {"m": 1, "r": 2, "w": 4}
_EVERY_BIT = 7
_ANY = -1


class Instruction(Record):
    """struct bpf_insn."""

    code: int
    dst: int = 0
    src: int = 0
    off: int = 0
    imm: int = 0

    def encoded(self) -> bytes:
        """As the kernel reads it, on a machine that stores the lowest byte first."""
        return (
            bytes((self.code, self.dst | self.src << 4))
            + self.off.to_bytes(2, "little", signed=True)
            + self.imm.to_bytes(4, "little", signed=True)
        )

    def __str__(self) -> str:
        return _FORMS[self.code].format(self)


# As the kernel's verifier and bpftool(8) write them.
_FORMS = {
    _LOAD_WORD: "r{0.dst} = *(u32 *)(r{0.src} + {0.off})",
    _AND: "w{0.dst} &= {0.imm:#x}",
    _SHIFT_RIGHT: "w{0.dst} >>= {0.imm}",
    _MOVE: "w{0.dst} = {0.imm}",
    _MOVE_REGISTER: "w{0.dst} = w{0.src}",
    _JUMP: "goto +{0.off}",
    _JUMP_IF_BITS: "if w{0.dst} & {0.imm:#x} goto +{0.off}",
    _JUMP_UNLESS_EQUAL: "if w{0.dst} != {0.imm} goto +{0.off}",
    _EXIT: "exit",
}


def device_program(exemptions: Iterable[tuple[str, int, int, str]], *, allows: bool) -> tuple[Instruction, ...]:
    """A program that answers `allows`, and the opposite for `exemptions`: (type b or c, major, minor, access), -1 any number.

    Where nothing is allowed, all that is asked for must be in one exemption's access; where all is, a part in it is denied.
    """
    program = [
        Instruction(_LOAD_WORD, _TYPE, _CONTEXT, 0),
        Instruction(_MOVE_REGISTER, _ACCESS, _TYPE),
        Instruction(_AND, _TYPE, imm=0xFFFF),
        Instruction(_SHIFT_RIGHT, _ACCESS, imm=16),
        Instruction(_LOAD_WORD, _MAJOR, _CONTEXT, 4),
        Instruction(_LOAD_WORD, _MINOR, _CONTEXT, 8),
    ]
    for exemption in exemptions:
        program += _exemption(*exemption, allows=allows)
    return (*program, Instruction(_MOVE, _ANSWER, imm=int(allows)), Instruction(_EXIT))


def encoded(program: Iterable[Instruction]) -> bytes:
    """What bpf(2) takes as BPF_PROG_LOAD's `insns`."""
    return b"".join(instruction.encoded() for instruction in program)


def listing(program: Iterable[Instruction]) -> Iterator[str]:
    """The program to read, one line for each instruction."""
    return (f"#   {number:>3}: {instruction}" for number, instruction in enumerate(program))


def _exemption(kind: str, major: int, minor: int, access: str, *, allows: bool) -> list[Instruction]:
    """Answer the opposite of `allows` if the request fits; else go on behind."""
    bits = sum(_BITS[letter] for letter in access)
    tests = [Instruction(_JUMP_UNLESS_EQUAL, _TYPE, imm=_TYPES[kind])]
    if allows:
        tests += [Instruction(_JUMP_IF_BITS, _ACCESS, off=1, imm=bits), Instruction(_JUMP)]
    elif bits != _EVERY_BIT:
        tests.append(Instruction(_JUMP_IF_BITS, _ACCESS, imm=_EVERY_BIT & ~bits))
    tests += (
        Instruction(_JUMP_UNLESS_EQUAL, register, imm=number)
        for register, number in ((_MAJOR, major), (_MINOR, minor))
        if number != _ANY
    )
    answer = [Instruction(_MOVE, _ANSWER, imm=int(not allows)), Instruction(_EXIT)]
    end = len(tests) + len(answer)
    return [test if test.off else test.replace(off=end - number - 1) for number, test in enumerate(tests)] + answer
