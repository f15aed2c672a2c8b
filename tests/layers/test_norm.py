"""A row that counts several times is the same as that many equal rows, in every result of batch norm."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dualhead.layers.counted_norm import counting, joined_statistics, statistics
from dualhead.layers.norm import BatchNorm, batch_norm, normalise

REPEATS = ((1, 4), (3, 2))


def written_out(x: Tensor) -> Tensor:
    """Repeat the rows of x as REPEATS says."""
    times = torch.ones(len(x), dtype=torch.int64)
    for row, count in REPEATS:
        times[row] = count
    return x.repeat_interleave(times, dim=0)


def make_norm() -> BatchNorm:
    torch.manual_seed(1)
    norm = BatchNorm(3).double()
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    return norm


def test_a_counted_row_by_hand() -> None:
    norm = BatchNorm(1, affine=True, momentum=1.0)
    x = torch.tensor([0.0, 8.0]).reshape(2, 1, 1, 1)
    with counting(((0, 3),)):  # the rows 0 0 0 8: mean 2, variance 12
        y = norm(x)
    torch.testing.assert_close(y.flatten(), torch.tensor([-2.0, 6.0]) / (12 + 1e-5) ** 0.5)
    torch.testing.assert_close(norm.running_mean, torch.tensor([2.0]))
    torch.testing.assert_close(norm.running_var, torch.tensor([16.0]))  # unbiased: 12 * 4 / 3
    assert norm.num_batches_tracked == 1


def test_counted_rows_equal_written_out_rows() -> None:
    torch.manual_seed(0)
    x = (torch.randn(5, 3, 4, 2, dtype=torch.float64) + 3).requires_grad_()
    counted, plain = make_norm(), make_norm()
    with counting(REPEATS):
        y = counted(x)
    want = plain(written_out(x))
    torch.testing.assert_close(written_out(y), want)
    upstream = torch.randn_like(want)
    (want_x, *want_rest) = torch.autograd.grad((want * upstream).sum(), [x, plain.weight, plain.bias])
    (grad_x, *rest) = torch.autograd.grad((written_out(y) * upstream).sum(), [x, counted.weight, counted.bias])
    torch.testing.assert_close(grad_x, want_x)
    torch.testing.assert_close(rest, want_rest)
    torch.testing.assert_close(counted.running_mean, plain.running_mean)
    torch.testing.assert_close(counted.running_var, plain.running_var)


@pytest.mark.parametrize("repeats", [(), REPEATS])
def test_several_norms_at_once_equal_each_on_its_slice(repeats: tuple[tuple[int, int], ...]) -> None:
    torch.manual_seed(0)
    x = torch.randn(5, 6, 4, 2, dtype=torch.float64)
    together, apart = [make_norm(), make_norm()], [make_norm(), make_norm()]
    with counting(repeats):
        y = batch_norm(x, together)
        want = torch.cat([norm(part) for norm, part in zip(apart, x.split(3, dim=1), strict=True)], dim=1)
    torch.testing.assert_close(y, want)
    for mine, other in zip(together, apart, strict=True):
        torch.testing.assert_close(mine.state_dict(), other.state_dict())


def test_evaluation_uses_the_running_statistics_and_leaves_them() -> None:
    norm = make_norm().eval()
    before = {key: value.clone() for key, value in norm.state_dict().items()}
    x = torch.randn(2, 3, 4, 2, dtype=torch.float64)
    with counting(REPEATS):
        y = norm(x)
    assert norm.weight is not None
    assert norm.bias is not None
    want = x / (1 + 1e-5) ** 0.5 * norm.weight[:, None, None] + norm.bias[:, None, None]
    torch.testing.assert_close(y, want)
    torch.testing.assert_close(norm.state_dict(), before)


def test_half_precision_keeps_wide_statistics() -> None:
    x = torch.full((4, 3, 8, 2), 1000.0, dtype=torch.bfloat16)
    norm = BatchNorm(3, momentum=1.0)
    with counting(REPEATS):
        y = norm(x)
    assert y.dtype == torch.bfloat16
    assert norm.running_mean is not None
    assert norm.running_mean.dtype == torch.float32
    torch.testing.assert_close(norm.running_mean, torch.full((3,), 1000.0))


def test_a_frozen_norm_is_left_to_the_convolution_before_it() -> None:
    x = torch.randn(5, 6, 4, 2, dtype=torch.float64)
    norms, other = [make_norm(), make_norm()], make_norm()
    norms[0].eval()
    torch.testing.assert_close(normalise(x, norms), torch.cat([x[:, :3], other(x[:, 3:])], dim=1))
    assert (norms[0].num_batches_tracked, norms[1].num_batches_tracked) == (0, 1)
    norms[1].eval()
    assert normalise(x, norms) is x


@pytest.mark.parametrize("repeats", [(), REPEATS])
def test_a_shift_reaches_the_running_means_alone(repeats: tuple[tuple[int, int], ...]) -> None:
    torch.manual_seed(0)
    x, shift = torch.randn(5, 3, 4, 2, dtype=torch.float64), torch.randn(3, dtype=torch.float64, requires_grad=True)
    lacking, plain = make_norm(), make_norm()
    with counting(repeats):
        y = batch_norm(x, [lacking], shift)
        want = batch_norm(x + shift.detach()[:, None, None], [plain])
    torch.testing.assert_close(y, want)
    torch.testing.assert_close(lacking.state_dict(), plain.state_dict())
    (grad,) = torch.autograd.grad(y.square().sum(), shift)
    assert grad.tolist() == [0, 0, 0]


def test_statistics_of_groups_join() -> None:
    torch.manual_seed(0)
    x = torch.randn(5, 3, 4, 2, dtype=torch.float64)
    groups = [(2, *statistics(x[:2])), (3, *statistics(x[2:]))]
    torch.testing.assert_close(joined_statistics(groups), statistics(x))
    rows = x.movedim(1, -1).flatten(0, 2)
    torch.testing.assert_close(statistics(x), (rows.mean(dim=0), rows.var(dim=0, correction=0)))


@pytest.mark.parametrize("repeats", [(), REPEATS])
def test_without_momentum_statistics_are_averages_of_all_steps(repeats: tuple[tuple[int, int], ...]) -> None:
    ours, theirs = BatchNorm(3, momentum=None).double(), torch.nn.BatchNorm2d(3, momentum=None).double()
    for _ in range(3):
        x = torch.randn(5, 3, 4, 2, dtype=torch.float64)
        with counting(repeats):
            ours(x)
        theirs(written_out(x) if repeats else x)
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())


@pytest.mark.parametrize("difference", ["eps", "momentum", "steps"])
def test_norms_that_differ_are_computed_each_for_itself(difference: str) -> None:
    norms, alone = ([make_norm(), make_norm()] for _ in range(2))
    for first, second in (norms, alone):
        if difference == "eps":
            second.eps = 0.1
        elif difference == "momentum":
            second.momentum = 0.5
        else:
            first.momentum = second.momentum = None
            second.num_batches_tracked.fill_(3)
    x, shift = torch.randn(4, 6, 2, 3, dtype=torch.float64), torch.randn(6, dtype=torch.float64)
    with counting(REPEATS):
        got = batch_norm(x, norms, shift)
        parts = [
            batch_norm(x[:, at : at + 3], [norm], shift[at : at + 3]) for at, norm in ((0, alone[0]), (3, alone[1]))
        ]
    torch.testing.assert_close(got, torch.cat(parts, dim=1))
    for norm, other in zip(norms, alone, strict=True):
        torch.testing.assert_close(dict(norm.named_buffers()), dict(other.named_buffers()))
