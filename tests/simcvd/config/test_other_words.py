from simcvd.config import dotted_keys
from simcvd.config.other_words import KEYS, meant_keys


def test_every_word_means_settings_that_exist_and_is_none_itself() -> None:
    known = dotted_keys()
    for word, keys in KEYS.items():
        assert keys
        assert set(keys) <= known.keys(), word
        assert word == word.lower().replace("-", "_")
        assert word not in known


def test_a_word_means_keys_as_it_is_written_and_in_its_section_first() -> None:
    known = dotted_keys()
    assert meant_keys("Batch-Size", known) == ["training.batch_labeled", "training.batch_unlabeled"]
    assert meant_keys("inference.stride", known) == ["inference.stride_vox"]
    assert meant_keys("somewhere.stride", known) == ["inference.stride_vox", "network.strides"]
    assert meant_keys("network", known) == []


def test_only_known_keys_are_meant() -> None:
    assert meant_keys("lr", ["la", "phantom"]) == []
