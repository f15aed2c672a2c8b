"""Names of published keys, spot by spot."""

from __future__ import annotations

import pytest

from dualhead.conversion.published import published_keys
from tests.models.test_battery import build


@pytest.mark.parametrize(
    ("name", "ours", "theirs"),
    [
        ("dualhead", "fine2.temporal.plain.norm.weight", "tcn2_fine.branches.5.1.weight"),
        ("dualhead", "coarse3_to_fine3.conv.bias", "conv_sa_coarse_to_fine_block_3_to_3.bias"),
        ("msg3d", "blocks.1.windowed.1.residual_adjacency", "gcn3d2.gcn3d.1.gcn3d.1.A_res"),
        ("msg3d", "blocks.2.spatial.1.residual.conv.weight", "sgcn3.1.residual.conv.weight"),
        ("agcn", "units.0.spatial.theta.2.weight", "l1.gcn1.conv_a.2.weight"),
        ("agcn", "units.2.residual.norm.running_var", "l3.residual.bn.running_var"),
        ("agcn", "units.0.spatial.residual.conv.bias", "l1.gcn1.down.0.bias"),
        ("stgcn", "units.3.spatial.importance", "edge_importance.3"),
        ("stgcn", "units.1.norm.bias", "st_gcn_networks.1.tcn.3.bias"),
        ("stgcn", "classifier.weight", "fcn.weight"),
        ("ctrgcn", "units.1.spatial.subsets.2.topology.weight", "l2.gcn1.convs.2.conv4.weight"),
        ("ctrgcn", "units.0.spatial.shared", "l1.gcn1.PA"),
        ("stgcnpp", "units.0.spatial.adjacency", "backbone.gcn.0.gcn.A"),
        ("stgcnpp", "units.2.temporal.pool.entry_norm.weight", "backbone.gcn.2.tcn.branches.4.1.weight"),
        ("stgcnpp", "units.2.temporal.plain.bias", "backbone.gcn.2.tcn.branches.5.bias"),
        ("dgstgcn", "units.1.spatial.sender.weight", "backbone.gcn.1.gcn.conv1.weight"),
        ("dgstgcn", "units.1.spatial.pre.norm.running_var", "backbone.gcn.1.gcn.pre.1.running_var"),
        ("dgstgcn", "units.3.temporal.coefficient", "backbone.gcn.3.tcn.add_coeff"),
        ("protogcn", "prototypes.query.weight", "backbone.prn.query_matrix.weight"),
        ("protogcn", "prototypes.norm.running_var", "backbone.bn.running_var"),
        ("dgstgcn", "classifier.weight", "cls_head.fc_cls.weight"),
        ("ctrgcn", "units.3.temporal.pool.norm.running_mean", "l4.tcn1.branches.2.4.running_mean"),
    ],
)
def test_spot(name: str, ours: str, theirs: str) -> None:
    assert published_keys(build(name))[ours] == theirs
