"""A model's README.md: what it is, the commands to paste, how its masks come about."""

import textwrap
from collections.abc import Sequence

from simcvd.config import TrialConfig
from simcvd.config.plugins import PLUGINS
from simcvd.inference.model_folder import FORMAT_VERSION, MODEL_FILE, ModelInfo, member_path
from simcvd.scans.label_crop import LabelCrop
from simcvd.scans.normalisation import Normalisation
from simcvd.scans.preprocessing import Preprocessing, millimetres

CARD_FILE = "README.md"
_WIDTH = 120
_KINDS = {
    "z_score": "each channel is brought to mean 0 and deviation 1",
    "z_score_scan": "each channel is brought to mean 0 and deviation 1 over the whole scan, before any crop",
    "z_score_nonzero": "each channel is brought to mean 0 and deviation 1 over the voxels that are not 0",
    "window": "each channel is clipped to a window, then brought to mean 0 and deviation 1",
    "percentiles": "each channel is clipped and scaled by numbers of the training data",
    "as_is": "intensities stay as they are: scans must come normalised",
}
_FILES = {
    MODEL_FILE: "what the model is, and the SHA-256 of each file; a file of a network that is another one is refused",
    "plan.yaml": "the data set's plan when the model was written",
    "members/N/config.yaml": "all settings of a network's training",
    "members/N/student.safetensors": "its weights",
    "members/N/environment.json": "where it was trained: versions and device",
    "members/N/plugins": "its method or network, Python code that runs only with --plugin: read it first",
}


def model_card(info: ModelInfo, configs: Sequence[TrialConfig]) -> str:
    """Return the text of README.md.

    Args:
        info: the model; what it says of README.md itself is not looked at.
        configs: the settings of each member.
    """
    count = len(configs)
    kind = f"an ensemble of {count} networks" if count > 1 else "one network"
    plural = "es" * (len(info.classes) > 1)
    images = f"{info.image_channels} channels" if info.image_channels > 1 else "one channel"
    channels = f" ({', '.join(info.channels)})" if info.channels else ""
    if info.dataset is None:
        data = "Which data set it was trained on was not told when the model was written."
    else:
        data = f"Trained on the data set {info.dataset.name}, whose digest is `{info.dataset.digest}`."
    kept = {name.rpartition("/")[2]: name for name in sorted(info.files) if f"/{PLUGINS}/" in name}
    plugin = "".join(f" --plugin MODEL/{name}" for name in kept.values())
    again = f"simcvd train DATASET --config MODEL/{member_path(0)}/config.yaml --out RUNS{plugin}"
    if count > 1:
        each = again.replace(f"MODEL/{member_path(0)}/config.yaml", '"$config"')
        again = f"for config in MODEL/members/*/config.yaml; do {each}; done"
    own = {CARD_FILE, *_FILES}
    written = tuple(info.files)
    files = {
        name: told
        for name, told in _FILES.items()
        if name == MODEL_FILE or any(file.startswith(name.replace("N", "0")) for file in written)
    }
    files |= {
        name: "added by who wrote the model"
        for name in info.files
        if name not in own and not name.startswith("members/")
    }
    return "\n".join(
        [
            f"# {_line(info.name)}",
            "",
            *_wrapped(
                f"A model for segmentation of 3D scans, made with simcvd: {kind} for images of {images}{channels} and "
                f"the class{plural} {', '.join(map(_line, info.classes))}. {data} This is research software: no "
                "medical device, not for diagnosis."
            ),
            "",
            "## Commands",
            "",
            "Segment scans, score the model on the test cases of a prepared data set, train it again:",
            "",
            "```",
            f"simcvd predict MODEL SCANS --out MASKS{plugin}",
            f"simcvd evaluate MODEL DATASET{plugin}",
            again,
            "```",
            "",
            *_wrapped(
                "MODEL is this folder, which needs nothing beside it and may be moved. SCANS are files or folders of "
                "scans, MASKS is a new folder; DATASET is a folder made by `simcvd prepare`, with the classes above "
                "and scans that went the way below; RUNS gets what is trained."
            ),
            "",
            "## How masks come about",
            "",
            *(line for step in _steps(info, configs) for line in _wrapped(step, "- ")),
            "",
            "| folder | trial | method | seed | window [voxels] | stride [voxels] |",
            "|---|---|---|---|---|---|",
            *(
                f"| {member_path(number)} | {member.trial} | {member.method} | {member.seed} | "
                f"{_times(config.data.crop_vox)} | {_times(config.inference.stride_vox)} |"
                for number, (member, config) in enumerate(zip(info.members, configs, strict=True))
            ),
            "",
            "## Files",
            "",
            f"Format {FORMAT_VERSION}.",
            "",
            "| file | what it is |",
            "|---|---|",
            *(f"| {name} | {told} |" for name, told in files.items()),
            "",
        ]
    )


def _steps(info: ModelInfo, configs: Sequence[TrialConfig]) -> list[str]:
    several = len(configs) > 1
    each = "Each network" if several else "The network"
    steps = _way_in(info.preprocessing or Preprocessing())
    steps.append(
        f"{each} goes over the scan window by window (sizes below); where windows overlap, its class probabilities are "
        "averaged."
    )
    if several:
        steps.append("At each voxel the mean of the networks' probabilities is taken, each network counting once.")
    steps.append(
        "The class of the highest probability wins. Of a scan that was resampled, the probabilities are brought back "
        "to the file's own voxels first, class by class."
    )
    return steps


def _way_in(way: Preprocessing) -> list[str]:
    orientation = "keep the file's axes" if way.orientation is None else f"are turned to {way.orientation}"
    spacing = "keep their voxel size" if way.spacing_mm is None else f"are resampled to {millimetres(way.spacing_mm)}"
    steps = [f"Scans {orientation} and {spacing}.", f"Intensities: {_intensities(way.normalisation)}."]
    if way.crop is not None:
        steps.append(_crop(way.crop))
    return steps


def _intensities(normalisation: Normalisation) -> str:
    told = _KINDS[normalisation.kind]
    numbers = [
        f"{channel.lower:g} to {channel.upper:g}"
        + ("" if channel.mean is None or channel.std is None else f", mean {channel.mean:g}, deviation {channel.std:g}")
        for channel in normalisation.channels
    ]
    return f"{told} ({'; '.join(numbers)})" if numbers else told


def _crop(crop: LabelCrop) -> str:
    margins = ", ".join("all" if margin is None else str(margin) for margin in crop.margin_vox)
    return (
        "The organ is found in the whole scan first, then segmented again in the box around it, widened by "
        f"{margins} voxels along the three axes."
    )


def _times(sides: Sequence[int]) -> str:
    return " x ".join(map(str, sides))


def _line(text: str) -> str:
    return " ".join(text.split())


def _wrapped(text: str, first: str = "") -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False)
