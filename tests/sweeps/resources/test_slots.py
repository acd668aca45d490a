from sweeps.resources.request import ResourceRequest
from sweeps.resources.slots import Slots


def test_on_this_machine_alone_as_many_ask_as_fit() -> None:
    slots = Slots(ResourceRequest(max_concurrent=2), 2, grows=False)
    assert (slots(), slots.limit) == (2, 2)


def test_where_nodes_may_join_all_may_ask_unless_the_user_says_otherwise() -> None:
    assert Slots(ResourceRequest(), 2, grows=True).limit is None
    assert Slots(ResourceRequest(max_concurrent=5), 2, grows=True).limit == 5


def test_groups_whose_drivers_are_on_the_head_are_as_many_as_fit() -> None:
    assert Slots(ResourceRequest(workers=2), 3, grows=True).limit == 3


def test_slots_follow_the_nodes(monkeypatch) -> None:
    nodes = [{"Alive": True, "NodeID": "a", "Resources": {"CPU": 2.0}}]
    monkeypatch.setattr("ray.nodes", lambda: nodes)
    monkeypatch.setattr("sweeps.resources.slots.LOOK_S", -1)
    slots = Slots(ResourceRequest(), 2, grows=True)
    assert slots() == 2
    nodes.append({"Alive": True, "NodeID": "b", "Resources": {"CPU": 3.0}})
    assert slots() == 5
    nodes.clear()
    assert slots() == 5
