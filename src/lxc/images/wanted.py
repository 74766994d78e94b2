"""Which image is wanted, of those that a server's index lists.  Pure.

The index has a line for each: `dist;release;arch;variant;build;url`.
"""

from __future__ import annotations

from lxc.errors import LxcError, NotFound, UsageError
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

LEVEL = 7  # of compatibility: which files for it the server is asked for, and the image has
_ROW = "{:<15}  {:<10}  {:<5}  {:<7}  {:<14}"
_MOST_NAMED = 12


class Wanted(Record):
    """What was asked for; "" is any."""

    dist: str = ""
    release: str = ""
    arch: str = ""
    variant: str = "default"

    @property
    def words(self) -> tuple[str, str, str, str]:
        return self.dist, self.release, self.arch, self.variant


class Listed(Record):
    """A line of the index."""

    dist: str
    release: str
    arch: str
    variant: str
    build: str
    url: str

    @property
    def words(self) -> tuple[str, str, str, str]:
        return self.dist, self.release, self.arch, self.variant


def check(wanted: Wanted) -> None:
    """Raise UsageError where what is asked for cannot be a directory's name, as which the cache has it."""
    for option, word in zip(("--dist", "--release", "--arch", "--variant"), wanted.words, strict=True):
        if word and not _is_name(word):
            raise UsageError(f"{option} cannot be {word!r}", hint="lxc-download --list shows what there is")
    if not wanted.variant:
        raise UsageError("--variant cannot be empty", hint="leave it out: the one that is meant mostly is default")


def _is_name(word: str) -> bool:
    return word.isprintable() and word == word.strip() and "/" not in word and not word.startswith(".")


def parse(text: str, source: str) -> tuple[Listed, ...]:
    """The lines of an index that came from `source`; other lines are passed over.  Raises LxcError if there is none."""
    rows = (line.rstrip("\r").split(";") for line in text.split("\n"))
    found = tuple(Listed(*row[:6]) for row in rows if len(row) >= 6 and _is_sound(row))
    if not found:
        raise LxcError(
            f"{source} is no image index: it has no line dist;release;arch;variant;build;url",
            hint="something else may have answered (a portal that wants a login, a proxy): look at it with a browser, or try another --server",
        )
    return found


def _is_sound(row: list[str]) -> bool:
    words, build, url = row[:4], row[4], row[5]
    is_path = url.isprintable() and url.startswith("/") and ".." not in url.split("/") and " " not in url
    return all(word and _is_name(word) for word in words) and build != "" and build.isprintable() and is_path


def matching(index: Iterable[Listed], wanted: Wanted) -> list[Listed]:
    """Those that agree with all that was asked for but the variant."""
    asked = wanted.words[:3]
    return [one for one in index if all(word in ("", has) for word, has in zip(asked, one.words, strict=False))]


def select(index: Iterable[Listed], wanted: Wanted) -> Listed:
    """The image that is wanted.  Raises NotFound, which names what would be there instead."""
    known = list(index)
    for one in known:
        if one.words == wanted.words:
            return one
    raise NotFound("Couldn't find a matching image", hint=_instead(known, wanted))


def _instead(index: list[Listed], wanted: Wanted) -> str:
    """The first of the words that nothing agrees with, and what it could be."""
    left = index
    for place, (option, word) in enumerate(
        zip(("--dist", "--release", "--arch", "--variant"), wanted.words, strict=True)
    ):
        agree = [one for one in left if one.words[place] == word]
        if not agree:
            there = sorted({one.words[place] for one in left})
            more = f" … ({len(there)}: lxc-download --list)" if len(there) > _MOST_NAMED else ""
            before = " ".join(wanted.words[:place])
            return f"{option} {word}: there {'are' if len(there) > 1 else 'is'} {', '.join(there[:_MOST_NAMED])}{more}{f' of {before}' if before else ''}"
        left = agree
    return ""


def table(index: Iterable[Listed]) -> str:
    """The list that is shown."""
    rows = [_ROW.format(*one.words, one.build).rstrip() for one in index]
    return "\n".join(["---", _ROW.format("DIST", "RELEASE", "ARCH", "VARIANT", "BUILD").rstrip(), "---", *rows, "---"])


def checksums(text: str) -> dict[str, str]:
    """What a file SHA256SUMS says, by the name of the file, as sha256sum(1) has it."""
    found = {}
    for line in text.split("\n"):
        digest, _, name = line.strip().partition(" ")
        if len(digest) == 64 and all(character in "0123456789abcdef" for character in digest.lower()):
            found[name.strip().removeprefix("*").removeprefix("./")] = digest.lower()
    return found
