"""Words: splitting text into them, and saying which known one was probably meant.

`Misspelt` is the ValueError of this package: its text says what was expected
and what was got, and `part` which piece of the value is wrong, so that whoever
knows the line can point at it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Misspelt(ValueError):
    """A value that cannot be read; `part` is the piece of its text that is wrong ("": all of it).

    `remedy` is what to do about it, with FILE for the file that it is in.
    """

    def __init__(self, message: str, part: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.part, self.remedy = part, remedy


INVISIBLE = {"\u00a0": "a no-break space", "\u200b": "a zero-width space", "\ufeff": "a byte order mark"}


def correction(word: str, near: str) -> str:
    """What to add to the statement that `word` is none of the known: `near` is one, or "", and what nobody sees is in the way."""
    unseen = next((f"{name} (U+{ord(char):04X})" for char, name in INVISIBLE.items() if char in word), "")
    if near:
        return f"; did you mean {near}{unseen and f', without {unseen}'}?"
    return unseen and f"; {unseen} stands in it"


def unknown(expected: str, got: str, known: Iterable[str]) -> Misspelt:
    """The error for `got`, which is none of `known`, with the nearest of those."""
    nearest = meant(got, known)
    hint = f"; did you mean {nearest}?" if nearest else ""
    return Misspelt(f"expected {expected}, got {got!r}{hint}", got)


def meant(word: str, known: Iterable[str]) -> str:
    """The one of `known` that is nearest to `word`, "" if none is near."""
    from difflib import get_close_matches  # costs more than most commands, and mistakes are rare

    by_fold = {name.casefold(): name for name in known}
    near = get_close_matches(word.casefold(), by_fold, 1, 0.7)
    return by_fold[near[0]] if near else ""


def split(text: str) -> tuple[str, ...]:
    """The words of a command line as LXC splits it: blanks separate, '…' and "…" group, nothing escapes.

    Raises ValueError if a quote is not closed.
    """
    words: list[str] = []
    word, quote, inside = "", "", False
    for char in text:
        if quote:
            if char == quote:
                quote = ""
            else:
                word += char
        elif char in "'\"":
            quote, inside = char, True
        elif char in " \t\n\r\v\f":
            if inside:
                words.append(word)
            word, inside = "", False
        else:
            word, inside = word + char, True
    if quote:
        raise Misspelt(f"expected a closing {quote} in {text!r}", quote)
    return (*words, word) if inside else tuple(words)


def shell(word: str) -> str:
    """`word` as a shell is given it: quoted, if something in it means something to a shell."""
    if word and all((char.isascii() and char.isalnum()) or char in "@%+=:,./-_" for char in word):
        return word
    return "'" + word.replace("'", "'\\''") + "'"


def listed(text: str) -> tuple[str, ...]:
    """Words separated by blanks."""
    if text.isascii():
        return tuple(text.split())
    return tuple(word for word in text.replace("\t", " ").split(" ") if word)  # a no-break space is no blank here
