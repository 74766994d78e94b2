"""What meson.build asks about the tree and the interpreter it builds for, so that a new file needs no line there.

layout.py version     the package's version
layout.py commands    the commands, one for each module of lxc.cli that defines COMMAND, and `lxc`, which is any of them
layout.py caches      folders below src/lxc that are not installed: what running from there left (libexec has what is built)
layout.py scripts     where the commands go in a virtual environment, whose place meson does not know; else nothing
layout.py packages    the way from the scripts' directory to that of the packages
layout.py libexec     the directory of the native programs
layout.py share       the directory of what else is installed
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


def caches() -> list[str]:
    return ["libexec", *glob.glob("**/__pycache__", root_dir="src/lxc", recursive=True)]


def scripts() -> list[str]:
    return [sysconfig.get_path("scripts") if sys.prefix != sys.base_prefix else ""]


def packages() -> list[str]:
    return [os.path.relpath(sysconfig.get_path("platlib"), sysconfig.get_path("scripts"))]


def libexec() -> list[str]:
    return [f"{sysconfig.get_path('platlib')}/lxc/libexec"]


def share() -> list[str]:
    return [f"{sysconfig.get_path('platlib')}/lxc/share"]


def _text(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


os.chdir(f"{os.path.dirname(os.path.abspath(__file__))}/..")
print(
    *{
        "version": version,
        "commands": commands,
        "caches": caches,
        "scripts": scripts,
        "packages": packages,
        "libexec": libexec,
        "share": share,
    }[sys.argv[1]](),
    sep="\n",
)
