from tests.command import dataset, run, stub_trial

__all__ = ["dataset", "run", "stub_trial"]
