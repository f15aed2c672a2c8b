from pathlib import Path

import pytest
import yaml

from dualhead.data.recipes.recipes import get_recipe
from dualhead.models.registry import list_models
from dualhead.runtime.errors import ConfigError
from dualhead.training.build import steps_per_epoch
from dualhead.training.config import find_config, list_configs, load_experiment, parse_experiment, save_experiment
from dualhead.training.experiment import RENAMED_KEYS, Experiment

SMALLEST = {"model": {"name": "dualhead"}, "recipe": "ucla52", "protocol": "xview", "epochs": 60, "batch_size": 12}
PUBLISHED = ("ntu60_xsub", "ntu60_xview", "ntu120_xsub", "ntu120_xset", "kinetics")


@pytest.mark.parametrize("name", list_configs())
def test_every_shipped_experiment_can_be_used(name: str) -> None:
    experiment = load_experiment(name)
    assert experiment.model.name in list_models()
    assert name.split("/")[0] in (f"{experiment.dataset}_{experiment.protocol}", experiment.dataset)
    assert load_experiment(find_config(name)) == experiment


@pytest.mark.parametrize("data", PUBLISHED)
def test_the_published_hyper_parameters(data: str) -> None:
    experiment = load_experiment(f"{data}/dualhead")
    assert (experiment.recipe, experiment.batch_size) == ("dualhead", 64)
    optimizer, schedule = experiment.optimizer, experiment.schedule
    assert (optimizer.name, optimizer.lr, optimizer.momentum, optimizer.nesterov) == ("sgd", 0.05, 0.9, True)
    assert optimizer.weight_decay == 5e-4
    assert (schedule.name, schedule.milestones, schedule.gamma) == ("multistep", (40, 60, 80), 0.1)


@pytest.mark.parametrize("name", [name for name in list_configs() if name.startswith("ntu")])
def test_the_published_body_selection_and_samples_of_a_batch_norm(name: str) -> None:
    experiment = load_experiment(name)
    selection = {
        "ctrgcn": "tracked",
        "stgcn": "order",
        "stgcnpp": "tracked",
        "dgstgcn": "tracked",
        "protogcn": "tracked",
    }
    assert experiment.bodies == selection.get(experiment.model.name, "energy")
    if experiment.model.name != "ctrgcn":
        assert experiment.batch_size // experiment.accumulate_grad_batches == 16


def test_a_recipe_is_a_name_or_a_mapping(tmp_path: Path) -> None:
    path = tmp_path / "inline.yaml"
    text = "model: {name: dualhead}\nprotocol: xview\nepochs: 60\nbatch_size: 12\n"
    path.write_text(f"{text}recipe: {{base: ucla52, frames: 64, augment: [{{time_crop: {{share: [0.4, 1]}}}}]}}\n")
    experiment = load_experiment(path)
    assert experiment.recipe == {"base": "ucla52", "frames": 64, "augment": [{"time_crop": {"share": [0.4, 1]}}]}
    save_experiment(tmp_path / "again.yaml", experiment)
    assert load_experiment(tmp_path / "again.yaml") == experiment
    assert parse_experiment(experiment.as_dict()) == experiment
    assert load_experiment(path, {"recipe": "{base: ucla52, augment: []}"}).recipe == {"base": "ucla52", "augment": []}
    with pytest.raises(ConfigError, match="did you mean 'time_crop'"):
        load_experiment(path, {"recipe": "{base: ucla52, augment: [time_crap]}"})


@pytest.mark.parametrize("data", ["ntu60_xsub", "ntu60_xview", "ntu120_xsub", "ntu120_xset"])
def test_the_published_recipe_of_pyskl(data: str) -> None:
    """16 epochs of 5 passes, 0.1 for 128 samples, cosine to 0 per step without warm-up."""
    experiment = load_experiment(f"{data}/stgcnpp")
    assert (experiment.recipe, experiment.epochs, experiment.repeat) == ("uniform100", 16, 5)
    optimizer, schedule = experiment.optimizer, experiment.schedule
    assert (experiment.batch_size, optimizer.lr, optimizer.weight_decay) == (128, 0.1, 5e-4)
    assert (optimizer.momentum, optimizer.nesterov) == (0.9, True)
    assert (schedule.name, schedule.final_fraction, schedule.warmup_epochs) == ("cosine", 0, 0)
    later = load_experiment(f"{data}/dgstgcn")
    assert (later.batch_size, later.optimizer.lr, later.epochs, later.repeat) == (64, 0.1, 150, 1)
    proto = load_experiment(f"{data}/protogcn")
    assert (proto.batch_size, proto.optimizer.lr, proto.epochs, proto.repeat) == (16, 0.025, 150, 1)
    assert (proto.objective.name, proto.recipe) == ("prototype_contrast", later.recipe)
    recipe = get_recipe(later.recipe)
    assert [type(step).__name__ for step in recipe.steps] == [
        "LongestBodyFirst",
        "CentreOnFrame0",
        "RandomRotation",
        "TakeStream",
        "SpreadFrames",
    ]
    assert (recipe.steps[2].limit, recipe.num_test_clips) == (0.2, 10)  # type: ignore[attr-defined]


