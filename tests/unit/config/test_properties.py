"""What holds for any text whatever."""

from hypothesis import given, settings
from hypothesis import strategies as st

from lxc.config.container import Config
from lxc.config.document import Document, parse
from lxc.config.lines import assignment, pieces
from lxc.config.net import Net
from lxc.errors import ConfigError

KEYS = [
    *Config.KEYS,
    *(f"lxc.net.0.{name}" for name in Net.KEYS),
    "lxc.sysctl.a",
    "lxc.cgroup2.a.b",
    "lxc.prlimit.core",
]
WORDS = st.sampled_from(
    ["proc", "none", "0", "1", "-1", "veth", "u", "mknod", "SIGTERM", "a b none", "10.0.0.1/8", "net", "dir:", "'", '"',
     "unix:@", "5h", "64KB", "lxc", "/a/../b", "::1", "cgroup2:ro", ",", ":", "=", "\t", "\r", "\0", "\udcff", "x" * 300]
)  # fmt: skip
VALUES = st.one_of(st.lists(WORDS, max_size=4).map(" ".join), st.text(max_size=30))
LINES = st.one_of(
    st.tuples(st.sampled_from(KEYS), VALUES).map(" = ".join),
    st.tuples(st.sampled_from(["lxc.", "lxc", "#", " "]), st.text(max_size=20)).map("".join),
    st.text(max_size=40),
)
# An include may be anything, which is the point of no test here.
TEXTS = st.lists(LINES, max_size=8).map("\n".join).filter(lambda text: "include" not in text)


@settings(deadline=None)
@given(TEXTS)
def test_any_text_is_read_or_refused_with_its_mistakes(text: str) -> None:
    config, mistakes = Config(), ()
    try:
        config, _ = parse(text)
    except ConfigError as error:
        mistakes = error.mistakes
    assert all(mistake.startswith("config:") for mistake in mistakes)
    for key in KEYS:
        try:
            assert isinstance(config.get_item(key), str)
        except KeyError:
            pass
        config.is_set(key)
        config.places(key)


@settings(deadline=None)
@given(st.text())
def test_lines_put_together_are_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text
    assert all(piece and not set("\r\n") & set(piece.rstrip("\r\n")) for piece in pieces(text))


@settings(deadline=None)
@given(TEXTS)
def test_what_is_read_is_rendered_as_it_was(text: str) -> None:
    try:
        _, document = parse(text)
    except ConfigError:
        return
    rendered = document.text
    assert rendered == text or ("hwaddr" in text and len(rendered) == len(text))


@settings(deadline=None)
@given(st.text().filter(lambda value: value and not set("\r\n\0") & set(value)))
def test_what_is_appended_is_read_back(value: str) -> None:
    text = Document().append_item("lxc.execute.cmd", value).text
    assert assignment(text) == ("lxc.execute.cmd", value)
    assert parse(text)[0].execute_cmd == value


@settings(deadline=None)
@given(TEXTS)
def test_reading_a_document_piece_by_piece_is_reading_it(text: str) -> None:
    try:
        whole, _ = parse(text)
    except ConfigError:
        return
    config = Config()
    for line in pieces(text):
        config, _ = parse(line, base=config)
    assert config == whole or "hwaddr" in text
