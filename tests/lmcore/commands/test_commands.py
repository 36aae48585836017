import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
import torch
from click.testing import CliRunner

from lmcore.commands.main import commands
from lmcore.data.files import data_folder
from lmcore.inspection import initialization, lr_finder
from lmcore.recipes.published import RECIPES
from lmcore.runs.store import Store
from lmcore.training import history

FAST = ["--set", "locales=de_DE", "--set", "hidden=20"]


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(commands, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def train(*arguments: str) -> dict[str, object]:
    code, out, _ = run("train", "mlp", *arguments, "--json")
    assert code == 0
    return json.loads(out)


def test_training_prints_one_object() -> None:
    result = train("--steps", "300", *FAST)
    assert list(result) == [
        "run",
        "model",
        "parameters",
        "steps",
        "first_batch_loss",
        "loss",
        "wall_seconds",
        "steps_per_second",
    ]
    assert result["steps"] == 300
    assert result["loss"]["dev"] < 3.0 < result["first_batch_loss"]


NAIVE = [f"--set={name}={value}" for name, value in initialization.PRESETS["everything standard normal"].items()]


@pytest.mark.slow
def test_names_train_as_published(names_path: Path) -> None:
    result = train("--data", str(names_path), "--steps", "50", "--set", "seed=2147483647")
    assert result["first_batch_loss"] == pytest.approx(3.3179, abs=5e-5)
    assert result["parameters"] == 11897
    naive = train("--data", str(names_path), "--steps", "1", *NAIVE)
    assert naive["first_batch_loss"] == pytest.approx(27.8817, abs=5e-5)


def test_training_uses_as_many_threads_as_it_is_told() -> None:
    before = torch.get_num_threads()
    try:
        train("--steps", "3", "--threads", "3")
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_every_evaluation_is_printed_though_not_every_snapshot_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "FEW_SNAPSHOTS", 8)
    monkeypatch.setattr(history, "MAX_SNAPSHOT_BYTES", 0)
    code, printed, _ = run("train", "mlp", "--steps", "2000", "--set", "evaluate_every=100", "--set", "hidden=4")
    steps = [int(line.split()[1].replace(",", "")) for line in printed.splitlines() if line.startswith("step ")]
    assert code == 0
    assert steps == [0, 1, 2, 5, 10, 20, 50, *range(100, 2001, 100)]


def test_a_run_is_listed_resumed_and_sampled() -> None:
    run_id = str(train("--steps", "100", *FAST)["run"])
    assert run_id in run("runs")[1]
    code, out, _ = run("resume", run_id, "--steps", "200", "--json")
    assert code == 0
    assert json.loads(out)["steps"] == 200
    (listed,) = json.loads(run("runs", "--json")[1])
    assert listed["status"] == "finished"
    assert listed["step"] == 200
    drawn = json.loads(run("sample", run_id, "--count", "5", "--seed", "1", "--prefix", "ma", "--json")[1])
    assert len(drawn) == 5
    assert all(text.startswith("ma") for text in drawn)
    assert drawn == json.loads(run("sample", run_id, "--count", "5", "--seed", "1", "--prefix", "ma", "--json")[1])


def test_a_resumed_run_equals_one_in_one_go() -> None:
    halves = str(train("--steps", "100", *FAST)["run"])
    run("resume", halves, "--steps", "200", "--json")
    whole = str(train("--steps", "200", *FAST)["run"])
    assert run("sample", halves, "--count", "50")[1] == run("sample", whole, "--count", "50")[1]


def test_the_texts_are_listed() -> None:
    assert "given-names" in run("corpora")[1]
    assert json.loads(run("corpora", "--json")[1])["names"]["available"] is False


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "mlp", "--set", "hidden=0"], "hidden = '0'"),
        (["train", "mlp", "--set", "hidden"], "name=value"),
        (["train", "mlp", "--data", "nowhere.txt"], "nowhere.txt"),
        (["train", "mlp", "--data", "names"], "Download it"),
        (["train", "mlp", "--set", "learning_rate=900", "--steps", "500", *FAST], "diverged"),
        (["resume", "0" * 20], "no run"),
        (["sample", "../x"], "not the id of a run"),
        (["corpora", "--download", "nothing"], "no text 'nothing'"),
    ],
)
def test_errors_are_one_line_and_status_two(arguments: list[str], words: str) -> None:
    code, out, error = run(*arguments)
    assert code == 2
    assert out == ""
    *noise, line = error.strip().split("\n")
    assert line.startswith("Error: ")
    assert words in line
    assert all(other.startswith("Run ") for other in noise)


