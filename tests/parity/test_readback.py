"""Debian's lxc-info and our table read the same configuration, and answer the same.

The cases, and the few deliberate differences with their reasons, are in
tests/unit/config/readings.py.
"""

from __future__ import annotations

import os
import runpy
from collections.abc import Iterator
from glob import glob
from pathlib import Path
from shutil import rmtree
from subprocess import run
from tempfile import mkdtemp

import pytest

from lxc.config.container import Config
from lxc.config.document import load
from lxc.errors import ConfigError

pytestmark = pytest.mark.parity
readings = runpy.run_path(str(Path(__file__).parents[1] / "unit/config/readings.py"))
DIFFERENT = {"lxc.include", "lxc.hook", "lxc.namespace.share"}  # they are answered on another descriptor
DIFFERENT |= {key for key in Config.KEYS if key.startswith("lxc.x-")}  # only we have them
DIFFERENT |= {key for _, key, answer, other, _ in readings["CASES"] if answer != other}


@pytest.fixture
def container() -> Iterator[Path]:
    """The configuration file of a container that nobody starts."""
    directory = mkdtemp(dir="/tmp", prefix="lx")
    (Path(directory) / "c").mkdir()
    yield Path(directory) / "c" / "config"
    rmtree(directory)


def debians(file: Path, *keys: str) -> tuple[int, str]:
    """Exit status and output of Debian's lxc-info for `keys` of the container with the configuration `file`."""
    asked = [word for key in keys for word in ("-c", key)]
    done = run(["/usr/bin/lxc-info", "-P", file.parents[1], "-n", "c", *asked], capture_output=True, check=False)
    return done.returncode, os.fsdecode(done.stdout + done.stderr)


def printed(key: str, answer: str | None) -> str:
    """What lxc-info prints of a key."""
    if answer is None:
        return f"{key} invalid\n"
    return f"{key} = {answer}\n" if answer else f"{key} =\n"


def ours(config: Config, key: str) -> str:
    try:
        return printed(key, config.get_item(key))
    except KeyError:
        return printed(key, None)


@pytest.mark.parametrize(("text", "key", "answer", "other", "why"), readings["CASES"])
def test_reads_back_the_same(
    container: Path, text: str, key: str, answer: str | None, other: str | None, why: str
) -> None:
    container.write_bytes(os.fsencode(text))
    if why and other is None:  # a key that 5.0.2 does not have
        assert debians(container, key)[0] == 1
    else:
        assert debians(container, key) == (0, printed(key, other))
    assert ours(load(str(container))[0], key) == printed(key, answer)


@pytest.mark.parametrize("text", readings["REFUSED"])
def test_refuses_the_same(container: Path, text: str) -> None:
    container.write_text(text)
    with pytest.raises(ConfigError):
        load(str(container))
    assert debians(container, "lxc.uts.name")[0] == 1


@pytest.mark.parametrize("text", readings["REFUSED_BY_US"])
def test_refuses_what_lxc_cannot_use_either(container: Path, text: str) -> None:
    container.write_text(text)
    with pytest.raises(ConfigError):
        load(str(container))
    assert debians(container, "lxc.uts.name")[0] == 0


@pytest.mark.parametrize("text", readings["REFUSED_BY_LXC"])
def test_reads_what_lxc_refuses(container: Path, text: str) -> None:
    container.write_text(text)
    load(str(container))
    assert debians(container, "lxc.uts.name")[0] == 1


@pytest.mark.parametrize("file", sorted(glob("/usr/share/lxc/config/*.conf")))
def test_reads_debians_configurations_the_same(container: Path, file: str) -> None:
    container.write_text(f"lxc.include = {file}\n")
    config, document = load(str(container))
    assert document.warnings == ()
    keys = [key for key in Config.KEYS if key not in DIFFERENT]
    assert debians(container, *keys) == (0, "".join(ours(config, key) for key in keys))


def test_reads_a_directory_of_files(container: Path) -> None:
    parts = container.parent / "parts"
    parts.mkdir()
    for name, text in {
        "10-a.conf": "lxc.group = a",
        "20-b.conf": "lxc.group = b",
        "c": "lxc.group = c",
        ".conf": "x",
    }.items():
        (parts / name).write_text(f"{text}\n")
    container.write_text(f"lxc.include = {parts}\nlxc.include = {container.parent}/missing/\nlxc.group = z\n")
    assert ours(load(str(container))[0], "lxc.group") == "lxc.group = a\nb\nz\n\n"  # LXC's order is the directory's
    status, output = debians(container, "lxc.group")
    assert (status, sorted(output.split())) == (0, sorted(["lxc.group", "=", "a", "b", "z"]))
