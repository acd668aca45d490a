"""The trial as Tune and TorchTrainer see it."""
