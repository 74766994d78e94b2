"""Namespaces by name, in the order LXC handles them."""

from __future__ import annotations

from lxc.values.words import Misspelt, listed, unknown

NAMES = ("user", "mnt", "pid", "uts", "ipc", "net", "cgroup", "time")
_OTHER_NAMES = {"mount": "mnt", "network": "net", "utsname": "uts", "hostname": "uts"}
_WANTED = f"namespaces, of {' '.join(NAMES)}"


def merge(value: str, old: tuple[str, ...]) -> tuple[str, ...]:
    """Namespaces separated by blanks: user mnt pid uts ipc net cgroup time."""
    wanted = {*old, *(_known(word) for word in listed(value))}
    return tuple(name for name in NAMES if name in wanted)


def _known(word: str) -> str:
    if word.lower() in NAMES:
        return word.lower()
    if word.lower() in _OTHER_NAMES:
        raise Misspelt(f"expected {_WANTED}; got {word!r}; did you mean {_OTHER_NAMES[word.lower()]}?", word)
    raise unknown(_WANTED, word, NAMES)


def name(value: str) -> str:
    """The name of a namespace: user mnt pid uts ipc net cgroup time."""
    if value not in NAMES:
        raise unknown(_WANTED, value, NAMES)
    return value


def show(names: tuple[str, ...]) -> str:
    return "".join(f"{each}\n" for each in names)
