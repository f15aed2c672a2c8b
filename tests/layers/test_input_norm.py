"""The norm in front of every model: its order of channels, and which bodies share it."""

from __future__ import annotations

import pytest
import torch

from dualhead.layers.input_norm import InputNorm
from dualhead.runtime.errors import ConfigError


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shared", [True, False])
def test_every_channel_of_every_joint_has_its_place(shared: bool, training: bool) -> None:
    torch.manual_seed(0)
    samples, channels, frames, joints, bodies = 3, 3, 5, 6, 2
    norm = InputNorm(channels, joints, None if shared else bodies).double().train(training)
    with torch.no_grad():
        for value in (norm.weight, norm.bias, norm.running_mean):
            assert value is not None
            value.normal_()
    assert norm.running_mean is not None
    assert norm.running_var is not None
    old_mean, old_var = norm.running_mean.clone(), norm.running_var.clone()
    clips = torch.randn(samples, channels, frames, joints, bodies, dtype=torch.float64)
    out = norm(clips)
    assert out.shape == (samples * bodies, channels, frames, joints)
    assert out.is_contiguous(memory_format=torch.channels_last)
    for body in range(bodies):
        for joint in range(joints):
            for channel in range(channels):
                place = joint * channels + channel + (0 if shared else body * joints * channels)
                values = clips[:, channel, :, joint] if shared else clips[:, channel, :, joint, body]
                mean, variance = old_mean[place], old_var[place]
                if training:
                    mean, variance = values.mean(), values.var(unbiased=False)
                    assert torch.isclose(norm.running_mean[place], 0.9 * old_mean[place] + 0.1 * mean)
                    assert torch.isclose(norm.running_var[place], 0.9 * old_var[place] + 0.1 * values.var())
                want = (clips[:, channel, :, joint, body] - mean) / torch.sqrt(variance + 1e-5)
                want = want * norm.weight[place] + norm.bias[place]
                torch.testing.assert_close(out[body::bodies, channel, :, joint], want)


@pytest.mark.parametrize("shape", [(2, 2, 8, 25, 2), (2, 3, 8, 20, 2), (2, 3, 8, 25, 1)])
def test_refuses_clips_of_another_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match=r"3.*25.*2"):
        InputNorm(3, 25, 2)(torch.zeros(shape))


def test_one_body_is_not_any_number_of_bodies() -> None:
    assert InputNorm(3, 25, 1)(torch.zeros(2, 3, 8, 25, 1)).shape == (2, 3, 8, 25)
    with pytest.raises(ConfigError, match=r"3.*25.*1"):
        InputNorm(3, 25, 1)(torch.zeros(2, 3, 8, 25, 2))
