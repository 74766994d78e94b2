"""Who may import whom, and which modules may touch the world.  Imports count wherever they stand in a file."""

import ast
from collections.abc import Iterator
from pathlib import Path

SRC = Path(__file__).parents[2] / "src/lxc"

SUBJECTS = "bridge cgroups checkpoint clocks hooks idmap images limits mounts network security storage terminal"
LAYERS = (  # imports point up this list; names on one line are strangers to each other
    "borrowed errors followed loading log loop record release trace",
    "regular",
    "kernel values",
    "beneath detached programs propagation",
    f"config {SUBJECTS}",
    "runtime",
    "api",
    "container",
    "cli",
)
PURE = ("record", "errors", "release", "values.", "config.key", "config.table", "config.container", "runtime.plans.")
ROOMS = {  # of runtime: which others each may import, besides the files beside them
    "attaching": "plans",
    "changing": "plans attaching check",
    "check": "",
    "disk": "plans lists",
    "forkserver": "",
    "life": "plans starting",
    "lists": "",
    "plans": "",
    "starting": "plans lists disk life",
}
WORLD = ("ctypes", "fcntl", "select", "signal", "socket", "subprocess", "lxc.kernel", "lxc.beneath")


def imports(path: Path) -> Iterator[str]:
    """What the file at `path` imports, as full names: both the module and what is taken from it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def modules() -> Iterator[tuple[str, str]]:
    """(module below lxc, what it imports), both as dotted names; a package is named by itself."""
    for path in sorted(SRC.rglob("*.py")):
        name = ".".join(path.relative_to(SRC).with_suffix("").parts).removesuffix("__init__").removesuffix(".")
        yield from ((name, target) for target in imports(path))


def layer(name: str) -> int:
    """The number of the line of LAYERS that a module below lxc is in; the public names (lxc itself) are above all."""
    first = name.partition(".")[0]
    return next((i for i, line in enumerate(LAYERS) if first in line.split()), len(LAYERS))


def imports_of_ours() -> Iterator[tuple[str, str]]:
    return ((name, target[4:]) for name, target in modules() if target.startswith("lxc."))


def test_every_folder_and_file_has_its_layer() -> None:
    known = set(" ".join(LAYERS).split())
    found = {path.stem for path in SRC.iterdir() if path.suffix == ".py" or (path.is_dir() and any(path.rglob("*.py")))}
    assert found - known - {"__init__"} == set()


def test_imports_point_down() -> None:
    assert not [
        f"{name} imports {target}"
        for name, target in imports_of_ours()
        if name and target.partition(".")[0] != name.partition(".")[0] and layer(target) >= layer(name)
    ]


def test_rooms_of_the_runtime_use_those_that_they_may() -> None:
    def room(name: str) -> str:
        return name.removeprefix("runtime.").partition(".")[0] if name.startswith("runtime.") else ""

    assert {path.name for path in (SRC / "runtime").iterdir() if any(path.glob("*.py"))} == set(ROOMS)
    assert not [
        f"{name} imports {target}"
        for name, target in imports_of_ours()
        if room(name) in ROOMS
        and room(target) in set(ROOMS) - {room(name)}
        and room(target) not in ROOMS[room(name)].split()
    ]


def test_the_kernel_and_values_are_understood_alone() -> None:
    allowed = {"kernel": ("kernel", "record"), "values": ("values", "record", "errors")}
    assert not [
        f"{name} imports {target}"
        for name, target in imports_of_ours()
        for alone in allowed
        if name.partition(".")[0] == alone and target.partition(".")[0] not in allowed[alone]
    ]


def test_pure_modules_touch_nothing() -> None:
    def is_pure(name: str) -> bool:
        return name.startswith(PURE) or (name.endswith(".plan") and name.partition(".")[0] in SUBJECTS.split())

    assert not [f"{name} imports {target}" for name, target in modules() if is_pure(name) and target.startswith(WORLD)]


def test_each_process_uses_its_own_side() -> None:
    """`inside` modules run in init, `outside` modules in the monitor, `plan` modules anywhere."""

    def foreign(name: str) -> tuple[str, ...]:
        side = name.rpartition(".")[2]
        if name == "runtime.life.init" or side == "inside":
            return ("outside",)
        if name == "runtime.life.launch" or side == "outside":
            return ("inside",)
        return ("inside", "outside") if side == "plan" else ()

    assert not [
        f"{name} imports {target}"
        for name, target in imports_of_ours()
        if target.rpartition(".")[2] in foreign(name) or target.rpartition(".")[0].rpartition(".")[2] in foreign(name)
    ]
