"""What the reports on GPUs mean: one sentence for the first thing that would end trials. No Ray, no files, no torch."""

from collections import Counter
from collections.abc import Mapping

from simcvd.device_errors import says_out_of_memory
from simcvd.errors import UserError
from sweeps.preflight.gpu import QUIET_S, SILENT, GpuDevice, GpuReport
from sweeps.resources.versions import differences

GpuReports = Mapping[str, GpuReport]
"""By the node's name."""

_LEAVE_OUT = "leave it out with CUDA_VISIBLE_DEVICES where Ray is started"


def judge_gpus(reports: GpuReports, torch: str, handed_out: Mapping[str, float]) -> list[str]:
    """Refuse GPUs that trials would get and that do not compute; return notices.

    A GPU without free memory is no obstacle: on a shared Ray it may be busy with trials of another command.

    Args:
        reports: what the nodes found.
        torch: its version.
        handed_out: how many GPUs Ray hands out on each node.

    Raises:
        UserError: with the node, the GPU and what to do.
    """
    notices = []
    for name, report in reports.items():
        if fault := _fault(name, report, torch):
            raise UserError(fault)
        if len(report.devices) < handed_out.get(name, 0):
            raise UserError(
                f"Ray hands out {handed_out[name]:g} GPUs of {name}, but torch finds {len(report.devices)} there; see "
                "that nvidia-smi lists all of them, or start Ray there with that many (--num-gpus)."
            )
        full = [_called(device) for device in report.devices if _is_full(device)]
        if full:
            notices.append(
                f"{', '.join(full)} of {name} could not be tried, since no memory is free there; where that is no "
                "trial of another command on this Ray, end what takes it."
            )
    _judge_alike(reports)
    if len({report.driver for report in reports.values()}) > 1:
        told = ", ".join(f"{report.driver or 'unknown'} on {name}" for name, report in reports.items())
        notices.append(f"The GPUs' drivers differ ({told}); with the same one everywhere, results can't hang on it.")
    return notices


def alike(report: GpuReport) -> dict[str, str]:
    """Return the versions that decide a trial's numbers on a GPU."""
    return {"cuDNN": report.cudnn or "none", "torch for": report.toolkit or "no GPU"}


def told(reports: GpuReports) -> str:
    """Return what GPUs there are, for people."""
    kinds = Counter(
        (device.name, f"driver {report.driver or 'unknown'}", f"cuDNN {report.cudnn or 'none'}")
        for report in reports.values()
        for device in report.devices
    )
    found = "; ".join(f"{count} x {', '.join(kind)}" for kind, count in kinds.items())
    return f"{found}; tried on {len(reports)} machine(s)"


def _judge_alike(reports: GpuReports) -> None:
    first, *others = reports or [""]
    for name in others:
        if differing := differences(alike(reports[name]), alike(reports[first])):
            there, here = differing
            raise UserError(
                f"{name[0].upper()}{name[1:]} has {there}, but {first} has {here}; install the same on every node."
            )


def _fault(name: str, report: GpuReport, torch: str) -> str | None:
    """Return the sentence on what keeps trials from the GPUs of a node; none where nothing does."""
    for device in report.devices:
        if device.error is not None and not _is_full(device):
            return _device_fault(name, device, device.error, report, torch)
    if report.error is not None and not report.devices:
        return _start_fault(name, report.error, report, torch)
    if report.toolkit is None:
        return (
            f"torch {torch} of {name} is built without CUDA, but trials would get a GPU there; install a CUDA build, "
            "or use --device cpu."
        )
    if report.cudnn_error is not None:
        return (
            f"torch can't use cuDNN on {name} ({_short(report.cudnn_error)}); install the cuDNN that torch brings, and "
            "see that LD_LIBRARY_PATH names no other one."
        )
    if not report.devices:
        return _no_gpu(name)
    return None


def _start_fault(name: str, error: str, report: GpuReport, torch: str) -> str:
    if "driver on your system is too old" in error or "driver version is insufficient" in error:
        return (
            f"The NVIDIA driver of {name} ({report.driver or 'version unknown'}) is too old for torch {torch}: it "
            f"knows CUDA up to {report.driver_knows}, and torch is built for {report.toolkit}; update the driver, or "
            "install a torch for an older CUDA on every node."
        )
    if "Found no NVIDIA driver" in error:
        return (
            f"There is no NVIDIA driver on {name}, but trials would get a GPU there; install it (a container needs the "
            "NVIDIA container toolkit), or use --device cpu."
        )
    if "No CUDA GPUs are available" in error or "no CUDA-capable device" in error:
        return _no_gpu(name)
    if error == SILENT:
        return (
            f"The GPUs of {name} did not answer within {QUIET_S:.0f} s; see that nvidia-smi answers there, restart the "
            "machine, or take it out of this Ray."
        )
    return (
        f"torch can't start the GPUs of {name} ({_short(error)}); see that nvidia-smi and torch.cuda.init() work "
        "there, or take it out of this Ray."
    )


def _device_fault(name: str, device: GpuDevice, error: str, report: GpuReport, torch: str) -> str:
    gpu = f"{_called(device)} of {name}"
    if "no kernel image" in error:
        return (
            f"torch {torch} has no kernels for {gpu} with its compute capability {device.capability or 'unknown'}, "
            f"only for {' '.join(report.architectures) or 'others'}; install one that has them on every node, or "
            f"{_LEAVE_OUT}."
        )
    if error == SILENT:
        return (
            f"{gpu} did not answer a small convolution within {QUIET_S:.0f} s; reset it or restart the machine, or "
            f"{_LEAVE_OUT}."
        )
    if "busy or unavailable" in error:
        return (
            f"{gpu} is busy or unavailable: another process may hold it for itself alone; end that one, set the "
            f"compute mode to default (nvidia-smi -c 0), or {_LEAVE_OUT}."
        )
    return (
        f"{gpu} fails a small convolution ({_short(error)}); see what nvidia-smi says of it, reset it, or {_LEAVE_OUT}."
    )


def _no_gpu(name: str) -> str:
    return (
        f"torch finds no GPU on {name}, but Ray hands out some there; see that nvidia-smi lists them and that "
        "CUDA_VISIBLE_DEVICES names what is there, or use --device cpu."
    )


def _called(device: GpuDevice) -> str:
    return f"GPU {device.label} ({device.name})"


def _is_full(device: GpuDevice) -> bool:
    return says_out_of_memory(device.error or "")


def _short(error: str) -> str:
    return " ".join(error.split())[:200].rstrip(".")
