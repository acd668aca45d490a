"""SimCVD: semi-supervised 3D medical image segmentation, and the method's own training loop.

What others may call is offered here by short names; each is imported when it is first asked for, and torch with it
where it needs torch.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__version__ = "0.1.0"


def offering(package: str, places: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return a package's `__getattr__` and `__dir__`, which offer names from the modules that define them.

    Args:
        package: its name.
        places: `module:name` of each name that is offered.
    """

    def get(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        module, _, own = places[name].partition(":")
        return getattr(import_module(module), own)

    return get, lambda: sorted({*vars(import_module(package)), *places})


__getattr__, __dir__ = offering(
    __name__,
    {
        "UserError": "simcvd.errors:UserError",
        "TrialConfig": "simcvd.config:TrialConfig",
        "apply_settings": "simcvd.config:apply_settings",
        "evaluate": "simcvd.training.evaluation:evaluate_trial",
        "export": "simcvd.inference.export:write_model",
        "from_file": "simcvd.config:from_file",
        "load_plugin": "simcvd.config:load_plugin",
        "load_preset": "simcvd.config:load_preset",
        "list_methods": "simcvd.methods.registry:describe",
        "list_networks": "simcvd.networks.registry:describe_networks",
        "open_dataset": "simcvd.data.store:open_info",
        "predict": "simcvd.training.evaluation:predict_images",
        "prepare": "simcvd.data.preparation.prepare:prepare",
        "train": "simcvd.training.run:run_training",
        "trial_id": "simcvd.config:trial_id",
        "write_phantom": "simcvd.data.phantom:write_phantom",
    },
)
