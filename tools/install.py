"""Installs this checkout's LXC into the system, as its build says, or removes it again.

    python tools/install.py [--python FILE] [--destdir DIRECTORY] [--remove] PREFIX BUILD

BUILD is a directory for the build.  What was installed is written down beside
the package, so that an older version's files go, and no other's.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MESON = [sys.executable, "-m", "mesonbuild.mesonmain"]
_WAY = "import sys, sysconfig; print(f'lib/python{sysconfig.get_python_version()}/dist-packages')"
SETUID = 0o4755


class Tree:
    """Where it goes: `prefix` below `destdir`, which is / but for who makes a package."""

    def __init__(self, prefix: str, destdir: str, python: str) -> None:
        self.prefix, self.destdir, self._python = prefix, os.path.abspath(destdir or "/").rstrip("/"), python
        # Where Debian's interpreter looks below /usr/local depends on its version, below /usr it does not.
        version = subprocess.run([python, "-I", "-c", _WAY], capture_output=True, text=True, check=True).stdout.strip()
        self.packages = f"{prefix}/{'lib/python3/dist-packages' if prefix == '/usr' else version}"
        self.package = self.at(f"{self.packages}/lxc")
        self.record = self.package / "share/installed"

    def at(self, path: str) -> Path:
        return Path(f"{self.destdir}{path}")

    def recorded(self) -> list[str]:
        """The files, and the directories that were not there before, as paths below `destdir`."""
        try:
            return self.record.read_text().splitlines()
        except FileNotFoundError:
            return []

    def install(self, build: Path) -> None:
        before = self.recorded()
        shutil.rmtree(build, ignore_errors=True)
        build.mkdir(parents=True)
        native = build / "native.ini"
        native.write_text(f"[binaries]\npython = '{self._python}'\n")
        places = [
            f"--prefix={self.prefix}",
            f"-Dpython.platlibdir={self.packages}",
            f"-Dpython.purelibdir={self.packages}",
            "-Dpython.bytecompile=-1",  # it would compile what others have put there, too
        ]
        _run(*MESON, "setup", build / "build", ROOT, f"--native-file={native}", *places)
        stage = build / "stage"
        wanted = _installed(build / "build", str(stage))
        self._refuse([path for path in wanted if not Path(f"{stage}{path}").is_dir() and path not in before])
        new = [path for path in wanted if not os.path.lexists(self.at(path))]
        self._record([*before, *new])  # also of what is cut short
        _installed(build / "build", self.destdir)
        old = set(before) - set(wanted)
        self._remove(old)
        self._record([path for path in (*before, *new) if path not in old or self.at(path).is_dir()])
        modules = [self.at(path) for path in wanted if path.endswith(".py")]
        _run(self._python, "-I", "-m", "compileall", "-q", "-s", self.destdir or "/", "-p", "/", *modules)
        if os.geteuid() == 0:
            (self.package / "libexec/lxc-user-nic").chmod(SETUID)

    def _refuse(self, files: Iterable[str]) -> None:
        """Raise SystemExit if there is one of these, which nobody is to lose by our coming and going."""
        others = [self.at(path) for path in files if os.path.lexists(self.at(path))]
        if others:
            more = f", and {len(others) - 1} more files," if len(others) > 1 else ""
            raise SystemExit(
                f"install: {others[0]}{more} {'are' if more else 'is'} another's: nothing was installed\n"
                f"  remove the package that has it (dpkg -S {others[0]}), or choose another PREFIX"
            )

    def _record(self, paths: Iterable[str]) -> None:
        self.record.parent.mkdir(parents=True, exist_ok=True)
        self.record.write_text("".join(f"{path}\n" for path in dict.fromkeys(paths)))

    def remove(self) -> bool:
        """Whether anything was installed."""
        recorded = self.recorded()
        self.record.unlink(missing_ok=True)
        self._remove(recorded)
        return bool(recorded)

    def _remove(self, paths: Iterable[str]) -> None:
        """Files, with what the interpreter has made of them, and then directories that are empty."""
        found = [self.at(path) for path in paths]
        for path in found:
            if os.path.lexists(path) and (path.is_symlink() or not path.is_dir()):
                path.unlink()
                for cached in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
                    cached.unlink()
        parents = {each for path in found for each in (path, *path.parents) if self.package in (each, *each.parents)}
        caches = {path / "__pycache__" for path in parents}
        for path in sorted({*found, *parents, *caches}, key=lambda it: len(it.parts), reverse=True):
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()


def _installed(build: Path, destdir: str) -> list[str]:
    """Install what was built below `destdir`: the files, and the directories that this has made, as paths below it."""
    _run(*MESON, "install", "-C", build, "--destdir", destdir or "/")
    log = (build / "meson-logs/install-log.txt").read_text().splitlines()
    return [path.removeprefix(destdir) for path in log if not path.startswith("#")]


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise SystemExit(f"{done.stdout}\ninstall: this failed: {' '.join(map(str, command))}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", default="/usr/bin/python3")
    parser.add_argument("--destdir", default="")
    parser.add_argument("--remove", action="store_true")
    parser.add_argument("prefix")
    parser.add_argument("build", type=Path)
    arguments = parser.parse_args()
    tree, build = Tree(arguments.prefix, arguments.destdir, arguments.python), arguments.build.resolve()
    if not arguments.remove:
        tree.install(build)
        print(f"installed below {tree.at(tree.prefix)}; at work with the host:\n  {_ENABLE}")
    elif not tree.remove():
        raise SystemExit(f"install: nothing is installed below {tree.at(tree.prefix)}: there is no {tree.record}")


_ENABLE = "systemctl daemon-reload && systemctl enable --now lxc-net lxc"

main()
