"""Draw docs/assets/report.png, the picture of a report in the README: `python docs/make_pictures.py`.

The sweep is made up. Its scans are the built-in phantom's. Its masks are their labels, worn off at the surface, more
where a variant is to be worse. Scores are those of these masks, so the page is what it would be of a real sweep. It
wants Chromium and playwright (`pip install '.[dev]'`).
"""

import os
import shutil
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from analysis.report.write import write_report
from analysis.runs.masks import MaskWriter
from analysis.runs.records import write_cases, write_trial
from simcvd.data.phantom import make_phantom, write_phantom
from simcvd.metrics.case import score_case

TARGET: Final = Path(__file__).parent / "assets" / "report.png"
MOST_BYTES: Final = 200_000
SIDE: Final = 48
CASES: Final = {"labeled": 2, "unlabeled": 2, "val": 0, "test": 12}
SEEDS: Final = (0, 1, 2)
WEAR: Final = {0.0: 1.5, 0.1: 1.0, 0.2: 0.7, 0.5: 1.6}
"""How far, in voxels, the surface of a made-up mask strays, by dropout p."""
REFERENCE: Final = 0.1
WIDTH: Final = 1000
GAP: Final = 16
PARTS: Final = {"header": 120, "#summary": 480, "#forest": 400, "#browser": 900}
"""Places in the page, and how much of each is shown, in pixels."""


def make_sweep(folder: Path) -> Path:
    """Write a data set and a runs folder with the sweep `dropout`; return the runs folder."""
    runs, dataset = folder / "runs", folder / "phantom"
    info = write_phantom(dataset, **CASES, shape=(SIDE, SIDE, SIDE))
    numbers = range(sum(CASES.values()) - CASES["test"], sum(CASES.values()))
    labels = {f"phantom_{n:03d}": _label(n) for n in numbers}
    variants = []
    for place, (dropout, wear) in enumerate(WEAR.items()):
        trials = [{"seed": seed, "id": f"simcvd-s{seed}-{place:012x}"} for seed in SEEDS]
        for trial in trials:
            _write_trial(runs, str(trial["id"]), int(trial["seed"]), dropout, wear, labels)
        variants.append({"name": f"dropout={dropout}", "set": {"projection.dropout": dropout}, "trials": trials})
    sweep = {
        **{"name": "dropout", "metric": "dice", "also": ["hd95_vox"], "reference": f"dropout={REFERENCE}"},
        **{"dataset": {"name": info.name, "digest": info.digest, "path": str(dataset)}, "seeds": list(SEEDS)},
        **{"variants": variants, "published": None},
    }
    (runs / "sweeps" / "dropout").mkdir(parents=True)
    (runs / "sweeps" / "dropout" / "sweep.yaml").write_text(yaml.safe_dump(sweep, sort_keys=False))
    return runs


def _label(number: int) -> NDArray[np.uint8]:
    """Return the label of a test case, drawn as `write_phantom` draws it."""
    label: NDArray[np.uint8] = make_phantom(np.random.default_rng([0, number]), (SIDE, SIDE, SIDE))[1]
    return label


def _write_trial(
    runs: Path, trial: str, seed: int, dropout: float, wear: float, labels: dict[str, NDArray[np.uint8]]
) -> None:
    known = {"trial_id": trial, "config_hash": "0" * 64, "method": "simcvd", "seed": seed}
    rows: list[dict[str, Any]] = []
    with MaskWriter(runs, trial) as masks:
        for number, (case, label) in enumerate(labels.items()):
            # The same cases are hard for all variants; a variant's and a seed's own part is smaller.
            common, own = np.random.default_rng(number), np.random.default_rng([number, seed, round(1000 * dropout)])
            mask = worn(label, wear, common, own)
            masks.add(case, mask)
            [score] = score_case(mask, label, 1, (1.0, 1.0, 1.0))
            place = {"label_split": None, "dataset": "phantom", "split": "test", "case_id": case}
            rows.append(known | place | {"class_id": 1, "class_name": "object"} | vars(score))
    write_cases(runs, trial, rows)
    ran = {"status": "finished", "steps": 120, "device": "cpu", "precision": "float32", "dataset": "phantom"}
    write_trial(runs, known | ran | {"setting.projection.dropout": dropout, "setting.training.steps": 120})


def worn(
    label: NDArray[np.uint8], wear: float, common: np.random.Generator, own: np.random.Generator
) -> NDArray[np.uint8]:
    """Return a mask whose surface strays from the label's by about `wear` voxels."""
    depth = ndimage.distance_transform_edt(label) - ndimage.distance_transform_edt(label == 0)
    stray = wear * (1.2 * _smooth(common, label.shape) + 0.3 * _smooth(own, label.shape))
    return np.asarray(depth + stray > 0, dtype=np.uint8)


def _smooth(generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    noise = ndimage.gaussian_filter(generator.normal(size=shape), 2.5)
    return np.asarray(noise / noise.std())


def picture(page: Path) -> bytes:
    """Return a PNG of a page's top, a figure and the pictures of a case under each other, in few colours."""
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("SIMCVD_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--headless", "--no-sandbox"])
        shown = browser.new_page(viewport={"width": WIDTH, "height": 2000}, color_scheme="light")
        shown.goto(page.as_uri())
        shown.evaluate("document.querySelector('nav').remove()")
        seen = []
        for place, most in PARTS.items():
            shown.locator(place).scroll_into_view_if_needed()
            shown.wait_for_timeout(2000)  # a case's images are unpacked once they are seen
            box = shown.locator(place).bounding_box()
            assert box is not None, place
            height = min(box["height"] + GAP, most)
            above = box["y"] + shown.evaluate("window.scrollY")
            clip = {"x": 0, "y": above, "width": WIDTH, "height": height}
            seen.append(Image.open(BytesIO(shown.screenshot(clip=clip, full_page=True))).convert("RGB"))
        browser.close()
    whole, below = Image.new("RGB", (WIDTH, sum(part.height for part in seen)), "white"), 0
    for part in seen:
        whole.paste(part, (0, below))
        below += part.height
    held = BytesIO()
    whole.quantize(256, dither=Image.Dither.NONE).save(held, "PNG", optimize=True)
    return held.getvalue()


def main() -> None:
    """Draw the picture."""
    with TemporaryDirectory() as folder:
        content = picture(write_report(make_sweep(Path(folder)), "dropout").path)
    if len(content) > MOST_BYTES:
        raise SystemExit(f"The picture has {len(content):,} bytes, expected {MOST_BYTES:,} at most; make it smaller.")
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_bytes(content)


if __name__ == "__main__":
    main()
