"""A GPU that is none: real numbers on the CPU in tensors that say they are on `cuda:N`, as strict as a real one.

It raises where a GPU would: tensors of two devices in one operation, a generator of another device, a GPU's tensor that
is pinned or read as NumPy. It counts whatever makes the host wait for the device. What is copied to the host without
waiting arrives when an event of the right device's stream, or the device, is waited for; until then it is NaN.
"""

import functools
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten
_WAITING = {
    aten._local_scalar_dense.default,
    aten.equal.default,
    aten.nonzero.default,
    aten.masked_select.default,
    aten._unique2.default,
    aten.repeat_interleave.Tensor,
}


class PretendGpu:
    """The state of all pretended devices.

    Attributes:
        waits: what made the host wait, in order.
        contexts: numbers of the devices on which a context was opened.
        free_bytes: memory that is free on each.
    """

    def __init__(self, devices: int) -> None:
        self.devices = devices
        self.free_bytes = 1 << 40
        self.waits: list[str] = []
        self.contexts: set[int] = set()
        self._under_way: dict[int, list[Callable[[], object]]] = defaultdict(list)
        self._of_thread = threading.local()

    @property
    def current(self) -> int:
        """Number of this thread's current device; each thread begins with 0."""
        return int(getattr(self._of_thread, "current", 0))

    @current.setter
    def current(self, index: int) -> None:
        self._of_thread.current = index

    def resolve(self, device: Any) -> torch.device:
        """Return `device` with its number."""
        found = torch.device(device)
        index = self.current if found.index is None else found.index
        if index >= self.devices:
            raise RuntimeError("CUDA error: invalid device ordinal")
        self.contexts.add(index)
        return torch.device("cuda", index)

    def later(self, device: torch.device, work: Callable[[], object]) -> int:
        """Queue what a device does for the host; return how much is queued by then."""
        assert device.index is not None
        self._under_way[device.index].append(work)
        return self.queued(device.index)

    def queued(self, index: int) -> int:
        """Return how much a device has to do."""
        return len(self._under_way[index])

    def finish(self, index: int, count: int | None = None) -> None:
        """Wait for the first `count` works of a device, or all."""
        queue = self._under_way[index]
        for work in queue[:count]:
            work()
        queue[:count] = [lambda: None] * len(queue[:count])


class OnGpu(Tensor):
    """A tensor on a pretended device; its numbers are in `host`."""

    host: Tensor
    place: torch.device
    gpu: PretendGpu

    @staticmethod
    def __new__(cls, host: Tensor, place: torch.device, gpu: PretendGpu) -> "OnGpu":
        made: OnGpu = Tensor._make_wrapper_subclass(
            cls,
            host.shape,
            strides=host.stride(),
            storage_offset=host.storage_offset(),
            dtype=host.dtype,
            layout=host.layout,
            device=torch.device("meta"),
        )
        made.host, made.place, made.gpu = host, place, gpu
        return made

    device = property(lambda self: self.place)
    is_cuda = property(lambda self: True)
    is_meta = property(lambda self: False)
    __torch_function__ = torch._C._disabled_torch_function_impl

    def __repr__(self, *_: Any, **__: Any) -> str:
        return f"OnGpu({tuple(self.shape)}, {self.place})"

    def pin_memory(self, *_: Any, **__: Any) -> Tensor:
        raise RuntimeError(f"cannot pin '{self.dtype} on {self.place}' only dense CPU tensors can be pinned")

    def numpy(self, **_: Any) -> Any:
        raise TypeError(f"can't convert {self.place} device type tensor to numpy. Use Tensor.cpu() first.")

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        copy: Tensor = OnGpu(self.host.detach().clone(), self.place, self.gpu)
        if isinstance(self, nn.Parameter):
            copy = nn.Parameter(copy, self.requires_grad)
        memo[id(self)] = copy
        return copy

    def tolist(self) -> Any:
        self.gpu.waits.append("tolist")
        return self.host.tolist()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        flat = list(_tensors(args))
        first = next(value for value in flat if isinstance(value, OnGpu))
        gpu, place = first.gpu, first.place
        if func is aten._to_copy.default:
            return _copied(first, kwargs)
        if func is aten.copy_.default:
            return _copy_into(*args, **kwargs)
        for value in flat:
            if value.device != place and (isinstance(value, OnGpu) or value.ndim > 0):
                raise RuntimeError(
                    f"Expected all tensors to be on the same device, but found {place} and {value.device} in {func}"
                )
        if func in _WAITING or _picks_by_mask(func, args):
            gpu.waits.append(str(func))
        if (asked := kwargs.get("device")) is not None:
            kwargs = {**kwargs, "device": torch.device("cpu"), "pin_memory": False}
            if asked.type == "cpu":  # memory of the host in the shape of a tensor there
                return func(*_mapped(args, _host), **kwargs)
        out = func(*_mapped(args, _host), **kwargs)
        if (changed := _changed_argument(func)) is not None:
            return args[changed]
        return _mapped(out, lambda value: OnGpu(value, place, gpu) if isinstance(value, Tensor) else value)


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _tensors(each)


