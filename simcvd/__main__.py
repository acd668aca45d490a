"""`python -m simcvd`, the same as `simcvd`."""

import runpy

if __name__ == "__main__":
    runpy.run_module("cli", run_name="__main__")  # by its name: nothing here imports the command line
