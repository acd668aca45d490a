"""What is given to `simcvd sweep` as its NAME and is none: the answer says what goes where."""

import shlex
from pathlib import Path

from simcvd.errors import UserError

DATASET_FILE = "dataset.json"
EXAMPLE = "dropout"


def check_sweep_name(name: str, dataset: Path | None) -> None:
    """Refuse a data set or another folder in the place of a sweep's NAME; built-in names are what they are.

    Raises:
        UserError: with the command in the right order.
    """
    from sweeps.definition.catalogue import is_path, sweep_names
    from sweeps.storage.store import url_in

    if name in sweep_names():
        return
    place = Path(name)
    stored = url_in(place) is not None
    if stored or place.is_dir():
        swapped = dataset is not None and (str(dataset) in sweep_names() or str(dataset).endswith((".yaml", ".yml")))
        command = f"simcvd sweep {shlex.quote(str(dataset)) if swapped else EXAMPLE} {shlex.quote(name)}"
        kind = "a data set" if stored or (place / DATASET_FILE).is_file() else "a folder"
        raise UserError(
            f"{name} is {kind}, and the sweep's NAME comes first: {command}; simcvd sweeps lists the names."
        )
    if not is_path(name) and (found := next((end for end in (".yaml", ".yml") if Path(name + end).is_file()), None)):
        raise UserError(f"There is no built-in sweep '{name}'; did you mean the file: simcvd sweep {name}{found}?")