def _mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, list | tuple):
        return type(value)([_mapped(each, change) for each in value])
    return change(value)


def _host(value: Any) -> Any:
    return value.host if isinstance(value, OnGpu) else value


@functools.cache
def _changed_argument(func: Any) -> int | None:
    """Return the place of the argument that an operation changes in place and returns."""
    returned = func._schema.returns
    if len(returned) != 1 or returned[0].alias_info is None or not returned[0].alias_info.is_write:
        return None
    changed = [argument.alias_info is not None and argument.alias_info.is_write for argument in func._schema.arguments]
    return changed.index(True)


def _picks_by_mask(func: Any, args: Any) -> bool:
    if func not in {aten.index.Tensor, aten.index_put_.default, aten.index_put.default}:
        return False
    return any(index is not None and index.dtype in {torch.bool, torch.uint8} for index in args[1])


def _copied(source: OnGpu, kwargs: Any) -> Tensor:
    """Another type or layout on the device, or a copy on the host."""
    device, waits = kwargs.get("device"), not kwargs.get("non_blocking", False)
    options = {name: value for name, value in kwargs.items() if name not in {"device", "non_blocking"}}
    copy = aten._to_copy.default(source.host, **options)
    if device is None or device.type in {"cuda", "meta"}:
        return OnGpu(copy, source.place, source.gpu)
    if waits:
        source.gpu.waits.append("copy to the host")
        source.gpu.finish(source.place.index)
        return copy
    arriving = torch.full_like(copy, float("nan") if copy.is_floating_point() else -1)
    source.gpu.later(source.place, lambda: arriving.copy_(copy))
    return arriving


def _copy_into(target: Tensor, source: Tensor, non_blocking: bool = False) -> Tensor:
    gpu = next(value.gpu for value in (target, source) if isinstance(value, OnGpu))
    if target.device != source.device and not non_blocking:
        gpu.waits.append("copy between host and device")
    if not isinstance(target, OnGpu) and non_blocking:
        numbers, target_now = source.host.clone(), target
        target.fill_(float("nan") if target.is_floating_point() else -1)
        gpu.later(source.device, lambda: target_now.copy_(numbers))
        return target
    into, out_of = (value.host if isinstance(value, OnGpu) else value for value in (target, source))
    into.copy_(out_of)
    return target


class PretendGenerator(torch.Generator):
    """A generator that says where it draws."""

    place = torch.device("cpu")

    def __new__(cls, device: Any = "cpu") -> "PretendGenerator":
        made: PretendGenerator = super().__new__(cls, "cpu")
        made.place = torch.device(device)
        return made


class _Making(TorchDispatchMode):
    """Makes on the current device what torch makes inside an operation there, such as the tensor of a number."""

    def __init__(self, gpu: PretendGpu) -> None:
        super().__init__()
        self.gpu = gpu

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        device = kwargs.get("device")
        if device is None or device.type != "meta" or any(isinstance(value, OnGpu) for value in _tensors(args)):
            return func(*args, **kwargs)
        made = func(*args, **{**kwargs, "device": torch.device("cpu")})
        return OnGpu(made, torch.device("cuda", self.gpu.current), self.gpu)


