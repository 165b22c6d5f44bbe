"""The house rules of docs/architecture.md, walked over every import and definition of the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("gis", "etl", "webmap")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
FOUNDATION = ("errors", "periods", "shifted", "crs", "place", "settings", "quads")

#: room -> rooms it may import besides itself
MAY_IMPORT = {
    "foundation": set(),
    "nouns": {"foundation"},
    "gis.assignment": {"foundation", "nouns"},
    "gis.analysis": {"foundation", "nouns"},
    "gis.assessment": {"foundation", "nouns"},
    "gis.store": {"foundation", "nouns"},
    "gis.services": {"foundation", "nouns", "gis.assignment", "gis.analysis", "gis.assessment", "gis.store"},
    "gis.cli": {"foundation", "nouns", "gis.services"},
    "etl": {"foundation", "nouns", "gis.services", "gis.cli"},
    "webmap": {"foundation", "nouns", "gis.services", "gis.cli"},
}
#: other people's package -> where alone it may be imported
CONFINED = {
    "sqlalchemy": ("gis/store/",),
    "geoalchemy2": ("gis/store/",),
    "psycopg2": ("gis/store/",),
    "alembic": ("gis/store/",),
    "pgpq": ("gis/store/",),
    "flask": ("webmap/",),
    "folium": ("webmap/maps/",),
    "branca": ("webmap/maps/",),
    "pyogrio": ("etl/",),
    "dask": ("etl/backfill",),
    "distributed": ("etl/backfill",),
    "numba": ("gis/assignment/", "gis/analysis/"),
    "esda": ("gis/assignment/", "gis/analysis/"),
    "libpysal": ("gis/assignment/", "gis/analysis/"),
    "pyproj": ("gis/crs.py",),
    "rich": ("etl/report.py",),
    "subprocess": ("gis/store/cluster.py", "etl/sandbox.py"),
    "pandas": ("gis/assignment/", "gis/analysis/", "gis/assessment/", "gis/store/", "gis/services/", "etl/", "webmap/"),
    "geopandas": (
        "gis/assignment/",
        "gis/analysis/",
        "gis/assessment/",
        "gis/store/",
        "gis/services/",
        "etl/",
        "webmap/",
    ),
}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def room_of(module: str) -> str | None:
    """The room of one of our modules, None for somebody else's."""
    first, _, rest = module.partition(".")
    if first in ("etl", "webmap"):
        return first
    if first != "gis":
        return None
    second = rest.partition(".")[0]
    if second in ("assignment", "analysis", "assessment", "store", "services"):
        return f"gis.{second}"
    if second.startswith("cli"):
        return "gis.cli"
    return "foundation" if second in ("", *FOUNDATION) else "nouns"


def module_of(path: Path) -> str:
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every module imported anywhere in a file, hidden in functions and under TYPE_CHECKING too."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")
            for alias in node.names:
                inner = ROOT / Path(*(node.module or "").split("."), f"{alias.name}.py")
                if inner.is_file():
                    yield node.lineno, f"{node.module}.{alias.name}"


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_imports_point_down_the_house(path: Path) -> None:
    room = room_of(module_of(path))
    assert room is not None
    for line, module in imports(path):
        assert not module.startswith("."), f"{relative(path)}:{line}: relative import"
        target = room_of(module)
        if target is not None and target != room:
            assert target in MAY_IMPORT[room], f"{relative(path)}:{line}: {room} imports {module} ({target})"


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_other_peoples_packages_stay_in_their_room(path: Path) -> None:
    for line, module in imports(path):
        rooms = CONFINED.get(module.partition(".")[0])
        assert rooms is None or relative(path).startswith(rooms), (
            f"{relative(path)}:{line}: {module} belongs to {rooms}"
        )


def test_there_is_no_cycle_of_imports() -> None:
    ours = {module_of(path): path for path in FILES}
    edges = {name: {m for _, m in imports(path) if m in ours and m != name} for name, path in ours.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail, name))
        if name not in done:
            for target in sorted(edges[name]):
                visit(target, (*trail, name))
            done.add(name)

    for name in sorted(edges):
        visit(name, ())


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_sizes_stay_readable(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, f"{relative(path)} is over 400 lines"
    for node in functions(path):
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        assert lines <= 60, f"{relative(path)}:{node.lineno} {node.name}: {lines} lines"
        if not any(
            "click" in ast.unparse(d) or ".option" in ast.unparse(d) or ".command" in ast.unparse(d)
            for d in node.decorator_list
        ):
            args = node.args
            count = len([a for a in (*args.posonlyargs, *args.args, *args.kwonlyargs) if a.arg not in ("self", "cls")])
            assert count <= 6, f"{relative(path)}:{node.lineno} {node.name}: {count} parameters"


def names_used(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.lineno, ast.unparse(node)


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_environment_clock_and_chance_stay_at_the_edges(path: Path) -> None:
    name = relative(path)
    edge = "cli" in path.stem or name in ("webmap/clock.py", "webmap/server.py")
    for line, used in names_used(tree_of(path)):
        assert used != "os.environ" or name in ("gis/settings.py", "gis/store/cluster.py"), f"{name}:{line}: {used}"
        clock = used in ("datetime.now", "datetime.utcnow", "date.today", "time.time")
        assert not clock or edge, f"{name}:{line}: {used}; the time is an argument"
        chance = used.startswith(("random.", "np.random.", "numpy.random.")) and not used.endswith(
            (".Generator", ".PCG64", ".default_rng", "np.random")
        )
        assert not chance, f"{name}:{line}: {used}; randomness comes in as a Generator"


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_errors_are_never_swallowed_and_input_never_asserted(path: Path) -> None:
    text = path.read_text(encoding="utf-8").splitlines()
    for node in ast.walk(ast.parse("\n".join(text))):
        assert not isinstance(node, ast.Assert), f"{relative(path)}:{node.lineno}: assert"
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"{relative(path)}:{node.lineno}: bare except"
            everything = ast.unparse(node.type) in ("Exception", "BaseException")
            assert not everything or " - " in text[node.lineno - 1], (
                f"{relative(path)}:{node.lineno}: except {ast.unparse(node.type)} without its reason"
            )


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_words_reach_the_terminal_from_one_place(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call) and relative(path) != "gis/cli_terminal.py":
            called = ast.unparse(node.func)
            assert called not in ("print", "click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write"), (
                f"{relative(path)}:{node.lineno}: {called}; say it by gis.cli_terminal"
            )


@pytest.mark.parametrize("path", [p for p in FILES if p.stat().st_size], ids=relative)
def test_every_module_and_public_name_says_what_it_is(path: Path) -> None:
    tree = tree_of(path)
    assert ast.get_docstring(tree), f"{relative(path)} has no docstring"
    for node in tree.body:
        if (
            isinstance(node, ast.ClassDef | ast.FunctionDef)
            and not node.name.startswith("_")
            and not relative(path).startswith("gis/store/migrations")
        ):
            assert ast.get_docstring(node), f"{relative(path)}:{node.lineno} {node.name} has no docstring"
