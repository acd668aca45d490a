"""The nodes of a running Ray by their ids: this process's own, those that stay, those that are about to go."""


def this_node() -> str:
    """Return the id of the node that this process runs on."""
    import ray

    return str(ray.get_runtime_context().get_node_id())


def alive_nodes() -> set[str]:
    """Return the ids of the nodes of this Ray that are there and stay."""
    import ray

    nodes = {str(node["NodeID"]) for node in ray.nodes() if node["Alive"]}  # type: ignore[no-untyped-call]
    return nodes - leaving_nodes()


def leaving_nodes() -> set[str]:
    """Return the ids of the nodes that are being drained, as after the notice of a spot instance's end."""
    from ray._private.state import state  # what Ray Train's own watcher of preemptions asks

    return set(state.get_draining_nodes())
