"""Adjacency matrices, with numbers that can be checked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from dualhead import graph
from dualhead.skeleton import KINECT20, NTU25, SKELETONS, Skeleton

CHAIN = Skeleton(
    name="chain",
    joints=("a", "b", "c", "d"),
    parents=(0, 0, 1, 2),
    edges=((1, 0), (2, 1), (3, 2)),
    mirror=(),
    centre=0,
    origin=0,
    spine=None,
    shoulders=None,
    dimensions=3,
)
"""0 - 1 - 2 - 3; the centre is one end."""

ALL = [CHAIN, *SKELETONS.values()]


def breadth_first(binary: np.ndarray) -> np.ndarray:
    """Distances between all pairs, found by walking."""
    distances = np.full(binary.shape, np.inf)
    for start in range(len(binary)):
        distances[start, start] = 0
        queue = [start]
        for node in queue:
            for other in np.flatnonzero(binary[node]):
                if np.isinf(distances[start, other]):
                    distances[start, other] = distances[start, node] + 1
                    queue.append(int(other))
    return distances


def test_binary_and_inward() -> None:
    assert graph.binary_adjacency(CHAIN).tolist() == [[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0]]
    assert graph.inward_adjacency(CHAIN).tolist() == [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]]


def test_inward_hands_a_child_what_its_parent_holds() -> None:
    held = np.array([10.0, 20.0, 30.0, 40.0])
    assert (held @ graph.inward_adjacency(CHAIN)).tolist() == [0, 10, 20, 30]


@pytest.mark.parametrize("skeleton", ALL, ids=lambda skeleton: skeleton.name)
@pytest.mark.parametrize("hops", [0, 1, 2, 3, 7, 12])
def test_k_hop_is_the_pairs_at_that_distance_and_loops(skeleton: Skeleton, hops: int) -> None:
    binary = graph.binary_adjacency(skeleton)
    want = (breadth_first(binary) == hops) | np.eye(len(binary), dtype=bool)
    assert (graph.k_hop_adjacency(binary, hops) == want).all()
    assert (graph.k_hop_adjacency(binary + np.eye(len(binary)), hops) == want).all()


def test_window_graph() -> None:
    binary = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    tiled = graph.window_adjacency(binary, 3)
    assert tiled.shape == (9, 9)
    assert tiled[0].tolist() == [1, 1, 0, 1, 1, 0, 1, 1, 0]  # joint 0 of frame 0: itself and joint 1, in every frame
    assert tiled[5].tolist() == [0, 1, 1, 0, 1, 1, 0, 1, 1]  # joint 2 of frame 1
    # Joints 0 and 2 are two apart, in the same frame and across frames alike.
    two = graph.k_hop_adjacency(tiled, 2)
    assert two[0].tolist() == [1, 0, 1, 0, 0, 1, 0, 0, 1]


def test_symmetric_normalisation() -> None:
    loops = graph.binary_adjacency(CHAIN) + np.eye(4)
    normalized = graph.normalize_symmetric(loops)
    assert normalized[0, 0] == pytest.approx(1 / 2)  # degree 2
    assert normalized[0, 1] == pytest.approx(1 / np.sqrt(6))  # degrees 2 and 3
    assert normalized[1, 2] == pytest.approx(1 / 3)
    assert np.array_equal(normalized, normalized.T)
    assert normalized.dtype == np.float64


def test_column_normalisation_leaves_empty_columns() -> None:
    matrix = np.array([[1.0, 0.0, 2.0], [3.0, 0.0, 2.0], [0.0, 0.0, 4.0]])
    assert graph.normalize_columns(matrix).tolist() == [[0.25, 0, 0.25], [0.75, 0, 0.25], [0, 0, 0.5]]


def test_disentangled_scales() -> None:
    scales = graph.disentangled_scales(graph.binary_adjacency(CHAIN), 6)
    assert scales.shape == (6, 4, 4)
    assert np.array_equal(scales[0], np.eye(4))
    assert scales[3][0].tolist() == pytest.approx([0.5, 0, 0, 0.5])  # only the ends are three apart
    assert scales[3][1].tolist() == [0, 1, 0, 0]
    assert np.array_equal(scales[5], np.eye(4))  # beyond the diameter only loops are left


def test_directed_partition() -> None:
    identity, inward, outward = graph.directed_partition(KINECT20)
    assert np.array_equal(identity, np.eye(20))
    centre = 2  # shoulder centre: children 1, 3, 4, 8; itself the root
    assert inward[:, centre].sum() == 0
    assert outward[:, centre].tolist() == [0.25 if joint in (1, 3, 4, 8) else 0 for joint in range(20)]
    assert inward[centre, 3] == 1


def test_distances_from() -> None:
    assert graph.distances_from(graph.binary_adjacency(CHAIN), 1).tolist() == [1, 0, 1, 2]
    assert graph.distances_from(np.zeros((2, 2)), 0).tolist() == [0, np.inf]


@pytest.mark.parametrize("skeleton", ALL, ids=lambda skeleton: skeleton.name)
def test_distances_by_walking(skeleton: Skeleton) -> None:
    binary = graph.binary_adjacency(skeleton)
    want = breadth_first(binary)[skeleton.centre]
    assert np.array_equal(graph.distances_from(binary, skeleton.centre), want)


def test_spatial_partition_by_hand() -> None:
    loops, farther, nearer = graph.spatial_partition(CHAIN)
    # Columns are divided by 2 (ends) or 3; with the centre at 0, joint v is farther than w where v > w.
    assert np.diag(loops).tolist() == pytest.approx([1 / 2, 1 / 3, 1 / 3, 1 / 2])
    assert farther[1, 0] == pytest.approx(1 / 2)
    assert farther[0, 1] == 0
    assert nearer[0, 1] == pytest.approx(1 / 3)
    assert nearer[2, 3] == pytest.approx(1 / 2)
    assert farther[3, 2] == pytest.approx(1 / 3)


def test_published_partition_sees_one_hop() -> None:
    _, farther, nearer = graph.published_spatial_partition(CHAIN)
    # Joints 2 and 3 are both beyond one hop, hence equally far: both directions fall into subset 1.
    assert farther[3, 2] == pytest.approx(1 / 3)
    assert farther[2, 3] == pytest.approx(1 / 2)
    assert nearer[2, 3] == 0
    # 1 is one hop from the centre and nearer than 2.
    assert nearer[1, 2] == pytest.approx(1 / 3)
    assert farther[2, 1] == pytest.approx(1 / 3)


@pytest.mark.parametrize("skeleton", ALL, ids=lambda skeleton: skeleton.name)
@pytest.mark.parametrize("partition", [graph.spatial_partition, graph.published_spatial_partition])
def test_subsets_share_out_the_normalised_graph(skeleton: Skeleton, partition: object) -> None:
    assert callable(partition)
    subsets = partition(skeleton)
    whole = graph.normalize_columns(graph.binary_adjacency(skeleton) + np.eye(skeleton.num_joints))
    assert np.array_equal(subsets.sum(axis=0), whole)
    assert ((subsets > 0).sum(axis=0) <= 1).all()


def test_partitions_differ_on_ntu_only_away_from_the_centre() -> None:
    differs = np.argwhere((graph.spatial_partition(NTU25) != graph.published_spatial_partition(NTU25)).any(axis=0))
    distances = graph.distances_from(graph.binary_adjacency(NTU25), NTU25.centre)
    assert len(differs)
    assert (distances[differs] > 1).all()