class _Reaching(TorchFunctionMode):
    """Lets `device="cuda"` in torch's functions reach the pretended devices."""

    def __init__(self, gpu: PretendGpu) -> None:
        super().__init__()
        self.gpu = gpu

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is Tensor.to:
            return self._to(*args, **kwargs)
        if func is Tensor.cuda:
            return self._to(args[0], "cuda", **kwargs)
        if func is Tensor.pin_memory and not isinstance(args[0], OnGpu):
            self.gpu.contexts.add(self.gpu.current)
            pinned = args[0].clone()
            pinned.pinned = True
            return pinned
        if kwargs.pop("pin_memory", False):
            self.gpu.contexts.add(self.gpu.current)
        device = kwargs.get("device")
        wanted = None if device is None else torch.device(device)
        generator = kwargs.get("generator")
        if generator is not None and wanted is not None:
            at = getattr(generator, "place", torch.device("cpu"))
            if at.type != wanted.type:
                raise RuntimeError(f"Expected a '{wanted.type}' device type for generator but found '{at.type}'")
        if wanted is None or wanted.type != "cuda":
            return func(*args, **kwargs)
        if next(_tensors(args), None) is not None:
            return func(*args, **{**kwargs, "device": torch.device("meta")})
        place = self.gpu.resolve(wanted)
        if func is torch.tensor:
            self.gpu.waits.append("torch.tensor on the device")
        wants_gradient = kwargs.pop("requires_grad", False)
        made = func(*args, **{**kwargs, "device": torch.device("cpu")})
        return OnGpu(made, place, self.gpu).requires_grad_(wants_gradient)

    def _to(self, tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if args and isinstance(args[0], Tensor):
            args = (args[0].device, args[0].dtype, *args[1:])
        kwargs.pop("copy", None)
        device, dtype, non_blocking, layout = torch._C._nn._parse_to(*args, **kwargs)
        options = {} if layout is None else {"memory_format": layout}
        if device is None or device.type != "cuda":
            if device is not None:
                options["device"] = device
            return tensor.to(dtype=dtype or tensor.dtype, non_blocking=non_blocking, **options)
        place = self.gpu.resolve(device)
        if tensor.device == place:
            return tensor.to(dtype=dtype or tensor.dtype, **options)
        if isinstance(tensor, OnGpu):
            raise RuntimeError(f"a copy from {tensor.device} to {place}, which nothing here should need")
        if not (non_blocking and getattr(tensor, "pinned", False)):
            self.gpu.waits.append("copy to the device")
        moved = tensor.detach().to(dtype=dtype or tensor.dtype, **options).clone()
        return OnGpu(moved, place, self.gpu).requires_grad_(tensor.requires_grad)


def _event_class(gpu: PretendGpu) -> type:
    class Event:
        def __init__(self, enable_timing: bool = False, blocking: bool = False) -> None:
            assert blocking, "an event that is waited for by spinning takes a core"
            self._device, self._count = 0, 0

        def record(self, stream: Any = None) -> None:
            self._device = gpu.current if stream is None else stream
            self._count = gpu.queued(self._device)

        def synchronize(self) -> None:
            gpu.finish(self._device, self._count)

        def query(self) -> bool:
            self.synchronize()
            return True

    return Event


@contextmanager
def pretended(monkeypatch: pytest.MonkeyPatch, devices: int = 1) -> Iterator[PretendGpu]:
    """Let torch see `devices` pretended GPUs inside the `with` block, in all threads."""
    gpu = PretendGpu(devices)
    cuda = torch.cuda

    def set_device(device: Any) -> None:
        gpu.current = device if isinstance(device, int) else gpu.resolve(device).index

    def synchronize(device: Any = None) -> None:
        gpu.waits.append("synchronize")
        gpu.finish(gpu.current if device is None else gpu.resolve(device).index)

    answers: dict[str, Any] = {
        "is_available": lambda: True,
        "device_count": lambda: devices,
        "current_device": lambda: gpu.current,
        "set_device": set_device,
        "synchronize": synchronize,
        "current_stream": lambda device=None: gpu.current if device is None else gpu.resolve(device).index,
        "get_device_name": lambda device=None: "Pretended",
        "get_device_capability": lambda device=None: (9, 0),
        "mem_get_info": lambda device=None: (gpu.free_bytes, gpu.free_bytes),
        "is_bf16_supported": lambda including_emulation=True: False,
        "is_current_stream_capturing": lambda: False,
        "empty_cache": lambda: None,
        "set_per_process_memory_fraction": lambda fraction, device=None: None,
        "Event": _event_class(gpu),
    }
    for name, answer in answers.items():
        monkeypatch.setattr(cuda, name, answer)
    monkeypatch.setattr(torch, "Generator", PretendGenerator)
    run = threading.Thread.run

    def run_reaching(thread: threading.Thread) -> None:
        with _Making(gpu), _Reaching(gpu):
            run(thread)

    monkeypatch.setattr(threading.Thread, "run", run_reaching)
    swapping = torch.__future__.get_swap_module_params_on_conversion()
    torch.__future__.set_swap_module_params_on_conversion(True)
    try:
        with _Making(gpu), _Reaching(gpu):
            yield gpu
    finally:
        torch.__future__.set_swap_module_params_on_conversion(swapping)
        with suppress(KeyError):
            monkeypatch.undo()
