"""Hexagons of a honeycomb, those nearest to the middle."""

import numpy as np

APOTHEM = np.sqrt(3.0) / 2.0


def place_centers(n, room=1e-9):
    """Centers of honeycomb cells nearest to the origin, shape (n, 2), a hair further apart than cells are."""
    step = 2.0 * APOTHEM * (1.0 + room)
    cells = [(step * (a + b / 2.0), step * b * APOTHEM) for a in range(-4, 5) for b in range(-4, 5)]
    return np.array(sorted(cells, key=lambda cell: (round(np.hypot(*cell), 9), cell))[:n])

def outer_side(centers, angles):
    """The side of the hexagon with corners in the directions k pi / 3 that holds all: smaller is better."""
    turn = np.arange(6) * np.pi / 3.0
    outer = np.stack([np.cos(turn + np.pi / 6), np.sin(turn + np.pi / 6)], axis=1)
    corners = np.stack([np.cos(angles[:, None] + turn), np.sin(angles[:, None] + turn)], axis=2)
    return ((centers @ outer.T + (corners @ outer.T).max(axis=1)) / APOTHEM).max()


def construct(n):
    """Centers of shape (n, 2) and angles of shape (n,)."""
    centers = place_centers(n)
    angles = np.full(n, np.pi / 6.0)
    centers = centers - (centers.min(axis=0) + centers.max(axis=0)) / 2.0
    return centers, angles
