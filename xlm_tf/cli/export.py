"""`xlm-tf export`: a trained model as a SavedModel or a TFLite file."""

from xlm_tf.cli.argument_types import whole
from xlm_tf.cli.search_arguments import (
    add_search_arguments,
    check_no_search,
    search_of,
)


def add_arguments(parser):
    """Add the arguments of `export saved-model` and `export tflite`."""
    kinds = parser.add_subparsers(dest="kind", required=True)
    saved_model = kinds.add_parser(
        "saved-model",
        help="a directory for TF Serving: text in, answer out",
        description="Export a model as a version directory of TF Serving.",
    )
    _add_shared_arguments(saved_model)
    saved_model.add_argument(
        "output", help="NAME/VERSION, such as models/sentiment/1; must not exist"
    )
    saved_model.add_argument(
        "--pairs", action="store_true", help="the classifier reads pairs of texts"
    )
    saved_model.add_argument(
        "--dtype",
        choices=("float32", "bfloat16"),
        default="float32",
        help="of the matrices and their products (default: %(default)s)",
    )
    saved_model.add_argument(
        "--freeze-weights",
        action="store_true",
        help="matrices as constants: faster on small batches, more memory",
    )
    tflite = kinds.add_parser(
        "tflite",
        help="a file for phones: token ids in, or strings with --string-input",
        description="Export a model as a .tflite file of builtin ops.",
    )
    _add_shared_arguments(tflite)
    tflite.add_argument("output", help="the file, such as sentiment.tflite")
    tflite.add_argument(
        "--quantization",
        choices=("none", "float16", "int8"),
        default="none",
        help="of the weights (default: %(default)s)",
    )
    tflite.add_argument(
        "--string-input",
        action="store_true",
        help="put the tokenizer into the file (an op of TensorFlow Text)",
    )
    tflite.add_argument(
        "--lengths",
        type=whole("lengths", 2),
        nargs="+",
        action="extend",
        default=[],
        metavar="N",
        help="fixed lengths in tokens that get a signature each",
    )


def _add_shared_arguments(parser):
    parser.add_argument(
        "model",
        help="a saved model: a folder of save_to_preset, of a training or of "
        "transformers, hf://OWNER/NAME, or a released model's name",
    )
    parser.add_argument(
        "--labels",
        nargs="+",
        action="extend",
        type=str.strip,  # of the line ends of a file that was made on Windows
        metavar="NAME",
        help="names of the classes, in order",
    )
    parser.add_argument(
        "--top-k",
        type=whole("top_k"),
        default=5,
        help="candidates for a mask (default: %(default)s)",
    )
    add_search_arguments(
        parser.add_argument_group("search", "how a model that writes text does it")
    )


def run(args):
    """Load the model, export it and say what was written.

    Args:
        args: `argparse.Namespace` with the arguments above.

    Returns:
        int, 0.

    Raises:
        ValueError, OSError: the model or an argument cannot be used.
    """
    import export
    from export.generation_inputs import generates
    from xlm_tf.models.causal_lm import XLMCausalLM
    from xlm_tf.models.loading import load_task
    from xlm_tf.models.masked_lm import XLMMaskedLM
    from xlm_tf.quiet_start import without_banners

    task = load_task(args.model)
    if (
        isinstance(task, XLMMaskedLM) and task.backbone.causal
    ):  # so pretraining saves it
        task = XLMCausalLM.from_masked_lm(task)
    if generates(task):
        task.compile(sampler=search_of(args, task.decoding))
    else:
        check_no_search(args, task)
    with without_banners():
        report = _export(export, task, args)
    print(
        f"{report.path}: {report.num_bytes / 1e6:.1f} MB, signatures "
        f"{', '.join(report.signatures)}; differs from the model by at most "
        f"{report.difference:.1e} in a fresh process."
    )
    return 0


def _export(export, task, args):
    if args.kind == "saved-model":
        return export.to_saved_model(
            task,
            args.output,
            labels=args.labels,
            pairs=args.pairs,
            top_k=args.top_k,
            dtype=args.dtype,
            freeze_weights=args.freeze_weights,
        )
    return export.to_tflite(
        task,
        args.output,
        quantization=None if args.quantization == "none" else args.quantization,
        string_input=args.string_input,
        labels=args.labels,
        top_k=args.top_k,
        lengths=args.lengths,
    )