def test_the_published_schedules_of_ctrgcn_and_msg3d() -> None:
    """CTR-GCN warms up by (epoch + 1) / 5; on NW-UCLA it passes 1,020 samples 5 times: 318 steps, 20,670 in all."""
    for name in list_configs():
        if name.endswith("/ctrgcn"):
            schedule = load_experiment(name).schedule
            assert (schedule.warmup, schedule.warmup_epochs) == ("staircase", 5)
    ucla = load_experiment("ucla/ctrgcn")
    assert (ucla.repeat, ucla.epochs, ucla.batch_size) == (5, 65, 16)
    assert (ucla.optimizer.weight_decay, ucla.schedule.milestones, ucla.schedule.gamma) == (1e-4, (50,), 0.1)
    assert steps_per_epoch(ucla, 1020 * ucla.repeat, 1) * ucla.epochs == 20_670
    for protocol in ("xsub", "xset"):
        larger = load_experiment(f"ntu120_{protocol}/msg3d")
        assert (larger.epochs, larger.schedule.milestones) == (60, (30, 50))
    assert load_experiment("ntu60_xsub/msg3d").schedule.milestones == (30, 40)


def test_every_model_has_an_experiment_on_ucla() -> None:
    assert {f"ucla/{name}" for name in list_models()} <= set(list_configs())


def test_an_unknown_key_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"'batchsize': did you mean 'batch_size'"):
        parse_experiment({**SMALLEST, "batchsize": 3})
    with pytest.raises(ConfigError, match=r"'optimizer.momentun': did you mean 'optimizer.momentum'"):
        parse_experiment({**SMALLEST, "optimizer": {"momentun": 0.9}})


def test_a_missing_key_is_named() -> None:
    with pytest.raises(ConfigError, match="'recipe' is missing"):
        parse_experiment({key: value for key, value in SMALLEST.items() if key != "recipe"})


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("epochs", "many", "epochs is 'many': expected an integer"),
        ("epochs", 2.5, "integer"),
        ("epochs", True, "integer"),
        ("gradient_clip_norm", "a", "expected a number"),
        ("gradient_clip_norm", ".inf", "finite"),
        ("recipe", 5, "recipe is 5: expected text"),
        ("precision", 64, "unknown precision '64'.*32, bf16, fp16"),
        ("model", "dualhead", "model is 'dualhead': expected a mapping"),
        ("model", {"name": "dualhead", "arguments": [1]}, "mapping of names"),
        ("schedule", {"milestones": 35}, "list such as"),
        ("schedule", {"milestones": [35.5]}, "integer"),
        ("optimizer", {"nesterov": 1}, "true or false"),
        ("seed", None, "seed is None"),
    ],
)
def test_a_value_of_the_wrong_type_is_named(key: str, value: object, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse_experiment({**SMALLEST, key: float("inf") if value == ".inf" else value})


def test_numbers_without_a_point_count_as_numbers() -> None:
    experiment = parse_experiment(
        {**SMALLEST, "optimizer": {"weight_decay": "5e-4"}, "gradient_clip_norm": 1, "precision": 32}
    )
    assert (experiment.optimizer.weight_decay, experiment.gradient_clip_norm, experiment.precision) == (
        0.0005,
        1.0,
        "32",
    )


def test_overrides_replace_single_keys() -> None:
    overrides = {
        "epochs": "3",
        "optimizer.lr": "1e-3",
        "schedule.name": "multistep",
        "schedule.milestones": "[1, 2]",
        "model.arguments.width": 12,
        "ema_decay": "null",
    }
    experiment = load_experiment("ucla/dualhead", overrides)
    assert (experiment.epochs, experiment.optimizer.lr) == (3, 0.001)
    assert experiment.schedule.milestones == (1, 2)
    assert experiment.model.arguments == {"width": 12}
    assert experiment.optimizer.momentum == 0.9
    with pytest.raises(ConfigError, match=r"optimizer\.rl"):
        load_experiment("ucla/dualhead", {"optimizer.rl": 1})
    with pytest.raises(ConfigError, match="override 'recipe' itself"):
        load_experiment("ucla/dualhead", {"recipe.frames": 1})


def test_another_model_drops_the_arguments_of_the_file_and_keeps_those_that_are_given() -> None:
    config = "synthetic_xsub/dualhead"
    model = load_experiment(config, {"model.arguments.width": "8", "model.name": "stgcn"}).model
    assert (model.name, model.arguments) == ("stgcn", {"width": 8})
    assert load_experiment(config, {"model.name": "stgcn"}).model.arguments == {}
    kept = load_experiment(config, {"model.name": "dualhead_small", "model.arguments.width": 8}).model
    assert kept.arguments == {"width": 8, "num_gcn_scales": 4, "num_g3d_scales": 3}
    assert load_experiment(config).model.arguments["width"] == 12


def test_a_name_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'ucla/dualhead'"):
        load_experiment("ucla_xveiw/dualhead")
    with pytest.raises(ConfigError, match="no such file"):
        load_experiment(tmp_path / "mine.yaml")


@pytest.mark.parametrize("text", ["epochs: [", "\x00", "just words", "", "- 1"])
def test_a_file_that_holds_no_experiment_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"mine\.yaml"):
        load_experiment(tmp_path / "mine.yaml")


