from types import SimpleNamespace

import pytest

from simcvd.errors import UserError
from sweeps.cluster import job


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            RuntimeError("Request failed with status code 500: worker died."),
            "gave no answer .*status code 500.* goes on",
        ),
        (RuntimeError("Request failed with status code 401"), "another token"),
        (OSError("Failed to connect to 127.0.0.1:40123"), "gave no answer"),
    ],
)
def test_what_rays_clients_raise_becomes_a_sentence(error, told, monkeypatch):
    class Client:
        def __init__(self, address):
            pass

        def list_jobs(self):
            raise error

    monkeypatch.setattr("ray.job_submission.JobSubmissionClient", Client)
    for key in ("no_proxy", "NO_PROXY"):  # it is set for good
        monkeypatch.setenv(key, "")
    with pytest.raises(UserError, match=told):
        job.Jobs(SimpleNamespace(address="http://127.0.0.1:9")).running()
