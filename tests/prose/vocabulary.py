"""Words that the package does not use, with the standard term for each. `pending.py` lists rooms that still do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: Refused as any word of an identifier (`_noun_of`, `NounTable`), and as a word of a public docstring.
RETIRED: Final[Mapping[str, str]] = {
    "bell": "wakeup",
    "desk": "submitter",
    "disorder": "reorder window",
    "doorbell": "wakeup",
    "doubt": "safety factor",
    "face": "proxy",
    "family": "scope",
    "farewell": "finalizer",
    "fold": "accumulator",
    "handoff": "iterator proxy",
    "intake": "pending rows",
    "lean": "direct",
    "lease": "portal handle",
    "ledger": "request log",
    "noun": "resource",
    "shard": "direct transport",
    "sidecar": "in-flight journal",
    "steering": "shared options",
    "twin": "sync class",
    "unfit": "rejected media types",
    "unfold": "synthesize events",
    "weather": "conditions",
}

#: Refused as a whole identifier, leading underscores aside: participles that do not say which thing they mean.
RETIRED_ALONE: Final[Mapping[str, str]] = {
    "asked": "requested",
    "bare": "no body",
    "beside": "the name of the thing",
    "foreign": "custom",
    "found": "lookup, match or the name of the thing",
    "given": "arguments",
    "made": "the name of the thing",
    "moved": "the name of the thing",
    "news": "data_received",
    "once": "single_use",
    "paced": "rate_limited",
    "place": "path_params, position or address",
    "pump": "dispatch",
    "stated": "configured, or the name of the thing",
    "thing": "APIObject",
    "told": "shown, or the name of the thing",
    "whole": "complete",
}

#: Identifiers that stay: names that callers use, and the address family of a socket.
KEPT: Final = frozenset({"Thing", "Ledger", "ledger", "CATALOGUE", "family"})

#: British spellings, as they begin a word or stand in one, and the American ones.
BRITISH: Final[Mapping[str, str]] = {
    "analyse": "analyze",
    "artefact": "artifact",
    "behaviour": "behavior",
    "burnt": "burned",
    "catalogue": "catalog",
    "centre": "center",
    "colour": "color",
    "dialled": "dialed",
    "favour": "favor",
    "flavour": "flavor",
    "grey": "gray",
    "honour": "honor",
    "initialis": "initializ",
    "judgement": "judgment",
    "labelled": "labeled",
    "learnt": "learned",
    "licence": "license",
    "modelled": "modeled",
    "neighbour": "neighbor",
    "normalis": "normaliz",
    "optimis": "optimiz",
    "organisation": "organization",
    "organise": "organize",
    "recognis": "recogniz",
    "serialis": "serializ",
    "signalled": "signaled",
    "spelt": "spelled",
    "summaris": "summariz",
    "travell": "travel",
    "whilst": "while",
}
