import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lxc.config.document import parse
from lxc.images import layout, oci
from lxc.images.oci import Image
from lxc.values import words

PASSWD = "root:x:0:0::/root:/bin/sh\nweb:x:1000:1001::/:/bin/sh\nodd:x:-1:0::/:\nbroken\n7:x:70:71::/:\n"
GROUP = "root:x:0:\nstaff:x:50:web\nhigh:x:4294967295:\n"


def read(text: str) -> Any:
    """The configuration that `text` is."""
    return parse(text)[0]


def values(found: Image) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """The command, the variables and the working directory that a container has of an image's."""
    config = read(
        "".join((oci.command(found)[0], oci.environment(found, is_private=False)[0], oci.working_directory(found)[0]))
    )
    return words.split(config.execute_cmd), (*config.environment, *config.environment_runtime), config.init_cwd


TEXT = st.text(st.characters(blacklist_characters="\n\r\0", blacklist_categories=["Cs"]))


@given(st.lists(TEXT, min_size=1, max_size=4).filter(lambda found: found[0] != ""))
def test_a_command_comes_out_as_it_went_in(found: list[str]) -> None:
    assert values(Image(command=tuple(found)))[0] == tuple(found)


@given(TEXT)
def test_a_variable_comes_out_as_it_went_in(text: str) -> None:
    assert values(Image(environment=(f"A={text}",)))[1] == (f"A={text}",)


@given(st.lists(st.text(), max_size=3), st.lists(st.text(), max_size=3), st.text())
def test_nothing_that_an_image_says_is_another_key(command: list[str], variables: list[str], directory: str) -> None:
    found = Image(command=tuple(command), environment=tuple(variables), directory=directory)
    text = oci.command(found)[0] + oci.environment(found, is_private=False)[0] + oci.working_directory(found)[0]
    keys = {line.partition(" = ")[0] for line in text.replace("\r", "\n").split("\n") if line}
    assert keys <= {"lxc.execute.cmd", "lxc.environment", "lxc.environment.runtime", "lxc.init.cwd"}


def test_what_there_is_none_of_has_a_default() -> None:
    assert values(Image()) == (("/bin/sh",), (), "/")


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\0b", "\ud800"])
def test_what_no_line_holds_is_left_out_and_named(text: str) -> None:
    assert "lxc-execute" in oci.command(Image(command=("sh", text)))[1][0]
    lines, left_out = oci.environment(Image(environment=(f"A={text}", "B=c", text)), is_private=False)
    assert (lines, len(left_out)) == ("lxc.environment = B=c\n", 2)
    assert oci.working_directory(Image(directory=text))[0] == ""


@pytest.mark.parametrize("text", ["A", "=b", " =b", ""])
def test_what_is_no_variable_is_left_out(text: str) -> None:
    lines, left_out = oci.environment(Image(environment=(text,)), is_private=False)
    assert (lines, len(left_out)) == ("", 1)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("A=b", "lxc.environment"),
        ("NVIDIA_VISIBLE_DEVICES=all", "lxc.environment"),
        ("PATH=/usr/local/bin:/bin", "lxc.environment"),
        ("PATH=/var/lib/lxc/web/rootfs/bin:/bin", "lxc.environment.runtime"),
        ("ENV=/x", "lxc.environment.runtime"),
        ("ENVIRONMENT=x", "lxc.environment"),
        ("PYTHON_VERSION=3.13", "lxc.environment"),
        ("PYTHONPATH=/x", "lxc.environment.runtime"),
        ("PATH=:/bin", "lxc.environment.runtime"),
        ("LD_PRELOAD=/x", "lxc.environment.runtime"),
        ("BASH_ENV=/x", "lxc.environment.runtime"),
        ("LXC_ROOTFS_MOUNT=/", "lxc.environment.runtime"),
    ],
)
def test_hooks_are_not_told_what_would_be_an_order(text: str, key: str) -> None:
    assert oci.environment(Image(environment=(text,)), is_private=False)[0] == f"{key} = {text}\n"
    assert oci.environment(Image(environment=(text,)), is_private=True)[0] == f"lxc.environment.runtime = {text}\n"


@pytest.mark.parametrize(
    ("user", "ids"),
    [
        ("0", (0, 0)), ("web", (1000, 1001)), ("1000", (1000, 1001)), ("1000:0", (1000, 0)), ("web:staff", (1000, 50)),
        ("3:staff", (3, 50)), ("3", (3, 0)), ("7", (7, 0)), ("4294967294", (4294967294, 0)),
    ],
)  # fmt: skip
def test_a_user_has_the_ids_of_its_own_files(user: str, ids: tuple[int, int]) -> None:
    assert oci.identity(user, PASSWD, GROUP) == ids


@pytest.mark.parametrize(
    "user",
    ["nobody", "odd", "broken", "web:nobody", "web:high", "4294967295", "-1", "٣", "1 ", "99999999999", ":staff"],
)
def test_who_is_nobody_there_is_refused(user: str) -> None:
    with pytest.raises(ValueError, match="is neither a number nor in its /etc/"):
        oci.identity(user, PASSWD, GROUP)


