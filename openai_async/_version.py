"""The version, where building a client can have it without searching the installed distributions (a quarter of its time)."""

VERSION = "0.1.0"
