"""What the importances of `xlm-tf tune` say of few trials: made-up scores of studies.

    python benchmarks/importances.py

Three fields; of a study of one kind the first alone decides its scores, of the other
none does. Prints how often the first field has the largest importance, and the largest
that a field has where none decides.
"""

import math
import random
import warnings

import optuna

STUDIES = 60


def importances(trials, seed, decides):
    """dict from the fields of a study to their importances, the largest first."""
    noise = random.Random(seed)
    sampler = optuna.samplers.RandomSampler(seed)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for _ in range(trials):
        trial = study.ask()
        rate = trial.suggest_float("learning_rate", 1e-5, 1e-2, log=True)
        trial.suggest_categorical("batch_size", [16, 32, 64])
        trial.suggest_float("layer_decay", 0.5, 1.0, step=0.1)
        score = -0.05 * (math.log10(rate) + 3.3) ** 2 if decides else 0.0
        study.tell(trial, score + noise.gauss(0, 0.01))
    return optuna.importance.get_param_importances(study)


def main():
    """Print a line per number of trials."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    for trials in (5, 10, 15, 20, 30, 50, 100):
        named, largest = {}, 0.0
        for decides in (True, False):
            found = [importances(trials, seed, decides) for seed in range(STUDIES)]
            named[decides] = sum(next(iter(x)) == "learning_rate" for x in found)
            largest = max(max(x.values()) for x in found)
        print(
            f"{trials} trials: the first field in {named[True]} of {STUDIES} studies "
            f"where it decides, in {named[False]} where none does (largest: "
            f"{largest:.2f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
