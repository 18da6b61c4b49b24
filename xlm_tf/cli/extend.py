"""`xlm-tf extend`: a model that reads some words as one token each.

For example `xlm-tf extend xlm_roberta_base extended --token COVID-19 --token mRNA`.
"""

from pathlib import Path

from xlm_tf.output_files import check_new, whole_folder


def add_arguments(parser):
    """Add the arguments of `extend`."""
    parser.add_argument("model", help="a saved model, as for trim")
    parser.add_argument("output", type=Path, help="folder to write; must not exist")
    parser.add_argument(
        "--token", action="append", required=True, help="a word; may be repeated"
    )


def run(args):
    """Extend and save.

    Args:
        args: `argparse.Namespace` with the arguments above.

    Returns:
        int, 0.

    Raises:
        FileExistsError: the output exists.
        ValueError, OSError: the model or a token cannot be used.
    """
    check_new(args.output)
    from xlm_tf.models.loading import load_task
    from xlm_tf.models.vocabulary_surgery import extend_vocabulary
    from xlm_tf.quiet_start import without_banners

    with without_banners():
        task = load_task(args.model)
        extended = extend_vocabulary(task, args.token)
    with whole_folder(args.output) as folder:
        extended.save_to_preset(folder)
    print(
        f"{task.backbone.vocabulary_size:,} tokens -> "
        f"{extended.backbone.vocabulary_size:,}, in {args.output}. The new rows are "
        "means of those of the parts: train the model on text with the new words."
    )
    return 0
