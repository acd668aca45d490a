import pytest

from sweeps.resources.nodes import alive_nodes

# Ray and its dependencies warn of each other's old ways.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"
)


def test_nodes_that_are_dead_or_about_to_go_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    known = [{"NodeID": name, "Alive": name != "dead"} for name in ("stays", "goes", "dead")]
    monkeypatch.setattr(ray, "nodes", lambda: known)
    monkeypatch.setattr("sweeps.resources.nodes.leaving_nodes", lambda: {"goes"})
    assert alive_nodes() == {"stays"}
