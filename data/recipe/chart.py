"""Lay a disc-shaped surface out in the unit square without flips or overlaps, with room where the face is.

Tutte's embedding with positive weights and a convex boundary is injective (Floater 1997). From there the symmetric
Dirichlet energy (Smith and Schaefer 2015) is brought down: it is infinite for a triangle of no area, so a line search
that accepts only finite, lower values keeps every triangle upright, and upright triangles inside a fixed convex
boundary cannot overlap. `scale` says how large each triangle would like to be, relative to its size on the surface.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve


def boundary_loops(vertices: np.ndarray, faces: np.ndarray) -> list[np.ndarray]:
    """Boundary vertices in order along the direction of the faces, one array per loop, the lowest one first."""
    edges = np.concatenate([faces[:, [i, (i + 1) % 3]] for i in range(3)])
    have = {tuple(e) for e in edges.tolist()}
    follow = {a: b for a, b in have if (b, a) not in have}
    loops = []
    while follow:
        loop = [next(iter(follow))]
        while (b := follow.pop(loop[-1])) != loop[0]:
            loop.append(b)
        loops.append(np.array(loop))
    return sorted(loops, key=lambda loop: vertices[loop, 1].min())


def fill_holes(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Close every loop but the first, the neck, with a fan round a new vertex, so that the surface is a disc."""
    _, *holes = boundary_loops(vertices, faces)
    for loop in holes:
        centre = len(vertices)
        vertices = np.concatenate([vertices, vertices[loop].mean(0, keepdims=True)])
        fan = np.stack([np.roll(loop, -1), loop, np.full(len(loop), centre)], -1)
        faces = np.concatenate([faces, fan])
    return vertices, faces, holes


def disc_chart(
    vertices: np.ndarray, faces: np.ndarray, scale: np.ndarray, boundary_start: int, steps: int = 60
) -> np.ndarray:
    """(V, 2) in [0, 1]: a disc of radius 0.49; the boundary vertex `boundary_start` comes to the top.

    The descent is SLIM (Rabinovich et al. 2017): each step solves a least-squares problem whose weights make its
    gradient that of the symmetric Dirichlet energy.
    """
    uv, free = _tutte(vertices, faces, boundary_start)
    rest = _flatten(vertices, faces) * scale[:, None, None]
    area = np.linalg.det(rest) / 2
    rest, weight = rest * np.sqrt(np.pi * 0.49**2 / area.sum()), area / area.sum()
    # J = P @ D with P (2, 3) the corners of a triangle in UV: the derivative of the map, linear in UV.
    derivative = np.array([[-1.0, -1.0], [1.0, 0.0], [0.0, 1.0]]) @ np.linalg.inv(rest)
    count, number = len(vertices), np.arange(len(faces))

    def jacobian(points: np.ndarray) -> np.ndarray:
        return points[faces].transpose(0, 2, 1) @ derivative

    def energy(points: np.ndarray) -> float:
        j = jacobian(points)
        det = np.linalg.det(j)
        return np.inf if (det <= 0).any() else float((weight * (j**2).sum((1, 2)) * (1 + det**-2)).sum())

    for _ in range(steps):
        left, sigma, right = np.linalg.svd(jacobian(uv))
        pull = np.sqrt((1 + sigma) * (1 + sigma**2) / sigma**3)  # sqrt((s - s^-3) / (s - 1)), safe at s = 1
        w = left @ (pull[:, :, None] * left.transpose(0, 2, 1)) * np.sqrt(weight)[:, None, None]
        goal = w @ left @ right
        # Rows: (face, r, c); unknowns: (vertex, coordinate). Entry of vertex k, coordinate d: w[r, d] D[k, c].
        entries = w[:, :, None, None, :] * derivative.transpose(0, 2, 1)[:, None, :, :, None]
        rows = (number[:, None, None] * 4 + np.arange(4).reshape(2, 2))[..., None, None] + np.zeros((3, 2), int)
        columns = (faces[:, :, None] * 2 + np.arange(2))[:, None, None] + np.zeros((2, 2, 1, 1), int)
        matrix = sp.csr_matrix((entries.ravel(), (rows.ravel(), columns.ravel())), (4 * len(faces), 2 * count))
        unknown = (free[:, None] * 2 + np.arange(2)).ravel()
        residual = goal.reshape(-1) - matrix @ uv.ravel()
        part = matrix[:, unknown]
        direction = np.zeros(2 * count)
        direction[unknown] = spsolve((part.T @ part).tocsc(), part.T @ residual)
        direction = direction.reshape(-1, 2)
        before, step = energy(uv), 1.0
        while not energy(uv + step * direction) < before and step > 1e-8:
            step /= 2
        if step <= 1e-8 or before - energy(uv + step * direction) < 1e-6 * before:
            break
        uv = uv + step * direction
    return uv


def _tutte(vertices: np.ndarray, faces: np.ndarray, boundary_start: int) -> tuple[np.ndarray, np.ndarray]:
    loop = boundary_loops(vertices, faces)[0]
    loop = np.roll(loop, -int(np.flatnonzero(loop == boundary_start)[0]))
    length = np.linalg.norm(vertices[np.roll(loop, -1)] - vertices[loop], axis=1)
    angle = np.pi / 2 + 2 * np.pi * np.concatenate([[0.0], np.cumsum(length)[:-1]]) / length.sum()
    uv = np.full((len(vertices), 2), 0.5)
    uv[loop] += 0.49 * np.stack([np.cos(angle), np.sin(angle)], -1)
    free = np.setdiff1d(np.arange(len(vertices)), loop)
    laplacian = _laplacian(faces, np.ones(len(faces)), len(vertices))
    uv[free] = spsolve(laplacian[free][:, free].tocsc(), -laplacian[free][:, loop] @ uv[loop])
    return uv, free


def _laplacian(faces: np.ndarray, weight: np.ndarray, count: int) -> sp.csr_matrix:
    i, j = faces[:, [0, 1, 2]].ravel(), faces[:, [1, 2, 0]].ravel()
    graph = sp.csr_matrix((np.repeat(weight, 3), (i, j)), (count, count))
    graph = graph + graph.T
    return (sp.diags(np.asarray(graph.sum(1)).ravel()) - graph).tocsr()


def _flatten(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Each triangle laid in a plane: (F, 2, 2) with its two edges as columns."""
    p, q = vertices[faces[:, 1]] - vertices[faces[:, 0]], vertices[faces[:, 2]] - vertices[faces[:, 0]]
    length = np.linalg.norm(p, axis=1)
    along = (p * q).sum(1) / length
    across = np.linalg.norm(np.cross(p, q), axis=1) / length
    return np.stack([np.stack([length, along], -1), np.stack([np.zeros_like(length), across], -1)], 1)
