import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from lxc import values
from lxc.config.container import Config
from lxc.config.document import Document, assign, load, parse
from lxc.config.settings import Settings
from lxc.errors import ConfigError, StepError

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str | bytes, name: str = "config") -> str:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(tmp_path / name)

    return write


def mistakes(path: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load(path)
    return caught.value.mistakes


def test_all_mistakes_are_told_with_file_line_column_key_and_reason(write: Write) -> None:
    path = write(
        "# a comment\n"
        "lxc.utsname = x\n"
        "  lxc.autodev = yes\n"
        "lxc.uts.name\n"
        'lxc.cap.drop = "mknod sys_admn"\n'
        "lxc.net.0.type = tun\n"
        "lxc.mount.entry\t=\t/a b none bind,create=socket\n"
        "lxc.group = fine\n"
    )
    assert mistakes(path) == (
        f"{path}:2:1: lxc.utsname: unknown key since LXC 2.1; did you mean lxc.uts.name?",
        f"{path}:3:17: lxc.autodev: expected 0 or 1, got 'yes'",
        f"{path}:4:1: lxc.uts.name: expected 'key = value', but there is no '='",
        f"{path}:5:23: lxc.cap.drop: expected a capability such as net_admin, got 'sys_admn'; did you mean sys_admin?",
        f"{path}:6:18: lxc.net.0.type: expected one of empty, veth, macvlan, ipvlan, phys, vlan, none, got 'tun'",
        f"{path}:7:34: lxc.mount.entry: expected create=dir or create=file, got 'create=socket'",
    )


def test_an_error_is_placed_at_its_first_mistake(write: Write) -> None:
    path = write("\n\nlxc.nonsense = 1\nlxc.autodev = 2\n")
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert (caught.value.where, len(caught.value.mistakes)) == (f"{path}:3", 2)


def test_a_file_of_nothing_but_mistakes_is_not_read_to_its_end() -> None:
    with pytest.raises(ConfigError) as caught:
        parse("lxc.autodev = x\n" * 5000)
    assert len(caught.value.mistakes) == 1000


def test_lines_without_effect_are_warned_of(write: Write) -> None:
    path = write("lcx.uts.name = a\n lxc,uts.name = b\nuser.thing\n# comment\n\nlxc.x-other = 1\n")
    config, document = load(path)
    assert config == Config()
    assert document.warnings == (
        f"{path}:1:1: lcx.uts.name: has no effect, for it does not begin with 'lxc.'; did you mean lxc.uts.name?",
        f"{path}:2:2: lxc,uts.name: has no effect, for it does not begin with 'lxc.'; did you mean lxc.uts.name?",
        f"{path}:3:1: user.thing: has no effect, for it does not begin with 'lxc.'",
    )


def test_what_nobody_sees_is_named(write: Write) -> None:
    path = write("\ufefflxc.uts.name = a\nlxc.uts.name = b\n")
    assert load(path)[1].warnings == (
        f"{path}:1:1: \ufefflxc.uts.name: has no effect, for it does not begin with 'lxc.'; "
        "did you mean lxc.uts.name, without a byte order mark (U+FEFF)?",
    )
    with pytest.raises(
        ConfigError, match=r"unknown key; did you mean lxc.uts.name, without a no-break space \(U\+00A0\)\?"
    ):
        load(write("lxc.uts.name\u00a0= a\n"))
    with pytest.raises(ConfigError, match=r"unknown key; a zero-width space \(U\+200B\) stands in it$"):
        load(write("lxc.qqqqqqqqqqqqqqqqqq\u200b = a\n"))


def test_values_begin_and_end_where_lxc_says(write: Write) -> None:
    config, _ = load(write("lxc.environment = 'A= x '\nlxc.environment=B=\"\t\nlxc.group\t =\tx\xa0y\nlxc.tty.dir='\n"))
    assert (config.environment, config.group, config.tty_dir) == (("A= x ", 'B="'), ("x\xa0y",), "'")


def test_bytes_that_are_no_text_survive(write: Write) -> None:
    data = b"lxc.rootfs.path = /srv/\xff\xfe\n"
    config, document = load(write(data))
    assert os.fsencode(config.rootfs_path.path) == b"/srv/\xff\xfe"
    assert document.text.encode("utf-8", "surrogateescape") == data


def test_a_nul_byte_is_a_mistake(write: Write) -> None:
    assert "NUL byte" in mistakes(write(b"lxc.uts.name = a\0b\n"))[0]


# ---- includes --------------------------------------------------------------------------------------------------------


def test_includes_are_read_in_their_place(write: Write) -> None:
    common = write("lxc.uts.name = common\nlxc.group = b\n", "common.conf")
    config, _ = load(write(f"lxc.uts.name = first\nlxc.group = a\nlxc.include = {common}\nlxc.group = c\n"))
    assert (config.uts_name, config.group) == ("common", ("a", "b", "c"))
    assert config.places("lxc.uts.name") == (f"{common}:1",)


def test_a_directory_is_read_in_the_order_of_names(write: Write, tmp_path: Path) -> None:
    for name in ("20-b.conf", "10-a.conf", "30-c.txt", ".conf", "5.conf"):
        write(f"lxc.group = {name}\n", f"parts/{name}")
    for spelling in (f"{tmp_path}/parts", f"{tmp_path}/parts/"):
        assert load(write(f"lxc.include = {spelling}\n"))[0].group == ("10-a.conf", "20-b.conf", "5.conf")


def test_a_missing_directory_is_an_empty_one_but_a_missing_file_is_a_mistake(write: Write) -> None:
    assert load(write("lxc.include = /nonexistent/\nlxc.include =\n"))[0] == Config()
    path = write("\nlxc.include = /nonexistent\n")
    assert mistakes(path) == (f"{path}:2:15: lxc.include: cannot read /nonexistent: No such file or directory",)


def test_a_relative_include_is_taken_from_the_working_directory_and_where_it_is_not_there_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for LXC, also in a file that is included itself."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/leaf").write_text("lxc.uts.name = leaf\n")
    middle, top = tmp_path / "sub/middle", tmp_path / "top"
    middle.write_text("lxc.include = leaf\n")
    top.write_text(f"lxc.include = {middle}\nlxc.include = nowhere\n")
    monkeypatch.chdir("/")
    why = "No such file or directory; it is taken from the working directory: write"
    assert mistakes(top) == (
        f"{middle}:1:15: lxc.include: cannot read leaf: {why} {tmp_path}/sub/leaf",
        f"{top}:2:15: lxc.include: cannot read nowhere: {why} the whole path",
    )
    monkeypatch.chdir(tmp_path / "sub")
    assert len(mistakes(top)) == 1


