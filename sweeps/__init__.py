"""What to run and where: sweeps of trials on Ray. What others may call is offered here, imported when asked for."""

from simcvd import offering

__getattr__, __dir__ = offering(
    __name__,
    {
        "Budget": "sweeps.request:Budget",
        "Changes": "sweeps.definition.changes:Changes",
        "ResourceRequest": "sweeps.resources.request:ResourceRequest",
        "SweepRequest": "sweeps.request:SweepRequest",
        "load_sweep": "sweeps.definition.catalogue:load_sweep",
        "run_search": "sweeps.search.run:run_search",
        "run_sweep": "sweeps.runner:run_sweep",
    },
)