@pytest.mark.parametrize(
    ("system", "architecture", "machine", "runs"),
    [
        ("linux", "amd64", "x86_64", True),
        ("linux", "386", "x86_64", True),
        ("", "", "x86_64", True),
        ("linux", "arm64", "x86_64", False),
        ("windows", "amd64", "x86_64", False),
        ("linux", "arm64", "aarch64", True),
        ("linux", "s390x", "s390x", True),
    ],
)
def test_an_image_is_for_this_machine_or_refused_by_name(
    system: str, architecture: str, machine: str, runs: bool
) -> None:
    why = oci.refusal(system, architecture, machine)
    assert (why == "") == runs
    assert runs or f"{system}/{architecture}" in why


@pytest.mark.parametrize(
    ("config", "manifest"),
    [
        ([], {}), ({"config": 1}, {}), ({"config": {"Env": {"A": "b"}}}, {}), ({"config": {"Env": [None]}}, {}), ({"os": 1}, {}),
        ({"config": {"User": ["x"]}}, {}), ({}, []), ({}, {"layers": 1}), ({}, {"layers": [1]}), ({}, {"layers": [{"mediaType": 1}]}),
    ],
)  # fmt: skip
def test_what_is_of_another_kind_is_a_mistake(config: object, manifest: object) -> None:
    with pytest.raises(ValueError, match=r"^(its|the layers)"):
        oci.image(config, manifest)


def test_null_is_as_good_as_nothing() -> None:
    empty: dict[str, object] = {"config": {"Env": None, "Cmd": None, "User": None}, "os": "linux"}
    assert oci.image(empty, {"layers": None}) == Image(system="linux")


@pytest.mark.parametrize(
    ("kind", "helper"),
    [
        ("application/vnd.oci.image.layer.v1.tar+gzip", ""),
        ("application/vnd.stacker.image.layer.squashfs+zstd+verity", "atomfs"),
        ("application/vnd.puzzlefs.image.rootfs.v1", "puzzlefs"),
    ],
)
def test_what_kind_the_layers_are_of_says_who_mounts_them(kind: str, helper: str) -> None:
    assert oci.image({}, {"layers": [{"mediaType": kind}]}).helper == helper


@pytest.mark.parametrize(
    "text", ["", "sha256:", "sha256:../../etc/passwd", f"sha512:{'a' * 64}", f"sha256:{'G' * 64}", "a" * 64]
)
def test_a_digest_is_never_a_path(text: str) -> None:
    with pytest.raises(ValueError, match="expected a digest"):
        layout.digest({"digest": text})


def blob(directory: Path, content: bytes) -> dict[str, str]:
    name = hashlib.sha256(content).hexdigest()
    (directory / "blobs/sha256" / name).write_bytes(content)
    return {"digest": f"sha256:{name}"}


def test_an_image_on_disk_is_read_if_it_is_what_its_digests_say(tmp_path: Path) -> None:
    image = tmp_path / "image"
    layout.make(str(image))
    config = blob(image, b'{"os": "linux"}')
    manifest = {"config": config, "layers": []}
    (image / "index.json").write_text(json.dumps({"manifests": [blob(image, json.dumps(manifest).encode())]}))
    assert layout.read(str(image)) == ({"os": "linux"}, manifest)
    file = image / "blobs/sha256" / config["digest"].removeprefix("sha256:")
    file.write_text('{"os": "other"}')
    with pytest.raises(ValueError, match="does not hold what its digest says"):
        layout.read(str(image))
    for index in ("{", "[]", '{"manifests": []}', '{"manifests": [{}]}', "[" * 100_000):
        (image / "index.json").write_text(index)
        with pytest.raises(ValueError, match=r"."):
            layout.read(str(image))


def test_a_cache_gives_only_what_is_right_and_follows_no_link(tmp_path: Path) -> None:
    source, target, cache = tmp_path / "source", tmp_path / "target", layout.Cache(str(tmp_path / "base/oci"))
    layout.make(str(source))
    layout.make(str(target))
    names = [layout.digest(blob(source, text)) for text in (b"right", b"wrong", b"link")]
    cache.keep(str(source), names)
    kept = tmp_path / "base/oci"
    (kept / names[1]).unlink()  # they are one file with the image's
    (kept / names[1]).write_text("damaged")
    (kept / names[2]).unlink()
    (kept / names[2]).symlink_to(source / "blobs/sha256" / names[2])
    cache.give(str(target), names)
    assert [path.name for path in (target / "blobs/sha256").iterdir()] == names[:1]
    assert not (kept / names[1]).exists()


def test_where_there_can_be_no_cache_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    image = tmp_path / "image"
    layout.make(str(image))
    name = layout.digest(blob(image, b"x"))
    cache = layout.Cache(str(tmp_path / "file/oci"))
    cache.keep(str(image), [name])
    cache.give(str(image), [name])
