"""A survey's local system by control points: fitted, shown, and refused when a point is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from etl.control_points import fit, read_control_points
from gis.errors import FileFault

X = np.array([1000.0, 9000.0, 8500.0, 1500.0, 5000.0])
Y = np.array([2000.0, 2500.0, 9500.0, 9000.0, 6000.0])
TURN, SCALE = np.radians(0.4), 1.00002


def true(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b = SCALE * np.cos(TURN), SCALE * np.sin(TURN)
    return 490000 + a * x - b * y, 3510000 + b * x + a * y


def write(path: Path, e: np.ndarray, n: np.ndarray, header: str = "id,x,y,e,n", encoding: str = "utf-8") -> Path:
    rows = [
        f"点{i + 1},{X[i]!r},{Y[i]!r},{e[i]!r},{n[i]!r}".replace("np.float64(", "").replace(")", "") for i in range(5)
    ]
    path.write_text("\n".join([header, *rows]) + "\n", encoding=encoding)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_a_similarity_is_found_to_a_tenth_of_a_millimetre(tmp_path: Path, encoding: str) -> None:
    found = fit(read_control_points(write(tmp_path / "p.csv", *true(X, Y), encoding=encoding)))
    e, n = found.apply(np.array([3333.0]), np.array([4444.0]))
    wanted = true(np.array([3333.0]), np.array([4444.0]))
    assert np.allclose([e[0], n[0]], [wanted[0][0], wanted[1][0]], atol=1e-4)
    assert any("点3" in line and "0.000" in line for line in found.report())


def test_a_wrong_point_is_named_with_what_its_removal_gives(tmp_path: Path) -> None:
    e, n = true(X, Y)
    e[2] += 7.0
    with pytest.raises(FileFault, match=r"largest 3\.884 m at 点3.*Without 点3 the other 4 fit with rms 0\.000 m"):
        fit(read_control_points(write(tmp_path / "p.csv", e, n)))


def test_points_in_a_line_and_too_few_are_refused(tmp_path: Path) -> None:
    points = read_control_points(write(tmp_path / "p.csv", *true(X, Y)))
    line = type(points)(points.ids, X, X * 2.0, *true(X, X * 2.0))
    with pytest.raises(FileFault, match="lie on one line"):
        fit(line)
    with pytest.raises(FileFault, match="4"):
        fit(type(points)(points.ids[:3], X[:3], Y[:3], X[:3], Y[:3]))


def test_every_faulty_row_is_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("id,x,y,e,n\nA,1,2,3,x\nB,,2,3,4\n", encoding="utf-8")
    with pytest.raises(FileFault, match="2 fault.*row 1: n is 'x'.*row 2: x is ''"):
        read_control_points(path)
    path.write_text("id,x,y\nA,1,2\n", encoding="utf-8")
    with pytest.raises(FileFault, match="e, n"):
        read_control_points(path)
