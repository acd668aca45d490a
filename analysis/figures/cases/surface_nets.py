"""The surface of a mask as a mesh: constrained surface nets (Gibson, MICCAI 1998).

Every 2 x 2 x 2 block of voxels that is partly inside gets one vertex; every pair of neighbouring voxels of which one is
inside gets one face between the four blocks around it. Vertices then move towards their neighbours, but never further
than `SLACK` voxels: steps of the voxel grid vanish, single voxels and thin walls do not, as they would if the mask were
blurred first.
"""

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from analysis.comparison.aggregate import Floats

SLACK: Final = 0.35
"""How far a vertex may leave the middle of its block, in voxels along each axis."""
ROUNDS: Final = 8


class Surface(NamedTuple):
    """A closed mesh of four-cornered faces.

    Attributes:
        vertices: `[V, 3]` in mm; voxel i spans i to i + 1 times the spacing.
        faces: places of each face's corners, counter-clockwise seen from outside, `[F, 4]`.
    """

    vertices: "Floats"
    faces: "npt.NDArray[np.int64]"

    def corners(self) -> "Floats":
        """Return the corners of each face, `[F, 4, 3]`."""
        return self.vertices[self.faces]

    def normals(self) -> "Floats":
        """Return the outward unit normal of each face, `[F, 3]`."""
        import numpy as np

        corners = self.corners()
        return _of_length_one(np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]))

    def shading_normals(self, rounds: int = 2) -> "Floats":
        """Return normals averaged over neighbouring faces, `[F, 3]`: for light, which else shows the voxel grid."""
        import numpy as np

        normals = self.normals()
        for _ in range(rounds):
            at_vertices = np.stack(
                [
                    np.bincount(self.faces.ravel(), np.repeat(normals[:, axis], 4), minlength=len(self.vertices))
                    for axis in range(3)
                ],
                axis=1,
            )
            normals = _of_length_one(at_vertices[self.faces].sum(axis=1))
        return normals


def surface_of(mask: "npt.NDArray[Any]", spacing_mm: tuple[float, float, float]) -> Surface:
    """Return the surface between the voxels of a mask and the others; no faces for an empty mask.

    Args:
        mask: `[X, Y, Z]`; voxels other than 0 are inside, what lies beyond the array is outside.
        spacing_mm: size of a voxel.
    """
    import numpy as np

    inside = np.pad(mask != 0, 1)
    x, y, z = (length - 1 for length in inside.shape)
    parts = [inside[i : i + x, j : j + y, k : k + z] for i in (0, 1) for j in (0, 1) for k in (0, 1)]
    mixed = np.logical_or.reduce(parts) & ~np.logical_and.reduce(parts)
    place = np.full(mixed.shape, -1, dtype=np.int64)
    place[mixed] = np.arange(np.count_nonzero(mixed))
    faces = np.concatenate([_faces_across(inside, place, axis) for axis in range(3)])
    # In the padded array, block o lies between voxels o and o + 1; its middle is the border o of the unpadded one.
    middles = np.argwhere(mixed).astype(np.float64)
    return Surface(_relaxed(middles, faces) * np.array(spacing_mm), faces)


def _of_length_one(vectors: "Floats") -> "Floats":
    import numpy as np

    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float64)


def _faces_across(
    inside: "npt.NDArray[np.bool_]", place: "npt.NDArray[np.int64]", axis: int
) -> "npt.NDArray[np.int64]":
    """Return the faces between voxels that are neighbours along an axis."""
    import numpy as np

    unit = np.eye(3, dtype=np.int64)
    b, c = unit[(axis + 1) % 3], unit[(axis + 2) % 3]
    first = np.argwhere(np.diff(inside, axis=axis))
    corners = [place[tuple((first - step).T)] for step in (0 * b, b, b + c, c)]
    faces = np.stack(corners, axis=1)
    # b x c points along the axis: outwards where the first of the two voxels is inside.
    outwards = inside[tuple(first.T)]
    faces[~outwards] = faces[~outwards, ::-1]
    return faces


def _relaxed(middles: "Floats", faces: "npt.NDArray[np.int64]") -> "Floats":
    import numpy as np

    starts, ends = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    edges = np.unique(np.sort(np.stack([starts, ends]), axis=0), axis=1)
    starts, ends = np.concatenate([edges, edges[::-1]], axis=1)
    count = len(middles)
    neighbours = np.maximum(np.bincount(starts, minlength=count), 1)
    moved = middles
    for _ in range(ROUNDS):
        sums = [np.bincount(starts, weights=moved[ends, axis], minlength=count) for axis in range(3)]
        moved = np.clip(np.stack(sums, axis=1) / neighbours[:, None], middles - SLACK, middles + SLACK)
    return moved
