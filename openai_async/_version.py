"""The version, where a client has it without searching the installed distributions: a quarter of its building."""

VERSION = "0.2.0"
