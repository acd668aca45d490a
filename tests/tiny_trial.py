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
