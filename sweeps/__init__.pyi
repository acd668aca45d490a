from sweeps.definition.catalogue import load_sweep as load_sweep
from sweeps.definition.changes import Changes as Changes
from sweeps.request import Budget as Budget
from sweeps.request import SweepRequest as SweepRequest
from sweeps.resources.request import ResourceRequest as ResourceRequest
from sweeps.runner import run_sweep as run_sweep
from sweeps.search.run import run_search as run_search

__all__ = ["Budget", "Changes", "ResourceRequest", "SweepRequest", "load_sweep", "run_search", "run_sweep"]
