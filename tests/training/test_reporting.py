"""What a training says where there is no terminal."""

import types

import pytest

from xlm_tf.training import reporting
from xlm_tf.training.reporting import Reporter

LOGS = {"loss": 2.0, "accuracy": 0.5}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (["200", "37.0", "-1.5"], "examples 200, accuracy 37.0, gap -1.5"),
        (["400", "33.5", ""], "examples 400, accuracy 33.5"),
        (["0", "", "0"], "examples 0, gap 0"),
    ],
)
def test_a_cell_without_a_value_is_not_said(capsys, row, said):
    Reporter().table("Test texts", ["examples", "accuracy", "gap"], {"en": row})
    assert capsys.readouterr().out == f"Test texts:\n  en: {said}\n"


@pytest.mark.parametrize("is_terminal", [False, True])
def test_a_table_without_rows_is_not_said(capsys, is_terminal):
    reporter = Reporter()
    reporter.is_terminal = is_terminal
    reporter.table("Trials", ["score"], {})
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("every", [1, 2, 20])
def test_evaluations_do_not_slow_steps_down(monkeypatch, capsys, every):
    now = [0.0]
    monkeypatch.setattr(reporting.time, "perf_counter", lambda: now[0])
    training = types.SimpleNamespace(evaluate_every=every, steps=2 * every)
    run = types.SimpleNamespace(training=training, step=0)
    (lines,) = Reporter().progress(run)
    for epoch in range(2):
        lines.on_epoch_begin(epoch)
        for batch in range(every):
            run.step += 1
            now[0] += 0.5
            lines.on_train_batch_end(batch, LOGS)
        now[0] += 60.0  # the evaluation
    first, *others = capsys.readouterr().out.splitlines()
    assert "steps/s" not in first
    assert others
    assert all(line.endswith("2.00 steps/s") for line in others)
