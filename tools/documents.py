"""Writes what is made from tables: manual pages, compatibility table (docs), the shells' completions, rules for AppArmor.

    python3 tools/documents.py [DIRECTORY]

A test sees to it that those in the repository are up to date.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [HERE, f"{HERE}/../src"]

import compatibility  # noqa: E402  # beside this file, as the next two
import completion  # noqa: E402
import manual_page  # noqa: E402

from lxc.cli import TOOLS, module  # noqa: E402
from lxc.cli.options import Command  # noqa: E402
from lxc.config import manual  # noqa: E402
from lxc.security.apparmor import plan  # noqa: E402


def commands() -> list[Command]:
    """All commands that there are, by name."""
    return [import_module(module(tool)).COMMAND for tool in TOOLS]


def files() -> dict[str, str]:
    """The path and the content of everything that is made from tables."""
    found = commands()
    pages = {
        **{f"{command.tool}.1": manual_page.roff(command) for command in found},
        "lxc.7": manual_page.overview(found),
        "lxc.system.conf.5": manual_page.system(),
    }
    return {
        **{f"docs/man/{name}": "\n".join(lines) + "\n" for name, lines in pages.items()},
        "docs/man/lxc.container.conf.5": manual.roff(),
        "docs/compatibility.md": compatibility.table(),
        "services/apparmor/abstractions/lxc/container-base": plan.abstraction(),
        **completion.files(found),
    }


def write(directory: str) -> None:
    """Write all files below `directory`."""
    for path, content in files().items():
        os.makedirs(os.path.dirname(f"{directory}/{path}"), exist_ok=True)
        with open(f"{directory}/{path}", "w", encoding="utf-8") as file:
            file.write(content)


if __name__ == "__main__":
    write(sys.argv[1] if len(sys.argv) > 1 else f"{HERE}/..")
