import pytest

from simcvd.errors import UserError
from sweeps.resources.request import ResourceRequest, check_request


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (ResourceRequest(workers=0), "--workers is 0"),
        (ResourceRequest(cpus_per_worker=0), "--cpus-per-worker is 0"),
        (ResourceRequest(max_concurrent=0), "--max-concurrent is 0"),
        (ResourceRequest(gpus_per_worker=0), "--gpus-per-worker is 0"),
        (ResourceRequest(gpus_per_worker=2), "use --workers 2"),
        (ResourceRequest(gpus_per_worker=0.5, workers=2), "give each a whole GPU"),
        (ResourceRequest(device="cuda:1"), "--device is 'cuda:1'"),
    ],
)
def test_a_request_without_sense_is_refused(request_: ResourceRequest, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        check_request(request_)
