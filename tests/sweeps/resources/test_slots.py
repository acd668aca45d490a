from sweeps.resources.request import ResourceRequest
from sweeps.resources.room import Room


def test_on_this_machine_alone_as_many_ask_as_fit() -> None:
    room = Room(ResourceRequest(max_concurrent=2), 2, grows=False)
    assert (room(), room.limit) == (2, 2)


def test_where_nodes_may_join_all_may_ask_unless_the_user_says_otherwise() -> None:
    assert Room(ResourceRequest(), 2, grows=True).limit is None
    assert Room(ResourceRequest(max_concurrent=5), 2, grows=True).limit == 5


def test_groups_whose_drivers_are_on_the_head_are_as_many_as_fit() -> None:
    assert Room(ResourceRequest(workers=2), 3, grows=True).limit == 3


def test_rooms_follow_the_nodes(monkeypatch) -> None:
    nodes = [{"Alive": True, "NodeID": "a", "Resources": {"CPU": 2.0}}]
    monkeypatch.setattr("ray.nodes", lambda: nodes)
    monkeypatch.setattr("sweeps.resources.room.LOOK_S", -1)
    room = Room(ResourceRequest(), 2, grows=True)
    assert room() == 2
    nodes.append({"Alive": True, "NodeID": "b", "Resources": {"CPU": 3.0}})
    assert room() == 5
    nodes.clear()
    assert room() == 5
