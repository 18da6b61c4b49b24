import contextlib

import pytest


@pytest.fixture(scope="module")
def nodes():
    """A Ray cluster of two nodes on this machine."""
    from ray import cluster_utils

    cluster = cluster_utils.Cluster(
        initialize_head=True, head_node_args={"num_cpus": 2}
    )
    cluster.add_node(num_cpus=2)
    yield cluster
    with contextlib.suppress(Exception):  # a node that a test has removed
        cluster.shutdown()
