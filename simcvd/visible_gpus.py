"""Which GPUs this process may see."""

import os


def hide_gpus() -> None:
    """Keep a process that computes on the CPU off the GPUs.

    Parts of torch, its optimisers among them, ask the GPUs that they see, which opens a context of hundreds of MB on
    one that others may be using. To be called before torch has looked for GPUs; later it changes nothing.
    """
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
