"""The two version numbers: the LXC interface that is kept to, and this package."""

LXC_VERSION = "7.0.0"
VERSION = "0.1.0"
