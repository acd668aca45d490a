import subprocess
import sys

from sweeps.show.marked_lines import ERRORS, OUTPUT


def test_what_a_command_prints_and_what_it_says_beside_it_are_told_apart_in_a_log_of_both() -> None:
    def run(*arguments: str) -> tuple[int, list[str]]:
        command = [sys.executable, "-m", "sweeps.show.marked_lines", *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return done.returncode, done.stdout.splitlines()

    code, listed = run("sweeps")
    assert code == 0
    assert any(line.startswith(f"{OUTPUT}dropout") for line in listed)
    assert {line[0] for line in listed} == {OUTPUT}
    code, refused = run("inspect", "nowhere")
    assert code == 2
    assert refused[-1].startswith(f"{ERRORS}Error: ")
