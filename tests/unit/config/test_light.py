"""What reading a configuration loads.  Modules are counted, not milliseconds: the count is the same everywhere."""

import sys
from pathlib import Path
from subprocess import run

import lxc.config.document

HEAVY = {
    "argparse",
    "collections",
    "contextlib",
    "ctypes",
    "dataclasses",
    "difflib",
    "enum",
    "functools",
    "inspect",
    "json",
}
HEAVY |= {"logging", "pathlib", "re", "shutil", "socket", "subprocess", "tempfile", "typing", "lxc.kernel"}


def test_reading_a_configuration_is_light(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("lxc.mount.entry = /srv data none rbind,ro\nlxc.net.0.ipv4.address = 10.0.0.1/8\n")
    code = "import sys; sys.path.insert(0, sys.argv[1]); from lxc.config.document import load; load(sys.argv[2]); print(*sys.modules)"
    source = str(Path(lxc.config.document.__file__).parents[2])
    command = [sys.executable, "-IS", "-c", code, source, str(tmp_path / "config")]
    loaded = run(command, capture_output=True, text=True, check=True).stdout.split()
    assert not HEAVY & set(loaded)
