"""Settings of networks so narrow that a step of any method takes a moment."""

NARROW = {
    "network.width": 2,
    "network.dropout_last": 0.5,
    "projection.pool_size": 8,
    "projection.hidden": [8, 8],
    "projection.features": 8,
    "dan.discriminator_width": 4,
    "sassnet.discriminator_width": 4,
    "chaitanya.hidden": 16,
}

THREE_STEPS = NARROW | {
    "method": "supervised",
    "data.crop_vox": [16, 16, 16],
    "inference.stride_vox": [16, 16, 16],
    "training.steps": 3,
    "training.checkpoint_every_steps": 1,
    "training.log_every_steps": 1,
}
"""A supervised training with a line in the log and a checkpoint a step."""
