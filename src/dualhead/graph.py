"""Adjacency matrices of skeletons: binary, k-hop, windowed, normalised and partitioned. NumPy only, float64.

Convention: `matrix[v, w]` of a symmetric graph is 1 where joints v and w are connected. The directed matrices say in
their own docstrings which index is the parent.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dualhead.skeleton import Skeleton

Matrix = NDArray[np.float64]


def binary_adjacency(skeleton: Skeleton) -> Matrix:
    """Connect the two ends of every edge, in both directions, without loops.

    Args:
        skeleton: The skeleton.

    Returns:
        Symmetric `(V, V)` of zeros and ones.
    """
    matrix = inward_adjacency(skeleton)
    return np.maximum(matrix, matrix.T)


def inward_adjacency(skeleton: Skeleton) -> Matrix:
    """Build the adjacency from each child to its parent.

    Convention: `matrix[parent, child] = 1`, so that "out[w] = sum over v of in[v] * matrix[v, w]" hands a child what
    its parent holds; the transpose points outward.

    Args:
        skeleton: The skeleton.

    Returns:
        `(V, V)` of zeros and ones.
    """
    matrix = np.zeros((skeleton.num_joints, skeleton.num_joints))
    for child, parent in skeleton.edges:
        matrix[parent, child] = 1
    return matrix


def window_adjacency(binary: Matrix, window: int) -> Matrix:
    """Build one graph of the joints in `window` consecutive frames (Liu et al., MS-G3D, CVPR 2020, eq. 6).

    Every joint is connected to itself and to its neighbours in every frame of the window.

    Args:
        binary: `(V, V)` graph of one frame without loops.
        window: Number of frames W.

    Returns:
        `(W * V, W * V)` in frame-major order, ones on the diagonal too.
    """
    return np.tile(binary + np.eye(len(binary)), (window, window))


def k_hop_adjacency(binary: Matrix, hops: int) -> Matrix:
    """Connect the nodes that are exactly `hops` apart, and every node with itself (MS-G3D, eq. 3).

    Args:
        binary: Graph `(V, V)`; loops in it make no difference.
        hops: k; 0 gives the identity.

    Returns:
        `(V, V)` of zeros and ones.
    """
    identity = np.eye(len(binary))
    if hops == 0:
        return identity
    within = np.minimum(binary + identity, 1)
    nearer = identity
    reached = within
    for _ in range(hops - 1):
        nearer, reached = reached, np.minimum(reached @ within, 1)
    exactly: Matrix = reached - nearer + identity
    return exactly


def normalize_symmetric(matrix: Matrix) -> Matrix:
    """Divide by the square roots of both degrees: D^-1/2 A D^-1/2.

    Args:
        matrix: `(V, V)` without empty rows.

    Returns:
        `(V, V)`.
    """
    scale = 1 / np.sqrt(matrix.sum(axis=1))
    normalized: Matrix = scale[:, None] * matrix * scale[None, :]
    return normalized


def normalize_columns(matrix: Matrix) -> Matrix:
    """Divide every column by its sum; an empty column stays zero.

    Args:
        matrix: `(V, V)` with entries of 0 or more.

    Returns:
        `(V, V)` whose columns sum to 1 or 0.
    """
    sums = matrix.sum(axis=0)
    normalized: Matrix = np.divide(matrix, sums, out=np.zeros_like(matrix), where=sums > 0)
    return normalized


def disentangled_scales(binary: Matrix, scales: int) -> Matrix:
    """Stack the normalised k-hop graphs for k = 0 .. S-1 (MS-G3D, section 3.2).

    A skeleton whose diameter is below a scale gets the identity there.

    Args:
        binary: `(V, V)`.
        scales: S.

    Returns:
        `(S, V, V)`, each symmetric and normalised on its own.
    """
    return np.stack([normalize_symmetric(k_hop_adjacency(binary, k)) for k in range(scales)])


def directed_partition(skeleton: Skeleton) -> Matrix:
    """Return the three subsets identity, inward, outward (Shi et al., 2s-AGCN, CVPR 2019; also the start of CTR-GCN).

    Args:
        skeleton: The skeleton.

    Returns:
        `(3, V, V)`; the last two with columns divided by their sums.
    """
    inward = inward_adjacency(skeleton)
    return np.stack([np.eye(skeleton.num_joints), normalize_columns(inward), normalize_columns(inward.T)])


def distances_from(binary: Matrix, node: int) -> Matrix:
    """Count the edges on the shortest way from one node to every other.

    Args:
        binary: Graph `(V, V)`; loops in it make no difference.
        node: The node to start from.

    Returns:
        `(V,)`; infinity for a node that cannot be reached.
    """
    distances = np.full(len(binary), np.inf)
    frontier = np.arange(len(binary)) == node
    hops = 0
    while frontier.any():
        distances[frontier] = hops
        frontier = (binary[frontier].sum(axis=0) > 0) & np.isinf(distances)
        hops += 1
    return distances


def spatial_partition(skeleton: Skeleton, reach: float = np.inf) -> Matrix:
    """Divide the neighbourhood into loops, neighbours nearer the centre, neighbours farther (Yan et al., ST-GCN, 3.3).

    The graph with loops is column-normalised first, then divided by the distance of both ends from `skeleton.centre`.

    Convention: "out[w] = sum over v of in[v] * matrix[s, v, w]". Subset 1 holds the pairs whose source v is as far from
    the centre as w or farther, subset 2 those whose source is nearer.

    Args:
        skeleton: The skeleton.
        reach: Distances above it count as infinite, and so as equal.

    Returns:
        `(3, V, V)`; the sum over subsets has columns that sum to 1.
    """
    binary = binary_adjacency(skeleton)
    loops = np.eye(len(binary))
    normalized = normalize_columns(binary + loops)
    distances = distances_from(binary, skeleton.centre)
    distances = np.where(distances > reach, np.inf, distances)
    farther = distances[:, None] >= distances[None, :]
    return np.stack([loops * normalized, binary * farther * normalized, binary * ~farther * normalized])


def published_spatial_partition(skeleton: Skeleton) -> Matrix:
    """Divide the neighbourhood as the published ST-GCN code does, which sees one hop and no farther.

    Every joint beyond the centre's neighbours counts as infinitely far, so that away from the centre all pairs are
    equally far and fall into subset 1. Published weights need these matrices.

    Args:
        skeleton: The skeleton.

    Returns:
        `(3, V, V)`, as `spatial_partition`.
    """
    return spatial_partition(skeleton, reach=1)
