from sweeps.trial.engine import Engine, default_engine


def test_one_arithmetic_is_handed_to_what_trains_and_to_what_scores() -> None:
    engine = Engine(lambda **given: given, lambda **given: [given])
    found = engine.running_in("bfloat16")
    assert found.train(seed=1) == {"seed": 1, "precision": "bfloat16"}
    assert found.evaluate() == [{"precision": "bfloat16"}]
    assert engine.running_in(None) is engine, "a stand-in may not know it"


def test_the_real_thing_is_simcvds_own() -> None:
    engine = default_engine()
    assert [part.__module__ for part in (engine.train, engine.evaluate)] == [
        "simcvd.training.run",
        "simcvd.training.evaluation",
    ]
