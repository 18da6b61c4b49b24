"""Datasets of Hugging Face by name, as Parquet files."""

from pathlib import Path

from xlm_tf.optional_packages import import_optional
from xlm_tf.output_files import whole_file


def fetch_dataset(name, config, split, folder):
    """A split of a dataset as a Parquet file, fetched once.

    Args:
        name: str, "OWNER/NAME", or a local folder, see `datasets.load_dataset`.
        config: str, its configuration, such as a language; None where it has one.
        split: str, such as "train", or a part of it, "train[:1000]".
        folder: str or Path, where the file is kept; made where it does not exist.

    Returns:
        Path of the file. Numbers of classes are written as their names. What the folder
        has of an earlier call is not fetched again.

    Raises:
        ModuleNotFoundError: `datasets` is not installed.
        ValueError: there is no such dataset, configuration or split; says which are.
    """
    parts = [name, config or "", split]
    stem = "--".join(part.replace("/", "-") for part in parts if part)
    path = Path(folder) / f"{stem}.parquet"
    if path.is_file():
        return path
    datasets = import_optional(
        "datasets", "Datasets by name", "pip install 'xlm-tf[datasets]'"
    )
    try:
        rows = datasets.load_dataset(name, config, split=split)
    except Exception as error:  # of the network, the hub, its files
        described = f"{name}, {config}" if config else name
        raise ValueError(
            f"The dataset {described}, split {split}, cannot be loaded: {error}. "
            "Datasets are folders, or OWNER/NAME of Hugging Face's hub, which needs a "
            "network."
        ) from error
    for column, feature in rows.features.items():
        rows = _with_names(datasets, rows, column, feature)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as partial:
        rows.to_parquet(str(partial))
    return path


def _with_names(datasets, rows, column, feature):
    """The rows with the names of classes, or of lists of classes, in a column."""
    is_list = isinstance(feature, datasets.List | datasets.LargeList)
    classes = feature.feature if is_list else feature
    if not isinstance(classes, datasets.ClassLabel):
        return rows
    names = datasets.Value("string")
    features = rows.features.copy()
    features[column] = datasets.List(names) if is_list else names

    def named(number):
        return None if number is None or number < 0 else classes.int2str(number)

    def named_row(row):
        value = row[column]
        return {column: [named(x) for x in value] if is_list else named(value)}

    return rows.map(named_row, features=features)
