"""Plug-ins: what they add to the settings, what their mistakes say, and how settings carry them elsewhere."""

import pickle
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from simcvd.config import (
    apply_settings,
    config_hash,
    content_of,
    dotted_keys,
    from_file,
    load_plugin,
    load_preset,
    parse_assignment,
    plugins,
)
from simcvd.config.description import setting_sections
from simcvd.config.edit import setting_problem
from simcvd.errors import UserError
from simcvd.methods.registry import check_known, describe
from simcvd.networks.registry import describe_networks

METHOD = '''
from simcvd.config.declaration import method
from simcvd.config.methods import MethodSettings
from pydantic import Field


class Sharp(MethodSettings):
    """Sharp teacher."""

    weight: float = Field(0.1, ge=0, description="Weight of the term.")


@method("sharp", summary="a sharp teacher", paper="Doe, 2026", doi="10.1/2", settings=Sharp)
class SharpTeacher:
    pass
'''
NETWORK = '''
from simcvd.config.declaration import network
from simcvd.config.network import NetworkSettings
from pydantic import Field


class TinySettings(NetworkSettings):
    """Tiny."""

    channels: int = Field(8, ge=1, description="Channels.")


@network("tiny", summary="two levels", settings=TinySettings, multiple_of=(2, 4, 1))
class Tiny:
    pass
'''


@pytest.fixture(autouse=True)
def _no_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "loaded", plugins.Loaded())


def _file(folder: Path, text: str = METHOD, name: str = "sharp.py") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_section_of_a_plugin_is_like_any_other(tmp_path: Path) -> None:
    load_plugin(_file(tmp_path))
    assert dotted_keys()["sharp.weight"] == 0.1
    assert parse_assignment("sharp.weight=2") == ("sharp.weight", 2)
    assert "greater than or equal to 0" in str(setting_problem("sharp.weight", -1))
    assert "did you mean sharp.weight" in str(setting_problem("sharp.weigth", 1))
    section = next(section for section in setting_sections() if section.name == "sharp")
    assert section.meaning == "Sharp teacher."
    assert section.settings[0].meaning == "Weight of the term."
    config = apply_settings(load_preset("la"), {"method": "sharp", "sharp.weight": 0.3})
    assert [value.weight for name, value in config if name == "sharp"] == [0.3]
    with pytest.raises(UserError, match=r"sharp\.weight is 'a'"):
        apply_settings(load_preset("la"), {"sharp.weight": "a"})


def test_methods_and_networks_of_plugins_are_listed_and_known(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"There is no method 'sharp'.*--plugin"):
        check_known("sharp")
    load_plugin(_file(tmp_path))
    load_plugin(_file(tmp_path, NETWORK, "tiny.py"))
    check_known("sharp")
    assert describe()[-1] == ("sharp", "a sharp teacher", "Doe, 2026", "10.1/2")
    assert describe_networks()[-1] == ("tiny", "two levels", "", "")


def test_crop_must_fit_the_network_of_a_plugin(tmp_path: Path) -> None:
    load_plugin(_file(tmp_path, NETWORK, "tiny.py"))
    crop = {"data.crop_vox": [34, 36, 35], "inference.stride_vox": [16, 16, 16]}
    with pytest.raises(UserError, match="expected multiples of 16"):
        apply_settings(load_preset("la"), crop)
    assert apply_settings(load_preset("la"), crop | {"network.name": "tiny"}).data.crop_vox == (34, 36, 35)
    with pytest.raises(UserError, match="expected multiples of 2 x 4 x 1: the network tiny"):
        apply_settings(load_preset("la"), crop | {"network.name": "tiny", "data.crop_vox": [34, 34, 35]})


def test_plugin_counts_in_the_identity_of_its_own_trials_alone(tmp_path: Path) -> None:
    before = config_hash(load_preset("la"), "data")
    load_plugin(_file(tmp_path))
    other = load_preset("la")
    assert config_hash(other, "data") == before
    assert config_hash(apply_settings(other, {"sharp.weight": 0.7}), "data") == before
    own = apply_settings(other, {"method": "sharp"})
    first = config_hash(own, "data")
    assert first != config_hash(apply_settings(own, {"sharp.weight": 0.7}), "data")
    plugins.loaded = plugins.Loaded()
    load_plugin(_file(tmp_path, f"{METHOD}\n# another line\n"))
    assert config_hash(load_preset("la"), "data") == before
    assert config_hash(apply_settings(load_preset("la"), {"method": "sharp"}), "data") != first


def test_written_settings_hold_the_own_section_and_no_other_plugins(tmp_path: Path) -> None:
    load_plugin(_file(tmp_path))
    load_plugin(_file(tmp_path, NETWORK, "tiny.py"))
    assert {"sharp", "tiny"}.isdisjoint(content_of(load_preset("la")))
    own = content_of(apply_settings(load_preset("la"), {"method": "sharp", "network.name": "tiny"}))
    assert (own["sharp"], own["tiny"]) == ({"weight": 0.1}, {"channels": 8})


