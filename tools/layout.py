"""What meson.build asks about the tree and the interpreter it builds for, so that a new file needs no line there.

layout.py version     the package's version
layout.py commands    the commands, one for each module of lxc.cli that defines COMMAND, and `lxc`, which is any of them
layout.py pages       the manual pages
layout.py completed   the commands that the shells complete
layout.py caches      folders below src/lxc that are not installed: what running from there left (libexec has what is built)
layout.py scripts     the directory of commands that pip installs for the interpreter
layout.py packages    the directory of packages that pip installs for the interpreter
layout.py way A B     the way from the directory A to the directory B
"""

import glob
import os
import re
import sys
import sysconfig


def version() -> list[str]:
    return re.findall(r'^VERSION = "(.+)"$', _text("src/lxc/release.py"), re.MULTILINE)


def commands() -> list[str]:
    modules = [path for path in sorted(glob.glob("src/lxc/cli/*.py")) if re.search(r"^COMMAND\b", _text(path), re.M)]
    return ["lxc", *(f"lxc-{os.path.basename(path)[:-3].replace('_', '-')}" for path in modules)]


def pages() -> list[str]:
    return sorted(glob.glob("docs/man/*"))


def completed() -> list[str]:
    return sorted(os.path.basename(path).removesuffix(".fish") for path in glob.glob("completions/fish/*"))


def caches() -> list[str]:
    return ["libexec", *glob.glob("**/__pycache__", root_dir="src/lxc", recursive=True)]


def scripts() -> list[str]:
    return [sysconfig.get_path("scripts")]


def packages() -> list[str]:
    return [sysconfig.get_path("platlib")]


def way() -> list[str]:
    return [os.path.relpath(sys.argv[3], sys.argv[2])]


def _text(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


os.chdir(f"{os.path.dirname(os.path.abspath(__file__))}/..")
print(
    *{
        "version": version,
        "commands": commands,
        "pages": pages,
        "completed": completed,
        "caches": caches,
        "scripts": scripts,
        "packages": packages,
        "way": way,
    }[sys.argv[1]](),
    sep="\n",
)