def test_mistakes_of_included_files_have_their_places(write: Write) -> None:
    other = write("lxc.autodev = x\n", "other")
    path = write(f"lxc.include = {other}\nlxc.autodev = y\n")
    assert [mistake.split(": ")[0] for mistake in mistakes(path)] == [f"{other}:1:15", f"{path}:2:15"]


def test_a_pipe_that_the_user_named_is_read_to_its_end(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    text = "".join(f"lxc.group = {number}\n" for number in range(20000))
    writer = threading.Thread(target=pipe.write_text, args=(text,))
    writer.start()
    config, document = load(str(pipe), is_stream=True)
    writer.join()
    assert (len(config.group), document.text) == (20000, text)


@pytest.mark.timeout(20)
def test_what_is_no_regular_file_is_not_waited_for(write: Write, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for odd, kind in ((str(pipe), "a named pipe"), ("/dev/full", "a device")):
        assert mistakes(odd) == (f"{odd}: cannot read the configuration: it is {kind}, and no regular file",)
        path = write(f"lxc.include = {odd}\n")
        assert mistakes(path)[0].endswith(f"cannot read {odd}: it is {kind}, and no regular file")
    assert load("/dev/null")[0] == load(write("lxc.include = /dev/null\n"))[0] == Config()


def test_files_that_include_each_other_are_a_mistake(write: Write, tmp_path: Path) -> None:
    other = write(f"lxc.include = {tmp_path}/config\n", "other")
    path = write(f"lxc.include = {other}\n")
    loop = " → ".join((path, other, path))
    assert mistakes(path) == (f"{other}:1:15: lxc.include: {path} includes itself: {loop}",)


def test_one_file_may_be_included_twice(write: Write) -> None:
    other = write("lxc.group = a\n", "other")
    assert load(write(f"lxc.include = {other}\nlxc.include = {other}\n"))[0].group == ("a", "a")


def test_what_is_included_first_is_known_as_long_as_nothing_of_it_changes(write: Write, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    other = write(f"lxc.cgroup2.a.b = 1\nlxc.mount.auto = proc\nlxc.group = a\nlxc.include = {tmp_path}/d\n", "other")
    path = write(f"lxc.include = {other}\nlxc.group = z\nlxc.sysctl.x = 1\n")
    first = load(path)[0]
    again = load(write(f"\nlxc.include = {other}\nlxc.group = y\n", "again"))[0]
    assert (again.group, again.places("lxc.group")) == (("a", "y"), (f"{other}:3", f"{tmp_path}/again:3"))
    assert load(path)[0] == first
    assert load(path)[0].places("lxc.cgroup2") == first.places("lxc.cgroup2") == (f"{other}:1",)
    added = write("lxc.group = c\n", "d/c.conf")
    assert load(path)[0].group == ("a", "c", "z")
    write("lxc.group = d\n", "d/c.conf")
    assert load(path)[0].group == ("a", "d", "z")
    write("lxc.nonsense = d\n", "d/c.conf")
    assert mistakes(path) == mistakes(path)
    write(f"lxc.include = {path}\n", "d/c.conf")
    loop = f"{path} → {other} → {added} → {path}"
    assert mistakes(path) == mistakes(path) == (f"{added}:1:15: lxc.include: {path} includes itself: {loop}",)
    write("lxc.group = b\n", "other")
    assert load(path)[0].group == ("b", "z")


def test_what_is_known_of_an_included_file_is_not_true_for_one_that_it_includes(write: Write, tmp_path: Path) -> None:
    other = write(f"lxc.include = {tmp_path}/third\n", "other")
    third = write("lxc.group = a\n", "third")
    assert load(write(f"lxc.include = {other}\n"))[0].group == ("a",)
    write(f"lxc.include = {other}\n", "third")
    loop = f"{third} → {other} → {third}"
    assert mistakes(third) == (f"{other}:1:15: lxc.include: {third} includes itself: {loop}",)


def test_what_is_another_each_time_is_not_known(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    other = write("lxc.net.0.type = veth\nlxc.net.0.hwaddr = 10:66:6a:xx:xx:xx\nlxc.environment = MOOD\n", "other")
    path = write(f"lxc.include = {other}\n")
    monkeypatch.setenv("MOOD", "good")
    config = load(path)[0]
    monkeypatch.setenv("MOOD", "bad")
    assert (config.environment, load(path)[0].environment) == (("MOOD=good",), ("MOOD=bad",))
    assert len({load(path)[0].net[0].hwaddr for _ in range(9)}) > 1


def test_nothing_else_that_is_configured_depends_on_more_than_its_text() -> None:
    modules = (path for path in Path(values.__file__).parent.glob("*.py"))
    assert {path.stem for path in modules if "import os" in path.read_text() or "random" in path.read_text()} == {
        "address",  # hwaddr
        "environment",
    }


def test_lines_without_effect_in_an_included_file_are_told_each_time(write: Write) -> None:
    path = write(f"lxc.include = {write('lcx.group = a', 'other')}\n")
    assert load(path)[1].warnings == load(path)[1].warnings != ()


def test_an_avalanche_of_includes_comes_to_an_end(write: Write, tmp_path: Path) -> None:
    for number in range(20):
        write(f"lxc.include = {tmp_path}/f{number + 1}\n" * 2, f"f{number}")
    write("", "f20")
    with pytest.raises(ConfigError, match="at most 4096 files"):
        load(str(tmp_path / "f0"))


def test_a_deep_chain_of_includes_is_a_mistake(write: Write, tmp_path: Path) -> None:
    for number in range(100):
        write(f"lxc.include = {tmp_path}/f{number + 1}\n", f"f{number}")
    with pytest.raises(ConfigError, match="at most 64 files"):
        load(str(tmp_path / "f0"))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"{tmp_path}/missing: cannot read .*: No such file"):
        load(f"{tmp_path}/missing")
    with pytest.raises(ConfigError, match="Is a directory"):
        load(str(tmp_path))
    with pytest.raises(ConfigError, match="at most 67108864 bytes"):
        load("/dev/zero", is_stream=True)


def test_a_configuration_can_be_added_to_another(write: Write) -> None:
    base = Config().assign("lxc.group", "a").assign("lxc.uts.name", "old")
    config, _ = load(write("lxc.group = b\nlxc.uts.name = new\n"), base=base)
    assert (config.group, config.uts_name, base.group) == (("a", "b"), "new", ("a",))


def test_an_include_can_be_assigned(write: Write) -> None:
    path = write("lxc.group = b\n")
    assert assign(Config().assign("lxc.group", "a"), "lxc.include", path).group == ("a", "b")
    assert assign(Config(), "lxc.uts.name", "web").uts_name == "web"
    with pytest.raises(ConfigError, match="cannot read"):
        assign(Config(), "lxc.include", f"{path}-missing")


# ---- editing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "# a comment\n\n\nuser.thing = 1\n \t lxc.uts.name='web'  \nlxc.x-a = 1",
        "a\r\n\r\nlxc.group = b\r\rx\r\n",
        "\r",
    ],
)
def test_what_is_not_edited_stays_byte_for_byte(text: str) -> None:
    assert parse(text)[1].text == text


TEXT = """\
# my container
lxc.net.1.type = veth
lxc.net.10.type = veth
lxc.net.1.link = br0
lxc.uts.name = web

  lxc.group=a
lxc.cgroup2.memory.max = 1
lxc.cgroup.dir = d
lxc.cgroup.memory.x = 1
lxc.hook.start = x
lxc.hook.version = 1
lxc.x-a = 1
"""


def without(*numbers: int) -> str:
    return "".join(line for number, line in enumerate(TEXT.splitlines(keepends=True), 1) if number not in numbers)


@pytest.mark.parametrize(
    ("key", "lines"),
    [("lxc.uts.name", (5,)), ("lxc.group", (7,)), ("lxc.net.1", (2, 4)), ("lxc.net.1.link", (4,)), ("lxc.net", (2, 3, 4)),
     ("lxc.net.10", (3,)), ("lxc.cgroup2", (8,)), ("lxc.cgroup2.memory.max", (8,)), ("lxc.cgroup", (10,)),
     ("lxc.cgroup.dir", (9,)), ("lxc.hook", (11,)), ("lxc.x-a", (13,)), ("lxc.ephemeral", ())],
)  # fmt: skip
def test_clearing_a_key_takes_its_lines_and_no_others(key: str, lines: tuple[int, ...]) -> None:
    document = parse(TEXT)[1]
    assert document.clear_item(key).text == document.append_item(key, "").text == without(*lines)


def test_an_item_is_appended_as_a_line() -> None:
    document = Document(text="lxc.group = a").append_item("lxc.group", "b").append_item("lxc.uts.name", "web")
    assert document.text == "lxc.group = a\nlxc.group = b\nlxc.uts.name = web\n"


def test_an_item_that_is_set_replaces_those_before() -> None:
    document = parse("lxc.group = a\n# c\nlxc.group = b\n")[1].set_item("lxc.group", "x", "y")
    assert document.text == "# c\nlxc.group = x\nlxc.group = y\n"


@pytest.mark.parametrize("value", [" a", "a ", "'a'", '"', '"a"', "'", "a'b", "# x"])
def test_values_are_written_so_that_they_are_read_back(value: str) -> None:
    text = Document().append_item("lxc.environment", f"{value}").append_item("lxc.execute.cmd", value).text
    document = parse(text.replace("lxc.environment", "lxc.apparmor.raw"))
    assert (document[0].execute_cmd, document[0].apparmor_raw) == (value, (value,))


@pytest.mark.parametrize("value", ["a\nlxc.uts.name = b", "a\rb", "a\0"])
def test_a_value_is_one_line(value: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        Document().append_item("lxc.uts.name", value)


@pytest.mark.parametrize(
    "key", ["lxc.sysctl.a = b", "lxc.sysctl.a ", "lxc.sysctl.a\t", "lxc.cgroup2.a=b", "lxc.x-a = b"]
)
def test_a_key_is_written_so_that_it_is_read_back_or_refused(key: str) -> None:
    with pytest.raises(ValueError, match="expected a key without"):
        Settings().append_item(key, "1", "")


def test_an_address_template_is_completed_once(write: Write) -> None:
    path = write(
        "lxc.net.0.type = veth\n lxc.net.0.hwaddr = 00:16:3e:xx:xx:xx # x\nlxc.net.0.hwaddr = 10:66:6a:xx:xx:xx\n"
    )
    assert "expected a MAC address" in mistakes(path)[0]
    path = write("lxc.net.0.type = veth\nlxc.net.0.hwaddr = 10:66:6a:xx:xx:xx\nlxc.apparmor.raw = hwaddr xx:xx\n")
    config, document = load(path)
    assert "x" not in config.net[0].hwaddr
    assert f"\nlxc.net.0.hwaddr = {config.net[0].hwaddr}\nlxc.apparmor.raw = hwaddr xx:xx\n" in document.text
    assert ":xx" not in Document().append_item("lxc.net.0.hwaddr", "10:66:6a:xx:xx:xx").text


# ---- saving ----------------------------------------------------------------------------------------------------------


def test_a_file_is_never_open_to_more_than_before_while_it_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config"
    path.write_text("lxc.uts.name = a\n")
    path.chmod(0o600)
    modes: list[int] = []
    really = os.open

    def open_and_look(name: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        fd = really(name, flags, mode, dir_fd=dir_fd)
        if flags & os.O_WRONLY:
            modes.append(stat.S_IMODE(os.fstat(fd).st_mode))
        return fd

    monkeypatch.setattr(os, "open", open_and_look)
    old = os.umask(0o002)
    try:
        Document(str(path), "lxc.uts.name = b\n").save()
    finally:
        os.umask(old)
    assert (modes, path.read_text()) == ([0o600], "lxc.uts.name = b\n")


def test_a_new_file_has_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        Document(text="lxc.uts.name = a\n").save(str(tmp_path / "config"))
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "config").stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["config"]


def test_an_old_file_keeps_its_mode_and_a_link_stays_one(write: Write, tmp_path: Path) -> None:
    path = write("lxc.uts.name = a\n", "real")
    os.chmod(path, 0o604)
    (tmp_path / "config").symlink_to("real")
    _, document = load(f"{tmp_path}/config")
    document.append_item("lxc.group", "a").save()
    assert (tmp_path / "config").is_symlink()
    assert Path(path).read_text() == "lxc.uts.name = a\nlxc.group = a\n"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o604


def test_a_file_that_cannot_be_saved_is_still_there(write: Write, tmp_path: Path) -> None:
    import resource

    path = write("lxc.uts.name = a\n")
    document = load(path)[1].append_item("lxc.apparmor.raw", "x" * 8192)
    pid = os.fork()
    if pid == 0:  # no file of this process may grow beyond a page: a full disk
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            document.save()
        except StepError as error:
            os._exit(str(error) != f"cannot write {path}: File too large")
        os._exit(9)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert (status, Path(path).read_text(), os.listdir(tmp_path)) == (0, "lxc.uts.name = a\n", ["config"])


def test_saving_into_a_directory_that_is_missing_fails(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=f"cannot write {tmp_path}/missing/config: No such file or directory"):
        Document().save(f"{tmp_path}/missing/config")


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("lxc.uts.name = a # b", 18),
        ("lxc.uts.name = a\t# b # c", 18),
        ("lxc.uts.name = # b", 16),
        ('lxc.uts.name = "a" # b', 20),
    ],
)
def test_what_looks_like_a_comment_behind_a_value_is_warned_of(line: str, column: int) -> None:
    config, document = parse(f"{line}\n")
    assert config.uts_name == line.partition("= ")[2]
    assert document.warnings == (
        f"config:1:{column}: lxc.uts.name: this belongs to the value, for only a line that begins with '#' is a comment",
    )


@pytest.mark.parametrize(
    "line",
    [
        "lxc.uts.name = a#b",
        "lxc.uts.name = 'a # b'",
        "lxc.hook.start = echo # b",
        "lxc.net.0.script.up = echo # b",
        "lxc.apparmor.raw = deny /x, # b",
        "lxc.x-mine = a # b",
        "# lxc.uts.name = a # b",
    ],
)
def test_a_hash_that_somebody_else_reads_or_is_quoted_is_no_matter(line: str) -> None:
    assert parse(f"{line}\n")[1].warnings == ()
