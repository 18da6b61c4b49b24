"""A picture of what a translation looked at."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from xlm_tf.optional_packages import import_optional


def draw_attention(
    model,
    source,
    path,
    target=None,
    layer=-1,
    source_language=None,
    target_language=None,
):
    """Draw the attention from every token of a target to those of its source.

    Args:
        model: `XLMSeq2SeqLM` with a preprocessor.
        source: str.
        path: str or Path of the picture to write (.png, .svg or .pdf).
        target: str; defaults to what the model writes.
        layer: int, of the decoder; -1 is the last. Heads are averaged.
        source_language, target_language: str, where the model has several.

    Returns:
        Path of the picture.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
        ValueError: there is no such layer.
    """
    num_layers = model.backbone.num_decoder_layers
    if not -num_layers <= layer < num_layers:
        raise ValueError(
            f"layer must lie between {-num_layers} and {num_layers - 1}. "
            f"Received: layer={layer}."
        )
    figures = import_optional("matplotlib.figure", "Pictures", "pip install matplotlib")

    languages = {"source_language": source_language, "target_language": target_language}
    languages = {name: x for name, x in languages.items() if x is not None}
    if target is None:
        (target,) = model.generate([source], **languages)
        # The best, of a search that gives several.
        target = target if isinstance(target, str) else target[0]
    fields = {"text": [source], "target_text": [target]}
    fields |= {name: [language] for name, language in languages.items()}
    inputs, target_ids, _ = model.preprocessor(fields)
    probabilities = model.backbone.cross_attention(inputs)[layer]
    attention = np.mean(np.asarray(probabilities)[0], axis=0)  # (T, S)
    source_ids = inputs["encoder_token_ids"][0][inputs["encoder_padding_mask"][0]]
    written = inputs["decoder_padding_mask"][0]
    # A row is the token that the position writes, not the one that it reads.
    rows = _tokens(model, tf.boolean_mask(target_ids[0], written))
    columns = _tokens(model, source_ids)
    attention = attention[: len(rows), : len(columns)]

    figure = figures.Figure(
        figsize=(2 + 0.4 * len(columns), 1.5 + 0.35 * len(rows)), layout="constrained"
    )
    axes = figure.subplots()
    image = axes.imshow(attention, cmap="viridis", vmin=0, aspect="auto")
    axes.set_xticks(range(len(columns)), columns, rotation=60, ha="right")
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xlabel("source")
    axes.set_ylabel("target")
    figure.colorbar(image, ax=axes, label="attention, mean of the heads")
    figure.savefig(path, dpi=120)
    return Path(path)


def _tokens(model, ids):
    to_token = model.preprocessor.tokenizer.id_to_token
    return [to_token(int(i)) for i in ids]
