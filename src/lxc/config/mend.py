"""lxc-check --fix: rewriting lines where it is certain what they should be.

Only lines that a finding has edits for are touched; comments, order and line
ends stay.  What is mended may make another finding possible, so it is looked at
again until there is no more to do.
"""

from __future__ import annotations

from lxc.config import document, lint, recorder
from lxc.config.document import Document
from lxc.config.lines import pieces
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from lxc.config.lint import Finding
    from lxc.config.recorder import Reading
    from lxc.config.rules.rule import Edit, Host

_ROUNDS = 10


class Mended(Record):
    """A file after it was mended; `done` are the findings that are so no more, `left` what remains."""

    document: Document
    done: tuple[Finding, ...]
    left: tuple[Finding, ...]


def mended(path: str, text: str, host: Host, *, is_whole: bool = True, ignored: Container[str] = ()) -> Mended:
    """What becomes of the file at `path`, whose text is `text`.  Writes nothing."""
    done: list[Finding] = []
    for _ in range(_ROUNDS):
        reading = recorder.record(path, text)
        found = lint.findings(reading, host, is_whole=is_whole, ignored=ignored)
        edits, used = _chosen(found, reading)
        if not edits:
            break
        done += used
        text = "".join(_applied(pieces(text), edits))
    return Mended(Document(path, text), tuple(done), found)


def save(before: str, after: Document) -> None:
    """Replace the file by `after`; the old text, which it must hold still, becomes FILE.backup, with the old owner and mode.

    Whatever was called so before is replaced, a link, too.  Raises StepError.
    """
    document.replace_file(
        f"{after.path}.backup", before.encode("utf-8", "surrogateescape"), was=before, like=after.path
    )
    after.save(was=before)


def _chosen(found: tuple[Finding, ...], reading: Reading) -> tuple[dict[int, Edit], list[Finding]]:
    """The edits to make in this round, by line, and the findings they are for: all of one's edits or none.

    Keys of old are updated all at once, whether they were read or not: devices are numbered in the order of their lines.
    """
    path = reading.files[0]
    used = [each for each in found if each.path == path and each.rule.name == "legacy-key" and each.edits]
    edits = _by_line(reading.updates.values()) if used else {}
    for each in found:
        wanted = _by_line(each.edits)
        if wanted and each.path == path and not wanted.keys() & edits.keys():
            edits |= wanted
            used.append(each)
    return edits, used


def _by_line(edits: Iterable[Edit]) -> dict[int, Edit]:
    return {int(edit.where.rpartition(":")[2]): edit for edit in edits}


def _applied(texts: list[str], edits: dict[int, Edit]) -> list[str]:
    lines: list[str] = []
    for number, text in enumerate(texts, 1):
        if number not in edits:
            lines.append(text)
            continue
        end = text[len(text.rstrip("\r\n")) :]
        lines += [f"{line}{end or chr(10)}" for line in edits[number].lines]
    return lines
