import pytest
import torch

from dualhead.training.experiment import Schedule
from dualhead.training.schedule import learning_rate


def rates(schedule: Schedule, peak: float, steps_per_epoch: int, epochs: int) -> list[float]:
    return [learning_rate(schedule, peak, step, steps_per_epoch, epochs) for step in range(steps_per_epoch * epochs)]


def test_multistep_falls_at_the_start_of_a_milestone() -> None:
    schedule = Schedule("multistep", milestones=(1, 3), gamma=0.1)
    assert rates(schedule, 0.5, 2, 4) == pytest.approx([0.5, 0.5, 0.05, 0.05, 0.05, 0.05, 0.005, 0.005])


def test_multistep_with_warm_up_climbs_in_equal_parts() -> None:
    schedule = Schedule("multistep", milestones=(2,), gamma=0.5, warmup_epochs=1)
    assert rates(schedule, 0.8, 4, 3) == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8, 0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.4])


def test_warm_up_may_end_within_an_epoch() -> None:
    assert rates(Schedule("multistep", warmup_epochs=0.5), 1.0, 4, 1) == pytest.approx([0.5, 1.0, 1.0, 1.0])


def test_cosine_halves_the_rate_half_way() -> None:
    # cos(0), cos(45), cos(90), cos(135 degrees)
    assert rates(Schedule("cosine"), 1.0, 2, 2) == pytest.approx([1.0, 0.8535534, 0.5, 0.1464466])


def test_cosine_starts_after_the_warm_up_and_ends_at_its_share() -> None:
    schedule = Schedule("cosine", warmup_epochs=1, final_fraction=0.2)
    assert rates(schedule, 1.0, 2, 2) == pytest.approx([0.5, 1.0, 1.0, 0.6])


def test_cosine_equals_that_of_torch() -> None:
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=0.3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=30, eta_min=0.03)
    for rate in rates(Schedule("cosine", final_fraction=0.1), 0.3, 10, 3):
        assert rate == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize(("steps", "epochs"), [(7, 5), (10, 3), (1, 20)])
def test_onecycle_equals_that_of_torch(steps: int, epochs: int) -> None:
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=0.1, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=steps * epochs, cycle_momentum=False)
    for step, rate in enumerate(rates(Schedule("onecycle"), 0.05, steps, epochs)):
        assert rate == pytest.approx(optimizer.param_groups[0]["lr"]), step
        optimizer.step()
        if step + 1 < steps * epochs:
            scheduler.step()


@pytest.mark.parametrize("schedule", [Schedule(), Schedule("cosine"), Schedule("onecycle")])
def test_a_run_of_one_step_has_a_rate(schedule: Schedule) -> None:
    assert 0 < learning_rate(schedule, 0.1, 0, 1, 1) <= 0.1


def test_a_staircase_warm_up_is_constant_within_an_epoch() -> None:
    # Published CTR-GCN: base * (epoch + 1) / 5 for the first five epochs.
    schedule = Schedule(milestones=(7,), warmup_epochs=5, warmup="staircase")
    expected = [0.02] * 3 + [0.04] * 3 + [0.06] * 3 + [0.08] * 3 + [0.1] * 9 + [0.01] * 3
    assert rates(schedule, 0.1, 3, 8) == pytest.approx(expected)
