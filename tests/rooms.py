"""Who imports whom: the rooms of the house, read off the tree. `make rooms` prints it.

A room is a folder of product code with its modules; a folder inside it is a room of its own.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent
NOT_ROOMS = {"tests", "benchmarks", "docs", "demo", "i18n", "build", "dist"}

Graph = dict[str, dict[str, set[str]]]  # importing room: imported room: the modules that import


def modules() -> list[Path]:
    """The product's modules, relative to the root."""
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*.py"))
    return sorted(
        path
        for path in found
        if path.parts[0] not in NOT_ROOMS and not any(part.startswith(".") for part in path.parts)
    )


def room_of(module: Path) -> str:
    """The folder of a module, or the name of a module of the root."""
    return module.parent.as_posix() if len(module.parts) > 1 else module.stem


def imports_of(module: Path) -> list[str]:
    """What a module imports, anywhere in it: `.models.cards` of the package, `torch.nn` of others."""
    found = []
    for node in ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.append(node.module)
        elif isinstance(node, ast.ImportFrom):
            package = module.parts[:-1][: len(module.parts) - node.level]
            base = [*package, *(node.module.split(".") if node.module else [])]
            found += [_module_or_parent([*base, alias.name]) for alias in node.names]
    return found


def _module_or_parent(parts: list[str]) -> str:
    """`.a.b` for the name b in a, where b is a module, else `.a`."""
    path = ROOT.joinpath(*parts)
    return "." + ".".join(parts if path.with_suffix(".py").is_file() or path.is_dir() else parts[:-1])


def room_of_import(name: str) -> str:
    """The room of a name such as `.models.cards` or `.inference.backends`."""
    parts = name[1:].split(".")
    path = Path(*parts)
    if (ROOT / path).with_suffix(".py").is_file():
        return room_of(path.with_suffix(".py"))
    return path.as_posix()


def graph() -> Graph:
    """The arrows between rooms."""
    arrows: Graph = defaultdict(lambda: defaultdict(set))
    for module in modules():
        own = room_of(module)
        for name in imports_of(module):
            if name.startswith(".") and name != ".":
                other = room_of_import(name)
                if other != own:
                    arrows[own][other].add(module.name)
    return arrows


def cycle_in(arrows: Graph) -> list[str]:
    """Rooms that import each other in a ring, the first named twice; empty where there are none."""
    done: set[str] = set()

    def visit(room: str, path: list[str]) -> list[str]:
        if room in path:
            return [*path[path.index(room) :], room]
        if room in done:
            return []
        for other in sorted(arrows.get(room, ())):
            ring = visit(other, [*path, room])
            if ring:
                return ring
        done.add(room)
        return []

    return next((ring for room in sorted(arrows) if (ring := visit(room, []))), [])


def levels(arrows: Graph) -> list[list[str]]:
    """The rooms from the ground up: each imports rooms of the levels before its own alone."""
    rooms = {*arrows, *(other for others in arrows.values() for other in others)}
    order: list[list[str]] = []
    placed: set[str] = set()
    while rooms - placed:
        ready = sorted(room for room in rooms - placed if set(arrows.get(room, ())) <= placed)
        if not ready:
            break
        order.append(ready)
        placed.update(ready)
    return order


def main() -> None:
    """Prints the rooms from the ground up, each with the rooms that it imports and by how many modules."""
    arrows = graph()
    for number, rooms in enumerate(levels(arrows)):
        print(f"level {number}")
        for room in rooms:
            imported = ", ".join(f"{other} ({len(by)})" for other, by in sorted(arrows.get(room, {}).items()))
            print(f"  {room}" + (f" -> {imported}" if imported else ""))
    ring = cycle_in(arrows)
    print("no room imports another in a ring" if not ring else "in a ring: " + " -> ".join(ring))


if __name__ == "__main__":
    main()
