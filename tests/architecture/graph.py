"""Circles in the graph of imports, wherever the imports stand: when loaded, in a function, or for the type checker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set

from tests.architecture.source import Import, Source


def graph_of(source: Source) -> dict[str, dict[str, Import]]:
    """Each module with the modules of the package that it imports, and the first import of each."""
    graph: dict[str, dict[str, Import]] = {}
    for name, module in source.modules.items():
        targets = graph[name] = {}
        for target, found in source.edges(module):
            targets.setdefault(target, found)
    return graph


def circles(graph: Mapping[str, Mapping[str, object]]) -> list[frozenset[str]]:
    """The sets of modules each of which imports every other one, directly or not. O(modules + imports)."""
    finished: list[str] = []
    seen: set[str] = set()
    for name in graph:
        finished += _finished_from(name, graph, seen)
    backwards: dict[str, dict[str, object]] = {name: {} for name in graph}
    for name, targets in graph.items():
        for target in targets:
            backwards[target][name] = None
    seen.clear()
    groups = [frozenset(_finished_from(name, backwards, seen)) for name in reversed(finished)]
    return sorted((group for group in groups if len(group) > 1), key=sorted)


def _finished_from(start: str, graph: Mapping[str, Mapping[str, object]], seen: set[str]) -> list[str]:
    """The modules that can be reached and were not seen, each after those that it imports."""
    if start in seen:
        return []
    seen.add(start)
    order: list[str] = []
    stack: list[tuple[str, Iterator[str]]] = [(start, iter(graph[start]))]
    while stack:
        name, targets = stack[-1]
        following = next((target for target in targets if target not in seen), None)
        if following is None:
            order.append(name)
            stack.pop()
        else:
            seen.add(following)
            stack.append((following, iter(graph[following])))
    return order


def edges_within(group: Set[str], graph: Mapping[str, Mapping[str, Import]]) -> str:
    """The imports that close a circle, one a line, to be read by whoever breaks it."""
    return "\n".join(
        f"  {name}:{found.line} imports {target} ({found.when})"
        for name in sorted(group)
        for target, found in graph[name].items()
        if target in group
    )