def test_a_finished_run_needs_more_steps() -> None:
    run_id = str(train("--steps", "10", *FAST)["run"])
    assert run("resume", run_id)[0] == 2


@pytest.mark.slow
def test_the_module_runs_as_a_program() -> None:
    command = [sys.executable, "-m", "lmcore", "runs", "--json"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[3], check=True)
    assert json.loads(result.stdout) == []


def test_counting_prints_the_published_losses_scores_and_samples(names_path: Path) -> None:
    arguments = [
        "count",
        "--data",
        str(names_path),
        "--smoothing",
        "1",
        "--score",
        "andrejq",
        "--samples",
        "2",
        "--json",
    ]
    code, out, _ = run(*arguments)
    assert code == 0
    result = json.loads(out)
    assert result["loss"]["all"] == pytest.approx(2.454577, abs=5e-7)
    assert list(result["loss"]) == ["all", "train", "dev", "test"]
    assert result["scores"]["andrejq"] == pytest.approx(3.4834, abs=5e-5)
    assert result["samples"] == ["mor", "axx"]
    assert "infinite, because jq never occurs" in run("count", "--data", str(names_path), "--score", "andrejq")[1]


def test_find_lr_prints_the_suggestions_and_the_curve() -> None:
    code, out, _ = run("find-lr", "mlp", *FAST, "--set", "sweep_steps=150", "--set", "seeds=1", "--json")
    assert code == 0
    result = json.loads(out)
    assert set(result["suggestions"]) == set(lr_finder.RULES)
    assert len(result["curve"]["rate"]) == len(result["curve"]["loss"]) > 50
    code, out, _ = run("find-lr", "mlp", *FAST, "--set", "seeds=1", "--set", "highest=0.001")
    assert "never diverged" in out
    assert "steepest" in out
    code, _, err = run("find-lr", "mlp", *FAST, "--set", "seeds=99")
    assert code == 2
    assert "seeds" in err


@pytest.mark.slow
def test_check_gradients_tells_the_error_of_each_tensor() -> None:
    code, out, _ = run("check-gradients", "mlp", *FAST, "--set", "batch_norm=hidden", "--json")
    assert code == 0
    exact, rough = json.loads(out)
    assert exact["precision"] == "float64"
    assert exact["tensors"].keys() == {
        "embedding.weight", "hidden.weight", "norm.gain", "norm.bias", "output.weight", "output.bias"
    }  # fmt: skip
    assert all(errors["explicit"] < 1e-10 for errors in exact["tensors"].values())
    assert all(errors["explicit"] < 1e-4 for errors in rough["tensors"].values())
    code, out, _ = run("check-gradients", "wavenet", *FAST)
    assert "hidden3.weight" in out
    code, _, err = run("check-gradients", "mlp", "--h", "5")
    assert (code, "between 1e-12 and 1" in err) == (2, True)


@pytest.mark.slow
def test_a_run_is_exported_and_imported(tmp_path: Path) -> None:
    run_id = str(train("--steps", "60", *FAST)["run"])
    for suffix in (".zip", ".py", ".ipynb", ".script.zip", ".csv"):
        assert run("export", run_id, str(tmp_path / f"out{suffix}"))[0] == 0
    assert "STEPS = 60" in (tmp_path / "out.py").read_text()
    code, out, _ = run("import", str(tmp_path / "out.zip"))
    again = out.strip()
    assert (code, again != run_id) == (0, True)
    assert run("sample", again, "--count", "20")[1] == run("sample", run_id, "--count", "20")[1]
    assert json.loads(run("resume", again, "--steps", "80", "--json")[1])["steps"] == 80
    code, _, error = run("export", run_id, str(tmp_path / "out.exe"))
    assert (code, "cannot be exported" in error) == (2, True)
    code, _, error = run("import", str(tmp_path / "out.csv"))
    assert (code, "cannot be imported" in error) == (2, True)


def test_the_recipes_are_listed() -> None:
    listed = [row["recipe"] for row in json.loads(run("recipes", "--json")[1])]
    assert {"counting", "neural-bigram", "mlp-kaiming", "wavenet", "char-rnn"} <= set(listed)
    assert all(name in run("recipes")[1] for name in listed)


