"""Holds for all tests."""

import os

# Processes that share the cores have one thread each, unless told otherwise; torch reads this when it is imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
