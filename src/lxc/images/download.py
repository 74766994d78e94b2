"""The template `download`: a container of an image that a server has.

index ──▶ which build there is ──▶ the cache has it? ──no──▶ SHA256SUMS, rootfs.tar.xz, meta.tar.xz ──▶ the cache
                                        └─────yes─────────────────────────────────────────────────────▶ the container
"""

from __future__ import annotations

import os
import sys

from lxc.errors import LxcError, NotFound, UsageError, printable
from lxc.images import cache, filling, mapped, metadata, program, transfer, unpack, wanted
from lxc.images.transfer import Server
from lxc.images.wanted import Listed, Wanted
from lxc.kernel import fs
from lxc.kernel.fs import closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from lxc.images.cache import Image, Shelf

DEFAULT_SERVER = "images.linuxcontainers.org"
_MIB = 1 << 20
_MOST_INDEX, _MOST_METADATA, _MOST_ROOTFS = 16 * _MIB, 64 * _MIB, 16384 * _MIB
_META = "meta.tar.xz"


def main(words: Sequence[str]) -> int:
    """Do what the command line says: the exit status."""
    return program.run("lxc-download", lambda: _main(_arguments(words)))


def _main(options: Namespace) -> int:
    asked = Wanted(options.dist, options.release, options.arch, options.variant)
    wanted.check(asked)
    index = Index(Server(transfer.server(options.server), options.timeout, is_verbose=options.verbose))
    if options.list:
        print(f"\n{wanted.table(wanted.matching(index.lines(), asked))}", flush=True)
        return 1  # as LXC's: nothing was made, and lxc-create is not to take it for a container
    target = filling.target(options)
    if "" in asked.words:
        asked = _ask(index, asked)
    with cache.Shelf(cache.base(target.namespace), asked.words, target.owner) as shelf:
        image = _ready(shelf, index, asked, options)
    with closing(image.archive):
        with closing(image.directory):
            described = metadata.read(image.directory, target.mode, wanted.LEVEL)
        filling.fill(target, described, image.archive, f"{shelf.path}/…/{cache.ROOTFS}")
    return 0


class Index:
    """What a server has, which it is asked for once, when somebody wants to know."""

    def __init__(self, server: Server) -> None:
        self.server, self._lines = server, tuple[Listed, ...]()

    def lines(self) -> tuple[Listed, ...]:
        """Raises LxcError."""
        if not self._lines:
            transfer.check_library()
            print("Downloading the image index", flush=True)
            path = f"/meta/1.0/index-{filling.mode(mapped.user_namespace())}"
            try:
                text = self.server.text(f"{path}.{wanted.LEVEL}", _MOST_INDEX)
            except NotFound:
                text = self.server.text(path, _MOST_INDEX)
            self._lines = wanted.parse(text, f"{self.server.url}{path}")
        return self._lines


def _ask(index: Index, asked: Wanted) -> Wanted:
    """Ask on the terminal for what is missing.  Raises UsageError without one."""
    missing = [
        name for name, word in (("dist", asked.dist), ("release", asked.release), ("arch", asked.arch)) if not word
    ]
    if not sys.stdin.isatty():
        options = ", ".join(f"--{name}" for name in missing)
        raise UsageError(
            f"which image? Say {options}", hint="for example -d debian -r bookworm -a amd64; --list shows all"
        )
    print(f"\n{wanted.table(wanted.matching(index.lines(), asked))}\n", flush=True)
    questions = {"dist": "Distribution", "release": "Release", "arch": "Architecture"}
    for name in missing:
        try:
            answer = input(f"{questions[name]}: ").strip()
        except EOFError:
            answer = ""
        if not answer:
            raise UsageError(f"no {questions[name].lower()} was named", hint=f"answer, or say --{name}")
        asked = asked.replace(**{name: answer})
    print(flush=True)
    wanted.check(asked)
    return asked