def test_what_is_saved_is_read_back(tmp_path: Path, make_experiment) -> None:  # type: ignore[no-untyped-def]
    experiment: Experiment = make_experiment(ema_decay=0.99, gradient_clip_norm=1.5, precision="bf16")
    save_experiment(tmp_path / "kept.yaml", experiment)
    assert load_experiment(tmp_path / "kept.yaml") == experiment


OLD = {**SMALLEST, "accumulate": 2, "clip_norm": 1.5, "workers": 3, "label_smoothing": 0.1, "batch_size": 4}


def test_the_keys_of_the_first_version_are_read_where_a_run_saved_them_and_refused_elsewhere(tmp_path: Path) -> None:
    experiment = parse_experiment(OLD, saved=True)
    assert (experiment.accumulate_grad_batches, experiment.gradient_clip_norm, experiment.num_workers) == (2, 1.5, 3)
    assert experiment.objective.arguments == {"label_smoothing": 0.1}
    assert parse_experiment({**SMALLEST, "label_smoothing": 0.0}, saved=True) == parse_experiment(SMALLEST)
    for key in ("accumulate", "clip_norm", "workers", "label_smoothing"):
        with pytest.raises(ConfigError) as caught:
            parse_experiment({**SMALLEST, key: OLD[key]})
        assert {key, RENAMED_KEYS[key]} <= set(str(caught.value).replace("'", " ").split())


def test_mixing_rules_are_a_list_of_mappings(tmp_path: Path) -> None:
    rules = [{"name": "mixup", "arguments": {"alpha": 1}, "probability": 0.25, "within": "camera", "off_at": 0.9}]
    (rule,) = parse_experiment({**SMALLEST, "mixing": rules}).mixing
    assert (rule.name, rule.probability, rule.within, rule.off_at) == ("mixup", 0.25, "camera", 0.9)
    with pytest.raises(ConfigError, match=r"mixing.*probabilities"):
        parse_experiment({**SMALLEST, "mixing": [{"name": "mixup", "probability": 0.6}] * 2})
    with pytest.raises(ConfigError, match="of_at"):
        parse_experiment({**SMALLEST, "mixing": [{"name": "mixup", "of_at": 0.5}]})
    assert load_experiment("ucla/dualhead", {"mixing": "[{name: part_swap}]"}).mixing[0].name == "part_swap"


def test_another_objective_drops_the_arguments_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        yaml.safe_dump({**SMALLEST, "objective": {"name": "cross_entropy", "arguments": {"label_smoothing": 0.1}}})
    )
    assert load_experiment(tmp_path / "mine.yaml", {"objective.name": "mine"}).objective.arguments == {}
    kept = load_experiment(tmp_path / "mine.yaml", {"objective.arguments.label_smoothing": "0.2"})
    assert kept.objective.arguments == {"label_smoothing": 0.2}
