"""Circles on two rings around a middle one, radii cut down until nothing overlaps."""

import numpy as np


def place_centers(n):
    """Points on rings around the middle of the unit square, shape (n, 2)."""
    inner, inner_radius, outer_radius = 8, 0.2, 0.33
    outer = n - 1 - inner
    centers = [(0.5, 0.5)]
    centers += [ring_point(k, inner, inner_radius) for k in range(inner)]
    centers += [ring_point(k, outer, outer_radius) for k in range(outer)]
    return np.array(centers)


def ring_point(k, count, ring_radius):
    """Point number k of `count` evenly spread on a ring."""
    angle = 2.0 * np.pi * k / count
    return 0.5 + ring_radius * np.cos(angle), 0.5 + ring_radius * np.sin(angle)


def compute_radii(centers):
    """Radii that fit these centers, shape (n,): wall distances, then each overlapping pair is scaled to touch."""
    radii = np.minimum(centers, 1.0 - centers).min(axis=1)
    for i in range(len(radii)):
        for j in range(i):
            distance = np.hypot(*(centers[i] - centers[j]))
            if radii[i] + radii[j] > distance:
                scale = distance / (radii[i] + radii[j])
                radii[i] *= scale
                radii[j] *= scale
    return shrink(radii)


def shrink(radii, margin=1e-12):
    """Radii smaller by a hair, so that rounding cannot make circles overlap."""
    return radii * (1.0 - margin)


def construct(n, container):
    """The packing: centers of shape (n, 2) and radii of shape (n,). A unit square is a rectangle of perimeter 4."""
    centers = place_centers(n)
    radii = compute_radii(centers)
    return centers, radii
