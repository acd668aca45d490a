"""What the user asks for, refused where it makes no sense on any machine."""

from dataclasses import dataclass

from simcvd.errors import UserError


@dataclass(frozen=True)
class ResourceRequest:
    """What the user asks for.

    Attributes:
        workers: processes a trial.
        device: `auto` takes GPUs where the machines have them; or `cpu` or `cuda`.
        cpus_per_worker: CPU cores and torch threads of each worker.
        gpus_per_worker: GPUs of each worker; a fraction lets trials share one.
        max_concurrent: most trials side by side; none: as many as fit.
        address: `HOST:PORT` of a running Ray; none starts one on this machine.
    """

    workers: int = 1
    device: str = "auto"
    cpus_per_worker: int = 1
    gpus_per_worker: float = 1.0
    max_concurrent: int | None = None
    address: str | None = None


def check_request(request: ResourceRequest) -> None:
    """Refuse a request that makes no sense on any machine.

    Raises:
        UserError: with the option and what it expects.
    """
    for option, value in (("--workers", request.workers), ("--cpus-per-worker", request.cpus_per_worker)):
        if value < 1:
            raise UserError(f"{option} is {value}, expected 1 or more.")
    if request.max_concurrent is not None and request.max_concurrent < 1:
        raise UserError(f"--max-concurrent is {request.max_concurrent}, expected 1 or more.")
    gpus = request.gpus_per_worker
    if not (0 < gpus <= 1 or (gpus > 1 and float(gpus).is_integer())):
        raise UserError(f"--gpus-per-worker is {gpus:g}, expected a fraction up to 1, such as 0.5.")
    if gpus > 1:
        raise UserError(f"--gpus-per-worker is {gpus:g}, but a worker computes on one GPU; use --workers {gpus:g}.")
    if gpus < 1 and request.workers > 1:
        raise UserError(
            f"--gpus-per-worker {gpus:g} with --workers {request.workers} would put workers of one trial on one GPU, "
            "where they can't talk to each other; give each a whole GPU."
        )
    if request.device not in {"auto", "cpu", "cuda"}:
        raise UserError(f"--device is '{request.device}', expected auto, cpu or cuda; Ray hands out the GPUs.")
