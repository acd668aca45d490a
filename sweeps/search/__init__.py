"""Search of settings with Optuna through Ray Tune, by validation cases only."""
