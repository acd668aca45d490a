import subprocess
import sys

from sweeps.show.marked_errors import MARK


def test_what_a_command_says_beside_its_output_is_marked_in_a_log_of_both() -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "sweeps.show.marked_errors", *arguments]
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)

    listed = run("sweeps")
    assert (listed.returncode, MARK in listed.stdout) == (0, False)
    assert "dropout" in listed.stdout
    refused = run("inspect", "nowhere")
    assert refused.returncode == 2
    assert refused.stdout.startswith(f"{MARK}Error: ")
