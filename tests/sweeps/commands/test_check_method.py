import re
import shutil
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from simcvd.config import plugins
from simcvd.plugin.checks import method as method_checks
from simcvd.plugin.checks.method import METHOD_CHECKS
from simcvd.plugin.checks.network import NETWORK_CHECKS

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture(autouse=True)
def _no_plugins(monkeypatch):
    monkeypatch.setattr(plugins, "loaded", plugins.Loaded())


@pytest.fixture
def own(run):
    """The documents' own method and network, in the working folder."""
    return Path(shutil.copy(DOCS / "own_method.py", "own.py")), Path(shutil.copy(DOCS / "own_network.py", "net.py"))


@pytest.fixture
def some(monkeypatch):
    """Leave some checks of a method."""

    def leave(*names):
        kept = tuple(check for check in METHOD_CHECKS if check.name in names)
        monkeypatch.setattr(method_checks, "METHOD_CHECKS", kept)

    return leave


def _states(done):
    return {name: state for state, name in re.findall(r"^(ok|FAILED|skipped) +(\w+): ", done.stdout, re.M)}


@pytest.mark.slow
def test_documents_method_passes_all_checks_but_the_slow_ones_that_quick_leaves_out(run, own):
    done = run("check-method", "own.py", "--quick")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("method sharp_teacher:\nok       parts: it has networks")
    states = _states(done)
    assert list(states) == [check.name for check in METHOD_CHECKS]
    slow = [check.name for check in METHOD_CHECKS if check.slow]
    assert slow == ["two_workers", "learning"]
    assert all((states[name] == "skipped") == (name in slow) for name in states if name != "bfloat16")
    assert re.search(r"^1[23] checks passed, [23] skipped\.$", done.stdout, re.M)
    assert done.stdout.count("skipped  learning: --quick\n") == 1


def test_documents_network_passes_all_checks(run, own):
    done = run("check-method", "net.py")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("network small_unet:\nok       outputs: ")
    assert list(_states(done)) == [check.name for check in NETWORK_CHECKS]
    assert done.stdout.endswith(f"\n{len(NETWORK_CHECKS)} checks passed.\n")


def test_failed_check_says_why_and_the_others_go_on(run, own, some):
    some("parts", "terms", "seed", "diagnostics")
    own[0].write_text(
        own[0].read_text().replace('plugin.noisy(image, self.config, draws, "teacher")', "image + torch.rand(())")
    )
    done = run("check-method", "own.py")
    assert done.exit_code == 1
    assert _states(done) == {"parts": "ok", "terms": "ok", "seed": "FAILED", "diagnostics": "ok"}
    assert "FAILED   seed: the loss at step 0 differs between two runs with the same seed (" in done.stdout
    assert done.stderr == "1 of 4 checks failed; mend what they say, and run the same command again.\n"


def test_exception_of_the_authors_code_is_told_with_file_and_line(run, own, some):
    some("parts", "terms", "seed")
    text = own[0].read_text().replace("self.diagnostics = {}", "self.diagnostics = {}[\n            'x']")
    own[0].write_text(text)
    line = text[: text.index("{}[")].count("\n") + 1
    done = run("check-method", "own.py")
    assert done.exit_code == 1
    assert f"FAILED   parts: own.py, line {line}: KeyError: 'x'\n" in done.stdout
    assert done.stdout.count("skipped  ") == 2
    assert "skipped  terms: it makes no sense without parts\n" in done.stdout
    assert "Traceback" not in done.output


def test_one_of_several_can_be_named(run, own, some):
    some("parts")
    Path("both.py").write_text(f"{own[0].read_text()}\n\n{own[1].read_text()}")
    done = run("check-method", "both.py")
    assert re.findall(r"^(method|network) (\w+):$", done.stdout, re.M) == [
        ("method", "sharp_teacher"),
        ("network", "small_unet"),
    ]
    assert f"\n{1 + len(NETWORK_CHECKS)} checks passed.\n" in done.stdout
    done = run("check-method", "both.py", "sharp_teacher")
    assert done.stdout.endswith("\n1 checks passed.\n")
    done = run("check-method", "both.py", "sharp")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == "Error: The plug-in both.py adds no 'sharp'; it adds sharp_teacher, small_unet.\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, r"The plug-in own\.py can't be read"),
        ("x = 1\n", r"The plug-in own\.py adds nothing; expected a class under @method"),
        ("x = 1\ny = z\n", r"The plug-in own\.py, line 2: NameError"),
    ],
)
def test_file_that_can_not_be_loaded_is_refused(run, text, told):
    if text is not None:
        Path("own.py").write_text(text)
    done = run("check-method", "own.py")
    assert (done.exit_code, done.stdout) == (2, "")
    assert re.fullmatch(rf"Error: {told}.*\n", done.stderr)


def test_method_of_an_installed_package_is_checked_by_its_name(run, own, some, monkeypatch):
    some("parts", "terms")
    monkeypatch.syspath_prepend(".")
    entry = metadata.EntryPoint("sharp_teacher", "own:SharpTeacher", "simcvd.methods")
    object.__setattr__(entry, "dist", SimpleNamespace(name="sharp", version="1.2"))
    monkeypatch.setattr(metadata, "entry_points", lambda group: [entry] if group == "simcvd.methods" else [])
    done = run("check-method", "sharp_teacher")
    assert done.exit_code == 0, done.output
    assert _states(done) == {"parts": "ok", "terms": "ok"}
    done = run("check-method", "sharp")
    assert done.exit_code == 2
    assert "The plug-in sharp is no Python file" in done.stderr