def test_a_recipe_without_its_text_says_so_and_makes_no_run() -> None:
    code, _, error = run("recipes", "mlp-kaiming")
    assert (code, "Download it" in error) == (2, True)
    assert json.loads(run("runs", "--json")[1]) == []


@pytest.mark.usefixtures("names_here")
def test_a_recipe_runs_and_reports_which_numbers_it_reproduces() -> None:
    code, out, _ = run("recipes", "mlp-kaiming", "--steps", "20", "--json")
    assert code == 0
    verdicts = {number["name"]: number["verdict"] for number in json.loads(out)["numbers"]}
    assert verdicts == {
        "parameters": "reproduced",
        "first loss": "reproduced",
        "initial saturation": "reproduced",
        "final train loss": "pending",
        "final dev loss": "pending",
    }
    (listed,) = json.loads(run("runs", "--json")[1])
    assert (listed["step"], listed["status"]) == (20, "paused")
    assert "reproduced loss without smoothing: 2.454014" in run("recipes", "counting")[1]
    code, _, error = run("recipes", "cake")
    assert (code, "no recipe 'cake'" in error) == (2, True)


@pytest.mark.slow
@pytest.mark.usefixtures("names_here")
def test_all_recipes_are_repeated_and_the_table_is_written(tmp_path: Path) -> None:
    page = tmp_path / "RESULTS.md"
    code, out, error = run("recipes", "--all", "--quick", "--steps", "1", "--results", str(page))
    assert code == 0
    assert "cifar-10: CIFAR-10 is not on this computer yet. Download https://" in error
    quick = [name for name, recipe in RECIPES.items() if recipe.is_quick and name != "cifar-10"]
    assert [line.split(":")[0] for line in out.splitlines() if line.split(":")[0] in RECIPES] == quick
    assert "differs" not in out
    assert "reproduced first loss: 27.8817, published 27.8817 ± 0.0001" in out
    assert "Over 23 seeds the first loss ranges" in out  # the reason of a tolerance
    assert "minutes." in out
    text = page.read_text()
    assert "| **counting** | bigrams | 228,146 | 228,146 | ✓ |" in text
    assert "| mlp-naive | MLP, everything standard normal | about 1.5 |  |" in text  # its run is not finished


@pytest.mark.parametrize(
    ("given", "sentence"),
    [(["--quick"], "Add --all"), (["counting", "--all"], "but not both"), (["cake"], "no recipe")],
)
def test_options_of_recipes_that_do_not_fit_are_explained(given: list[str], sentence: str) -> None:
    code, _, error = run("recipes", *given)
    assert (code, sentence in error) == (2, True)


def test_a_recipe_whose_text_is_missing_does_not_stop_the_others() -> None:
    code, _, error = run("recipes", "--all", "--quick", "--steps", "1")
    assert code == 0
    assert "mlp-naive: " in error
    assert "wavenet-flat-3: " in error


def test_a_classifier_trains_pauses_and_resumes() -> None:
    code, out, err = run("train", "softmax-regression", "--steps", "50", "--set", "features=3", "--set", "classes=4")
    assert code == 0
    assert "train accuracy" in out.splitlines()[0]
    assert "nats per example" in out
    run_id = err.split()[1]
    code, out, _ = run("resume", run_id, "--steps", "200", "--json")
    result = json.loads(out)
    straight = json.loads(
        run("train", "softmax-regression", "--steps=200", "--set=features=3", "--set=classes=4", "--json")[1]
    )
    assert result["loss"] == straight["loss"]
    assert result["accuracy"] == straight["accuracy"]
    assert result["loss"].keys() == {"train", "dev", "test"}
    assert "softmax-regression on clouds" in run("runs")[1]


def test_digits_are_learned_on_the_command_line() -> None:
    code, out, _ = run(
        "train", "mlp-classifier", "--data", "digits", "--set", "learning_rate=0.2", "--steps=1500", "--json"
    )
    assert code == 0
    assert json.loads(out)["accuracy"]["test"] > 0.95


def test_early_stopping_is_told_on_the_command_line() -> None:
    given = ["early_stopping=true", "min_change=9", "stop_patience=2", "descent=batch"]
    code, out, _ = run("train", "logistic-regression", "--data", "moons", *(f"--set={setting}" for setting in given))
    assert code == 0
    assert "Early stopping at step 3" in out


