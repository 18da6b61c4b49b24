"""Standard error without the banners of TensorFlow's C++ code, and with all else."""

import os

import pytest

from xlm_tf.quiet_start import without_banners


def test_banners_are_left_out_and_errors_are_not(capfd):
    with without_banners():
        os.write(2, b"I0000 00:00:00.1 cpu_feature_guard.cc:227] This binary\n")
        os.write(2, b"WARNING: All log messages before absl::InitializeLog\n")
        os.write(2, b"E0000 the disk is full\nI0000 more\n")
    assert capfd.readouterr().err == "E0000 the disk is full\n"


def test_what_was_said_before_an_exception_is_forwarded(capfd):
    with pytest.raises(KeyError), without_banners():
        os.write(2, b"about to fail\n")
        raise KeyError("x")
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == "about to fail\nafterwards\n"
