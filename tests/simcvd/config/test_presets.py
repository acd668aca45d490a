from simcvd.config import (
    load_preset,
)


def test_defaults_are_the_papers_left_atrium_settings() -> None:
    config = load_preset("la")
    weights = config.loss
    assert (weights.sdm, weights.contrast, weights.distillation, weights.consistency) == (0.1, 0.5, 0.1, 0.1)
    assert weights.temperature == 0.5
    assert (config.projection.dropout, config.projection.pool_size) == (0.1, 128)
    assert (config.training.steps, config.training.learning_rate) == (6000, 0.01)
    assert (config.data.crop_vox, config.inference.stride_vox) == ((112, 112, 80), (18, 18, 4))
    assert config.ema_decay == 0.999
