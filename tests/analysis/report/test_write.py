from analysis.report.page import render
from analysis.report.write import write_report


def test_the_file_is_the_page_of_the_report_in_the_sweeps_folder(write_sweep):
    runs = write_sweep({"only": {0: [{"case_id": "a", "dice": 0.5}]}}, reference="only")
    written = write_report(runs, "toy")
    assert written.path == runs / "sweeps" / "toy" / "report.html"
    assert written.path.read_text() == render(written.report)
    assert written.size == written.path.stat().st_size
