"""What can be known to fail before a trial starts, found in seconds and said in one sentence each."""

from sweeps.preflight.checks import Findings, Subject, check_alone, preflight
from sweeps.preflight.placement import check_machine, place
from sweeps.preflight.precision import recorded_precisions
from sweeps.preflight.request import ResourceRequest, check_request
from sweeps.preflight.trials import check_trials

__all__ = [
    "Findings",
    "ResourceRequest",
    "Subject",
    "check_alone",
    "check_machine",
    "check_request",
    "check_trials",
    "place",
    "preflight",
    "recorded_precisions",
]
