"""Environment variables as configuration sets them."""

from __future__ import annotations

import os

from lxc.values.words import Misspelt


def assignments(texts: list[str]) -> bool:
    """Whether each of `texts` is NAME=VALUE, with blanks around it."""
    return len([text for text in texts if text.lstrip(" \t").find("=") > 0]) == len(texts)


def variable(value: str) -> str:
    """NAME=VALUE, or NAME for the value it has where the configuration is read."""
    name, equals, _ = value.partition("=")
    if name and equals:
        return value
    if name not in os.environ:
        raise Misspelt(f"expected NAME=VALUE or the name of a variable that is set here, got {value!r}")
    return f"{name}={os.environ[name]}"
