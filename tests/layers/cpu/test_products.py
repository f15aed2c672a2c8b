"""oneDNN's products are PyTorch's, with their gradients; other types than float32 are left to PyTorch."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from dualhead.layers.cpu import products
from dualhead.layers.cpu.products import add_outer, by_onednn, differentiable_linear, linear


@pytest.fixture(autouse=True, params=["of any size", "of a size that oneDNN is worth"])
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let oneDNN multiply the small matrices of these tests too, also on a processor where MKL is preferred."""
    monkeypatch.setattr(products, "_prefers_mkl", lambda: False)
    if request.param == "of any size":
        monkeypatch.setattr(products, "_FEW", 0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("bias", [False, True])
def test_linear(dtype: torch.dtype, bias: bool) -> None:
    torch.manual_seed(0)
    x, weight, shift = (torch.randn(shape, dtype=dtype) for shape in ((2, 5, 3), (4, 3), (4,)))
    given = shift if bias else None
    torch.testing.assert_close(linear(x, weight, given), F.linear(x, weight, given))
    torch.testing.assert_close(linear(x, weight, given, "relu"), F.linear(x, weight, given).relu())
    torch.testing.assert_close(
        linear(x[:, ::2], weight.flip(1).t().contiguous().t()), F.linear(x[:, ::2], weight.flip(1))
    )


@pytest.mark.parametrize("bias", [False, True])
def test_gradients(bias: bool) -> None:
    torch.manual_seed(0)
    inputs = [torch.randn(shape, requires_grad=True) for shape in ((2, 5, 3), (4, 3), (4,))[: 3 if bias else 2]]
    outer = torch.randn(2, 5, 4)
    want = torch.autograd.grad((F.linear(*inputs) * outer).sum(), inputs)
    torch.testing.assert_close(torch.autograd.grad((differentiable_linear(*inputs) * outer).sum(), inputs), want)


def test_only_float32_and_only_where_onednn_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not by_onednn(torch.ones(1, dtype=torch.float64))
    assert by_onednn(torch.ones(1)) == products._has_linear()
    with torch.backends.mkldnn.flags(enabled=False):
        assert not by_onednn(torch.ones(1))
    monkeypatch.setattr(products, "_prefers_mkl", lambda: True)
    assert not by_onednn(torch.ones(1))
    monkeypatch.setattr(products, "_prefers_mkl", lambda: False)
    monkeypatch.setattr(products, "_has_linear", lambda: False)
    assert not by_onednn(torch.ones(1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_add_outer(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    left, right = torch.randn(7, 3).to(dtype), torch.randn(7, 10).to(dtype)
    for rows in (right[:, :5].contiguous(), right[:, ::2]):  # the second does not lie densely in memory
        total = torch.ones(3, 5, dtype=dtype)
        add_outer(total, left, rows)
        tolerance = 0.05 if dtype == torch.bfloat16 else 1e-5
        torch.testing.assert_close(total, 1 + left.t() @ rows, atol=tolerance, rtol=tolerance)
