"""Addresses of network devices: MAC, IPv4, IPv6; names of devices and sockets."""

from __future__ import annotations

from lxc.record import Record
from lxc.values.plain import integer
from lxc.values.words import Misspelt

IFNAMSIZ = 16
_SUN_PATH = 108  # bytes of the path in struct sockaddr_un
_HEX = frozenset("0123456789abcdefABCDEF")


class Address(Record):
    """An address in its usual spelling, and the length of its network's prefix; `broadcast` is for IPv4 only."""

    address: str
    prefix: int
    broadcast: str = ""

    def __str__(self) -> str:
        return f"{self.address}/{self.prefix}"


def device(value: str) -> str:
    """The name of a network device, at most 15 bytes."""
    length = len(value.encode(errors="surrogateescape"))
    if length >= IFNAMSIZ:
        raise Misspelt(f"expected the name of a network device, at most {IFNAMSIZ - 1} bytes, got {length}")
    return value


def hwaddr(value: str) -> str:
    """A MAC address such as 10:66:6a:01:02:03, each `x` in which becomes a random digit."""
    full = completed(value)
    parts = full.split(":")
    if len(parts) != 6 or not all(part and len(part) < 3 and _HEX.issuperset(part) for part in parts):
        raise Misspelt(f"expected a MAC address such as 10:66:6a:xx:xx:xx, got {value!r}")
    return full


def completed(template: str) -> str:
    """`template` with each x replaced by a random hexadecimal digit; the address is that of one device, not a group."""
    if "x" not in template and "X" not in template:
        return template
    from os import urandom

    digits = list(template)
    for place, char in enumerate(digits):
        if char in "xX":
            digit = urandom(1)[0] & 15
            digits[place] = f"{digit & ~1 if place == 1 else digit:x}"
    return "".join(digits)


def ipv4(value: str) -> Address:
    """ADDRESS/PREFIX, and a broadcast address after a blank if it is not the usual one."""
    text, _, broadcast = value.partition(" ")
    address, slash, prefix = text.partition("/")
    number = _number(address, 4)
    length = _prefix(prefix, 32) if slash else _of_class(number >> 24)
    if broadcast.strip():
        usual = _number(broadcast.strip(), 4)
    else:
        usual = number | ((1 << (32 - length)) - 1) if length < 31 else 0
    return Address(_text(number, 4), length, _text(usual, 4))


def ipv6(value: str) -> Address:
    """ADDRESS/PREFIX; the prefix is 64 unless given."""
    address, slash, prefix = value.partition("/")
    return Address(_text(_number(address, 6), 6), _prefix(prefix, 128) if slash else 64)


def ipv4_gateway(value: str) -> str:
    """An IPv4 address, `auto` (the address of the link) or `dev` (whatever the device leads to)."""
    return value if value in ("auto", "dev") else _text(_number(value, 4), 4)


def ipv6_gateway(value: str) -> str:
    """An IPv6 address, `auto` (the address of the link) or `dev` (whatever the device leads to)."""
    return value if value in ("auto", "dev") else _text(_number(value, 6), 6)


def ipv4_route(value: str) -> Address:
    """ADDRESS/PREFIX of IPv4."""
    address, slash, prefix = value.partition("/")
    if not slash:
        raise Misspelt(f"expected ADDRESS/PREFIX, got {value!r}")
    return Address(_text(_number(address, 4), 4), _prefix(prefix, 32))


def ipv6_route(value: str) -> Address:
    """ADDRESS/PREFIX of IPv6."""
    address, slash, prefix = value.partition("/")
    if not slash:
        raise Misspelt(f"expected ADDRESS/PREFIX, got {value!r}")
    return Address(_text(_number(address, 6), 6), _prefix(prefix, 128))


def vlan_id(value: str) -> int | None:
    """`none` or a VLAN's number, 0 to 4094."""
    return -1 if value == "none" else integer(value, 0, 4094)


def proxy(value: str) -> str:
    """`unix:/path`, `unix:@name` for an abstract socket, or `python:module:function,function …`."""
    kind, _, rest = value.partition(":")
    if kind == "python":
        module, _, functions = rest.rpartition(":")
        is_module = all(part.isidentifier() for part in module.split(".")) or _is_file(module)
        if is_module and all(name.strip().isidentifier() for name in functions.split(",")):
            return value
    elif kind == "unix" and rest[:1] in ("/", "@") and 1 < len(rest.encode(errors="surrogateescape")) < _SUN_PATH:
        return value
    raise Misspelt(
        f"expected unix:/path or unix:@name, shorter than {_SUN_PATH} bytes, or python:module:function; got {value!r}"
    )


def show_proxy(value: str) -> str:
    return value.removeprefix("unix:").removeprefix("@")


def _is_file(module: str) -> bool:
    return module.startswith("/") and module.endswith(".py")


def _number(address: str, version: int) -> int:
    from _socket import AF_INET, AF_INET6, inet_pton

    try:
        return int.from_bytes(inet_pton(AF_INET if version == 4 else AF_INET6, address), "big")
    except (OSError, ValueError):
        raise Misspelt(f"expected an IPv{version} address, got {address!r}", address) from None


def _text(number: int, version: int) -> str:
    from _socket import AF_INET, AF_INET6, inet_ntop

    if version == 4:
        return inet_ntop(AF_INET, number.to_bytes(4, "big"))
    return inet_ntop(AF_INET6, number.to_bytes(16, "big"))


def _prefix(text: str, bits: int) -> int:
    try:
        return integer(text, 0, bits)
    except ValueError:
        raise Misspelt(f"expected a prefix length from 0 to {bits}, got {text!r}", text) from None


def _of_class(first: int) -> int:
    """The prefix length that the address classes of old give an address whose first octet is `first`."""
    return 8 if first < 128 else 16 if first < 192 else 24 if first < 224 else 0