def _ready(shelf: Shelf, index: Index, asked: Wanted, options: Namespace) -> Image:
    """The image, from the cache if it can be.  Raises LxcError."""
    kept = shelf.image()
    if kept and options.flush_cache:
        print("Flushing the cache...", flush=True)
        fs.close(kept.directory, kept.archive)
        kept = None
        shelf.drop()
    if kept and (options.force_cache or not cache.has_expired(kept.directory)):
        print("Using image from local cache", flush=True)
        return kept
    if kept:
        print("The cached copy has expired, re-downloading...", flush=True)
    try:
        listed = wanted.select(index.lines(), asked)
        if kept and kept.build == listed.build:
            print("The cache is already up to date\nUsing image from local cache", flush=True)
            return kept
        _renew(shelf, index.server, listed)
    except LxcError as error:
        if not kept:
            raise
        print("\n".join(error.lines()), file=sys.stderr)
        print(f"Using the image of {printable(kept.build)} from local cache, which has expired", flush=True)
        return kept
    if kept:
        fs.close(kept.directory, kept.archive)
    print("The image cache is now ready", flush=True)
    image = shelf.image()
    if not image:
        raise LxcError(f"the image in {shelf.path} is gone again", hint="somebody has removed it: try again")
    return image


def _renew(shelf: Shelf, server: Server, listed: Listed) -> None:
    """Download an image to the cache.  Raises LxcError."""
    place = f"/{listed.url.strip('/')}"

    def make(directory: int) -> None:
        digests = _digests(server, place)
        print("Downloading the rootfs", flush=True)
        unknown = f".{os.urandom(16).hex()}"  # which no file of the metadata can be called
        with closing(cache.new_file(directory, unknown)) as fd:
            server.file(f"{place}/{cache.ROOTFS}", fd, _MOST_ROOTFS, digests.get(cache.ROOTFS, ""))
        print("Downloading the metadata", flush=True)
        with closing(os.memfd_create(_META)) as fd:
            server.file(f"{place}/{_META}", fd, _MOST_METADATA, digests.get(_META, ""))
            unpack.unpack(fd, f"{server.url}{place}/{_META}", directory, shelf.path, everything=False)
        os.rename(unknown, cache.ROOTFS, src_dir_fd=directory, dst_dir_fd=directory)

    shelf.renew(listed.build, make)


def _digests(server: Server, place: str) -> dict[str, str]:
    """The checksums that the server gives; what it gives none for is said."""
    try:
        digests = wanted.checksums(server.text(f"{place}/SHA256SUMS", _MIB))
    except NotFound:
        digests = {}
    missing = [name for name in (cache.ROOTFS, _META) if name not in digests]
    if missing:
        print(f"The server gives no SHA-256 of {' and '.join(missing)}: only the length is checked", flush=True)
    return digests


def _arguments(words: Sequence[str]) -> Namespace:
    parser = program.parser("lxc-download", "LXC container image downloader", help_status=1)
    parser.epilog = (
        "Images are kept in the directory that LXC_CACHE_PATH names, else in /var/cache/lxc, or a user's in ~/.cache/lxc. "
        "http_proxy, https_proxy and no_proxy are heeded; SSL_CERT_FILE names other certificates to trust."
    )
    parser.add_argument("-l", "--list", action="store_true", help="list the images that there are, and exit")
    image = parser.add_argument_group("which image (asked for on a terminal if one is missing)")
    image.add_argument("-d", "--dist", default="", metavar="DISTRIBUTION", help="the distribution's name: debian")
    image.add_argument("-r", "--release", default="", help="the release's name or version: bookworm")
    image.add_argument("-a", "--arch", default="", metavar="ARCHITECTURE", help="the architecture: amd64")
    image.add_argument("--variant", default="default", help="the variant of the image (default: default)")
    how = parser.add_argument_group("from where")
    how.add_argument(
        "--server",
        default=DEFAULT_SERVER,
        help=f"HOST, HOST:PORT or URL; http:// only if it says so (default: {DEFAULT_SERVER})",
    )
    how.add_argument("--flush-cache", action="store_true", help="remove the copy in the cache, if there is one")
    how.add_argument("--force-cache", action="store_true", help="use the copy in the cache even if it has expired")
    how.add_argument(
        "--timeout", type=_seconds, default=30, metavar="SECONDS", help="silence that is borne (default: 30)"
    )
    how.add_argument("--verbose", action="store_true", help="show what is asked of the server")
    filling.add_arguments(parser)
    return parser.parse_args(words)


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < 86400:
        raise ValueError
    return number