def test_a_classifier_learns_from_a_table(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("size,kind\n" + "".join(f"{i},{'small' if i < 30 else 'large'}\n" for i in range(60)))
    code, out, _ = run("train", "logistic-regression", "--data", str(table), "--json")
    assert code == 0
    assert json.loads(out)["accuracy"]["train"] > 0.9


def test_a_table_with_words_and_units_is_learned_with_the_defaults(tmp_path: Path) -> None:
    random = Random(1)
    rows = []
    for _ in range(120):
        year, income, sex = random.randint(1950, 2020), random.randint(10_000, 90_000), random.choice("MF")
        region = random.choice(["north", "south", "east", "west"])
        rows.append(f"{year},{income},{sex},{region},{'yes' if income > 50_000 else 'no'}\n")
    table = tmp_path / "table.csv"
    table.write_text("year,income,sex,region,y\n" + "".join(rows))
    code, out, err = run("train", "softmax-regression", "--data", str(table), "--json")
    assert code == 0
    assert json.loads(out)["accuracy"]["test"] > 0.95
    assert "  sex: 1 for M, else 0" in err
    assert "  region: one-hot: east, north, south, west" in err
    err = run("train", "softmax-regression", "--data", str(table), "--set=examples=100", "--set=data_seed=42")[2]
    assert "100 of 120 rows, drawn with seed 42." in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--data", "nonsense"], "There is no data set 'nonsense'"),
        (["--set", "hidden=3"], "There is no setting 'hidden'"),
        (["--set", "classes=9"], "classes = '9' is not valid"),
        (["--data", "cifar-10"], "not on this computer yet"),
    ],
)
def test_what_a_classifier_cannot_do_is_one_line(arguments: list[str], words: str) -> None:
    code, _, err = run("train", "softmax-regression", *arguments)
    assert code == 2
    assert words in err.splitlines()[-1]


# ---------------------------------------------------------------- texts


def test_a_guessed_encoding_is_said_and_another_one_can_be_given(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_bytes("Łukasz\nŻaneta\nMałgorzata\n".encode("cp1250") * 20)
    code, out, said = run("count", "--data", str(path), "--score", "Łukasz", "--json")
    assert code == 0
    assert "guessed: cp1250" in said
    assert "Łukasz" in json.loads(out)["scores"]
    code, out, said = run("count", "--data", str(path), "--encoding", "windows-1252", "--score", "£ukasz", "--json")
    assert (code, said) == (0, "")
    code, _, said = run("count", "--data", str(path), "--encoding", "klingon")
    assert code == 2
    assert "encoding = 'klingon' is not valid" in said


def test_the_encoding_is_part_of_a_run(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_bytes("Łukasz\nŻaneta\nMałgorzata\n".encode("cp1250") * 20)
    result = train("--data", str(path), "--steps", "2")
    assert Store().load(str(result["run"])).config.corpus.encoding == "cp1250"
    result = train("--data", str(path), "--steps", "2", "--encoding", "iso-8859-2")
    assert Store().load(str(result["run"])).config.corpus.encoding == "iso-8859-2"


def test_what_was_changed_in_a_text_is_said_and_a_document_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_bytes("Zoë\nJosé\n".encode() * 50 + b"caf\xe9\x01\n")
    for command in (("count",), ("train", "mlp", "--steps", "1")):
        code, _, said = run(*command, "--data", str(path))
        assert code == 0
        assert "1 byte was not valid utf-8" in said
        assert "U+0001" in said
    path.write_bytes(rb"{\rtf1\ansi Emma\par Olivia}")
    code, _, said = run("train", "mlp", "--data", str(path))
    assert code == 2
    assert "rich text document" in said
    assert said.count("\n") == 1


def test_a_file_is_found_by_its_name_in_the_data_folder() -> None:
    data_folder().mkdir(exist_ok=True)
    (data_folder() / "mine.txt").write_text("emma\nolivia\nava\n" * 20)
    assert run("count", "--data", "mine.txt")[0] == 0
    assert run("count", "--data", "file:mine.txt")[0] == 0
    (data_folder() / "mine.csv").write_text("a,b,y\n" + "\n".join(f"{i},{i * i % 7},{'xy'[i % 2]}" for i in range(40)))
    assert run("train", "softmax-regression", "--data", "mine.csv", "--steps", "1")[0] == 0
