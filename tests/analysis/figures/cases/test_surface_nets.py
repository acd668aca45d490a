import math
from typing import Any

import numpy as np
import pytest

from analysis.figures.cases.surface_nets import SLACK, Surface, surface_of


def volume(surface: Surface) -> float:
    """Return the enclosed volume: sum of signed tetrahedra to the origin, two triangles a face."""
    a, b, c, d = (surface.corners()[:, corner] for corner in range(4))
    return float((np.einsum("fi,fi->f", a, np.cross(b, c)) + np.einsum("fi,fi->f", a, np.cross(c, d))).sum() / 6)


def area(surface: Surface) -> float:
    a, b, c, d = (surface.corners()[:, corner] for corner in range(4))
    halves = np.linalg.norm(np.cross(b - a, c - a), axis=1) + np.linalg.norm(np.cross(c - a, d - a), axis=1)
    return float(halves.sum() / 2)


def ball(radius: float, spacing: tuple[float, float, float]) -> Any:
    shape = [int(2 * radius / size) + 5 for size in spacing]
    grid = np.indices(shape)
    return sum(((grid[n] - (shape[n] - 1) / 2) * spacing[n]) ** 2 for n in range(3)) <= radius**2


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.5, 1.0, 2.0)])
def test_a_balls_surface_has_its_volume_and_area(spacing: tuple[float, float, float]) -> None:
    surface = surface_of(ball(20, spacing), spacing)
    assert volume(surface) == pytest.approx(4 / 3 * math.pi * 20**3, rel=0.03)
    assert area(surface) == pytest.approx(4 * math.pi * 20**2, rel=0.05)  # the grid's steps have 1.5 times as much


def test_faces_close_and_look_outwards() -> None:
    surface = surface_of(ball(6, (1, 1, 1)), (1, 1, 1))
    edges = np.stack([surface.faces.ravel(), np.roll(surface.faces, -1, axis=1).ravel()], axis=1)
    forward = {tuple(edge) for edge in edges.tolist()}
    assert len(forward) == len(edges)
    assert forward == {(end, start) for start, end in forward}
    middle = surface.vertices.mean(axis=0)
    away = surface.corners().mean(axis=1) - middle
    assert (np.einsum("fi,fi->f", surface.normals(), away) > 0).all()
    assert np.linalg.norm(surface.normals(), axis=1) == pytest.approx(1)
    assert (np.einsum("fi,fi->f", surface.shading_normals(), away) > 0).all()


def test_a_block_has_one_face_for_each_free_side_of_a_voxel() -> None:
    mask = np.zeros((6, 7, 8), dtype=np.uint8)
    mask[1:3, 2:5, 3:7] = 1
    surface = surface_of(mask, (1, 1, 1))
    assert len(surface.faces) == 2 * (2 * 3 + 3 * 4 + 2 * 4)
    low, high = surface.vertices.min(axis=0), surface.vertices.max(axis=0)
    assert (np.abs(low - [1, 2, 3]) <= SLACK).all()
    assert (np.abs(high - [3, 5, 7]) <= SLACK).all()


def test_a_single_voxel_at_the_edge_stays() -> None:
    mask = np.zeros((3, 3, 3))
    mask[0, 0, 2] = 1
    surface = surface_of(mask, (2.0, 2.0, 2.0))
    assert len(surface.faces) == 6
    assert np.ptp(surface.vertices, axis=0) == pytest.approx([2 * (1 - 2 * SLACK)] * 3)
    assert surface.vertices.mean(axis=0) == pytest.approx([1, 1, 5])
    assert volume(surface) > 0


def test_a_mirrored_mask_has_the_mirrored_surface() -> None:
    mask = np.random.default_rng(0).random((7, 6, 5)) > 0.6
    first = surface_of(mask, (1, 1, 1))
    second = surface_of(mask[::-1], (1, 1, 1))
    mirrored = np.array([7, 0, 0]) + first.vertices * [-1, 1, 1]
    assert sorted(map(tuple, mirrored.round(9).tolist())) == sorted(map(tuple, second.vertices.round(9).tolist()))


def test_an_empty_mask_has_no_faces() -> None:
    assert len(surface_of(np.zeros((3, 3, 3)), (1, 1, 1)).faces) == 0
