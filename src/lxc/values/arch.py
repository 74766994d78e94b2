"""Architectures, as far as personality(2) tells them apart."""

from __future__ import annotations

from lxc.values.words import unknown

BITS_32 = (
    "arm", "armel", "armhf", "armv7l", "athlon", "i386", "i486", "i586", "i686", "linux32", "mips", "mipsel", "ppc",
    "powerpc", "x32", "x86",
)  # fmt: skip
BITS_64 = (
    "aarch64", "amd64", "arm64", "linux64", "loongarch64", "loong64", "mips64", "mips64el", "ppc64", "ppc64el",
    "ppc64le", "powerpc64", "riscv64", "s390x", "x86_64",
)  # fmt: skip
NAMES = {"i686": "linux32", "x86_64": "linux64"}  # as setarch(8) calls them
PERSONALITY = {"i686": 0x0008, "x86_64": 0x0000}  # PER_LINUX32, PER_LINUX


def parse(value: str) -> str:
    """An architecture such as amd64; only whether it has 32 or 64 bits matters, and i686 or x86_64 is kept of it."""
    if value in BITS_32:
        return "i686"
    if value in BITS_64:
        return "x86_64"
    raise unknown("an architecture", value, (*BITS_64, *BITS_32))