def test_pickled_settings_bring_their_plugin_into_another_process(tmp_path: Path) -> None:
    load_plugin(_file(tmp_path))
    config = apply_settings(load_preset("la"), {"method": "sharp", "sharp.weight": 0.7})
    (tmp_path / "config.pkl").write_bytes(pickle.dumps(config))
    (tmp_path / "sharp.py").unlink()
    code = (
        "import pickle, sys; from simcvd.config import config_hash; config = pickle.load(open(sys.argv[1], 'rb'));"
        "print(config.sharp.weight, config_hash(config, 'data'))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "config.pkl")], capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == ["0.7", config_hash(config, "data")]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = 1\nraise ValueError('no\\nsuch thing')", r"bad\.py, line 2: ValueError: no such thing\."),
        ("def f(:\n    pass", r"bad\.py, line 1: SyntaxError"),
        ("\nimport there_is_no_such_module", r"bad\.py, line 2: ModuleNotFoundError"),
        ("x = 1", "adds nothing; expected a class under @method"),
        (METHOD.replace('"sharp"', '"Sharp-T"'), "class SharpTeacher: the name 'Sharp-T' has other signs"),
        (METHOD.replace('"sharp"', '"dtc"'), "class SharpTeacher: the name 'dtc' is taken"),
        (METHOD.replace('"sharp"', '"unet"'), "the name 'unet' is taken"),
        (METHOD.replace(', description="Weight of the term."', ""), "the setting 'weight' has no description"),
        (METHOD.replace("0.1, ge=0, ", ""), "the setting 'weight' has no default"),
        (METHOD.replace("(MethodSettings)", ""), "its settings are no MethodSettings"),
    ],
)
def test_mistake_in_a_plugin_is_one_sentence_that_says_where(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UserError, match=told) as error:
        load_plugin(_file(tmp_path, text, "bad.py"))
    assert "\n" not in str(error.value)
    assert "sharp.weight" not in dotted_keys()


def test_plugin_that_is_no_readable_python_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="can't be read"):
        load_plugin(tmp_path / "none.py")
    with pytest.raises(UserError, match="is no Python file"):
        load_plugin(tmp_path)


def test_same_plugin_twice_is_once_and_another_of_its_name_is_refused(tmp_path: Path) -> None:
    load_plugin(_file(tmp_path))
    load_plugin(_file(tmp_path))
    (tmp_path / "other").mkdir()
    with pytest.raises(UserError, match=r"Two plug-ins are called sharp\.py"):
        load_plugin(_file(tmp_path / "other", f"{METHOD}\n"))
    with pytest.raises(UserError, match="the name 'sharp' is taken"):
        load_plugin(_file(tmp_path, METHOD, "again.py"))


def test_trial_with_a_plugin_is_read_only_where_that_is_loaded(tmp_path: Path) -> None:
    """Code that a folder brings along runs only for who asks for it."""
    kept = tmp_path / "trial" / "plugins"
    kept.mkdir(parents=True)
    _file(kept, f"open({str(tmp_path / 'ran')!r}, 'w').close()\n{METHOD}")
    (kept.parent / "config.yaml").write_text("method: sharp\nsharp: {weight: 0.3}\n")
    with pytest.raises(UserError, match=r"if you trust the code that is kept there, add --plugin .*sharp\.py"):
        from_file(kept.parent / "config.yaml")
    assert not (tmp_path / "ran").exists()
    load_plugin(kept / "sharp.py")
    assert from_file(kept.parent / "config.yaml").method == "sharp"
    _file(kept, METHOD)
    with pytest.raises(UserError, match="of another content"):
        from_file(kept.parent / "config.yaml")


def _entry_points(module: str, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(package))
    entry = metadata.EntryPoint("sharp", f"{module}:SharpTeacher", "simcvd.methods")
    object.__setattr__(entry, "dist", SimpleNamespace(name="sharp-teacher", version="1.2"))
    monkeypatch.setattr(metadata, "entry_points", lambda group: [entry] if group == "simcvd.methods" else [])


def test_installed_package_adds_its_method_with_the_digest_of_its_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "sharp_package"
    package.mkdir()
    _file(package, METHOD, "__init__.py")
    _entry_points("sharp_package", tmp_path, monkeypatch)
    config = apply_settings(load_preset("la"), {"method": "sharp"})
    (source,) = plugins.plugins_of(config).values()
    assert (source.name, source.text) == ("sharp-teacher 1.2", None)
    first = config_hash(config, "data")
    assert pickle.loads(pickle.dumps(config)) == config

    (package / "helper.py").write_text("x = 1\n")
    plugins.loaded = plugins.Loaded()
    assert config_hash(apply_settings(load_preset("la"), {"method": "sharp"}), "data") != first


def test_installed_package_that_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _file(tmp_path, "raise ValueError('broken')", "sharp_broken.py")
    _entry_points("sharp_broken", tmp_path, monkeypatch)
    with pytest.raises(UserError, match=r"sharp-teacher 1\.2 adds the method 'sharp'.*ValueError: broken"):
        load_preset("la")
