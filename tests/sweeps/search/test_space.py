import pytest

from simcvd.config import load_preset
from simcvd.errors import UserError
from sweeps.definition.search_space import Space
from sweeps.search.space import distributions, params_of, settings_of


def test_a_base_that_is_no_number_is_refused() -> None:
    with pytest.raises(UserError, match="leaves out none, the value of the base"):
        distributions({"contrast.rows": Space(integer=[64, 512])}, load_preset("phantom"))


def test_choices_that_lack_the_bases_own_value_get_it_first() -> None:
    base = load_preset("phantom")
    found = distributions({"projection.pool_size": Space(choice=[16, 64])}, base)
    assert found["projection.pool_size"].choices == (base.projection.pool_size, 16, 64)
    found = distributions({"projection.pool_size": Space(choice=[64, base.projection.pool_size])}, base)
    assert found["projection.pool_size"].choices == (64, base.projection.pool_size)


def test_a_list_travels_through_the_study_and_comes_back() -> None:
    space = {"data.crop_vox": Space(choice=[[32, 32, 32], [48, 48, 32]]), "loss.sdm": Space(uniform=[0.0, 1.0])}
    settings = {"data.crop_vox": [48, 48, 32], "loss.sdm": 0.25}
    kept = params_of(settings)
    assert kept == {"data.crop_vox": "[48, 48, 32]", "loss.sdm": 0.25}
    assert settings_of(kept, space) == settings
