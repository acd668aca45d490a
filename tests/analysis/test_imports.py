import subprocess
import sys
from pathlib import Path

BLOCK = """
import importlib, pkgutil, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {names!r}:
            raise ImportError(f"{{name}} is blocked")

sys.meta_path.insert(0, Blocked())
"""

ALL = """
import analysis
found = [module.name for module in pkgutil.walk_packages(analysis.__path__, "analysis.")]
for name in found:
    importlib.import_module(name)
print(len(found))
"""


def output_without(names: tuple[str, ...], code: str) -> str:
    """Run code where some packages can't be imported."""
    done = subprocess.run(
        [sys.executable, "-c", BLOCK.format(names=set(names)) + code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_blocking_works() -> None:
    code = "try:\n    import torch\nexcept ImportError as error:\n    print(error)"
    assert output_without(("torch",), code).strip() == "torch is blocked"


def test_importing_analysis_takes_nothing_heavy_and_nothing_that_runs_sweeps() -> None:
    heavy = ("numpy", "pandas", "pyarrow", "scipy", "matplotlib", "plotly", "jinja2", "h5py", "rich", "yaml", "optuna")
    assert int(output_without((*heavy, "torch", "ray", "sweeps", "cli", "typer"), ALL)) > 40


def test_a_table_is_made_without_torch_and_ray(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    file.write_text("m,c,dice\na,1,0.5\na,2,0.7\nb,1,0.6\nb,2,0.9\n")
    code = (
        "from analysis.comparison.scores_file import tables_of_scores\n"
        "from analysis.tables import render_markdown\n"
        f"print(render_markdown(tables_of_scores({str(file)!r}, 'c', 'm', 'dice', reference='b')))"
    )
    assert "| a | 60.00 ± 14.14 |" in output_without(("torch", "ray", "sweeps"), code)
