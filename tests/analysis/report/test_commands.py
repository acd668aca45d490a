from analysis.report.commands import commands
from analysis.runs.sweep import read_sweep


def test_commands_name_no_folder_of_this_machine(made):
    lines = [command.line for command in commands(read_sweep(made.runs, "toy"), made.runs, "hearts", "it's")]
    assert lines[0] == "simcvd sweep toy hearts --out runs --seeds 0,1 --set data.crop_vox=8x8x8"
    assert lines[2] == "simcvd tables runs/sweeps/toy --reference 'it'\"'\"'s'"
    assert not any(str(made.runs.parent) in line for line in lines)
