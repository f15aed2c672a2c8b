import pytest
import torch

from dualhead.runtime.device import find_device
from dualhead.runtime.errors import ConfigError


@pytest.mark.parametrize("name", ["gpu9", "meta"])
def test_a_device_that_cannot_compute_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"device '{name}' cannot be used"):
        find_device(name)


def test_a_gpu_is_taken_where_there_is_one() -> None:
    best = "cuda" if torch.cuda.is_available() else "cpu"
    assert find_device().type == find_device("auto").type == best
    assert find_device("cpu") == find_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_cuda_without_a_gpu_is_refused() -> None:
    with pytest.raises(ConfigError, match="no CUDA GPU"):
        find_device("cuda:0")
