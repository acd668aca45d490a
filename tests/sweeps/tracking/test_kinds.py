from importlib.util import find_spec

import pytest

from simcvd.errors import UserError
from sweeps.tracking import kinds
from sweeps.tracking.kinds import check_libraries


def test_a_library_that_is_missing_is_told_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "find_spec", lambda name: None if name == "mlflow" else find_spec("json"))
    check_libraries(("wandb",))
    with pytest.raises(UserError) as told:
        check_libraries(("wandb", "mlflow"))
    assert str(told.value) == (
        "--log mlflow needs the library mlflow, which is not installed here; pip install 'simcvd[mlflow]', or drop it."
    )
