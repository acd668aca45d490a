from collections.abc import Callable, Mapping
from typing import Any

from simcvd.config import TrialConfig as TrialConfig
from simcvd.config import apply_settings as apply_settings
from simcvd.config import from_file as from_file
from simcvd.config import load_plugin as load_plugin
from simcvd.config import load_preset as load_preset
from simcvd.config import trial_id as trial_id
from simcvd.data.phantom import write_phantom as write_phantom
from simcvd.data.preparation.prepare import prepare as prepare
from simcvd.data.store import open_info as open_dataset
from simcvd.errors import UserError as UserError
from simcvd.inference.export import write_model as export
from simcvd.methods.registry import describe as list_methods
from simcvd.networks.registry import describe_networks as list_networks
from simcvd.training.evaluation import evaluate_trial as evaluate
from simcvd.training.evaluation import predict_images as predict
from simcvd.training.run import run_training as train

__all__ = [
    "TrialConfig",
    "UserError",
    "apply_settings",
    "evaluate",
    "export",
    "from_file",
    "list_methods",
    "list_networks",
    "load_plugin",
    "load_preset",
    "open_dataset",
    "predict",
    "prepare",
    "train",
    "trial_id",
    "write_phantom",
]
__version__: str

def offering(package: str, places: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]: ...
