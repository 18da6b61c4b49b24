"""Makes the small checkpoints of tests/data/checkpoints, and what they compute.

python -m tests.parity.make_fixtures    # needs torch and transformers

Each folder is a random model of transformers in one of the file formats, with the
inputs and the outputs of transformers in `expected.npz`.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import torch
import transformers

from tests.parity import original_seq2seq
from tests.parity.other_formats import WORDS, save_fairseq, save_original

FOLDER = Path(__file__).resolve().parents[1] / "data" / "checkpoints"
XLM = {
    "vocab_size": 40,
    "emb_dim": 16,
    "n_layers": 2,
    "n_heads": 2,
    "max_position_embeddings": 16,
    "embed_init_std": 0.5,
    "init_std": 0.5,
}
XLMR = {
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 18,
    "type_vocab_size": 1,
    "pad_token_id": 1,
    "initializer_range": 0.5,
    "layer_norm_eps": 1e-5,
}
LABELS = {"id2label": {0: "O", 1: "B-PER", 2: "I-PER"}}
XLM_LM, XLMR_LM = "XLMWithLMHeadModel", "XLMRobertaForMaskedLM"
MODELS = {
    "xlm_languages": (XLM_LM, {**XLM, "n_langs": 3}),
    "xlm_100": (XLM_LM, {**XLM, "n_langs": 3, "use_lang_emb": False}),
    "xlm_sinusoidal": (XLM_LM, {**XLM, "sinusoidal_embeddings": True}),
    "xlm_causal": (XLM_LM, {**XLM, "causal": True}),
    "xlm_relu_classes": (
        "XLMForSequenceClassification",
        {**XLM, **LABELS, "gelu_activation": False},
    ),
    "xlm_tags": ("XLMForTokenClassification", {**XLM, **LABELS}),
    "xlm_answers": ("XLMForQuestionAnsweringSimple", XLM),
    "xlm_pth": (XLM_LM, {**XLM, "vocab_size": len(WORDS), "n_langs": 2}),
    "xlmr": (XLMR_LM, XLMR),
    "xlmr_bin": (XLMR_LM, XLMR),
    "xlmr_bin_legacy": (XLMR_LM, XLMR),
    "xlmr_fairseq_packed": (XLMR_LM, XLMR),
    "xlmr_fairseq_split": (XLMR_LM, XLMR),
    "xlmr_types": (XLMR_LM, {**XLMR, "type_vocab_size": 2}),
    "xlmr_untied": (XLMR_LM, {**XLMR, "tie_word_embeddings": False}),
    "xlmr_classes": ("XLMRobertaForSequenceClassification", {**XLMR, **LABELS}),
    "xlmr_tags": ("XLMRobertaForTokenClassification", {**XLMR, **LABELS}),
    "xlmr_answers": ("XLMRobertaForQuestionAnswering", XLMR),
    "xlmr_xl": ("XLMRobertaXLForMaskedLM", XLMR),
}


def main():
    """Write every fixture."""
    for name, (class_name, values) in MODELS.items():
        folder = FOLDER / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        torch.manual_seed(0)
        model_class = getattr(transformers, class_name)
        model = model_class(model_class.config_class(**values)).eval()
        for parameter in model.parameters():  # biases and LayerNorms too
            if parameter.dim() == 1:
                parameter.data += 0.3 * torch.randn_like(parameter)
        if "fairseq" in name:  # which has no token types
            model.roberta.embeddings.token_type_embeddings.weight.data.zero_()
        save(model, folder, name)
        np.savez_compressed(folder / "expected.npz", **computed(model, name))
    save_translation(FOLDER / "xlm_translation_pth")
    print(json.dumps({"transformers": transformers.__version__}), "->", FOLDER)


def save(model, folder, name):
    """Write a checkpoint in the format that a fixture's name says."""
    if name == "xlm_pth":
        save_original(model, folder, is_wrapped=False)
        return
    if "fairseq" in name:
        is_packed = name.endswith("packed")
        save_fairseq(model, folder, "decoder" if is_packed else "encoder", is_packed)
        return
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    if "_bin" in name:
        (folder / "model.safetensors").unlink()
        torch.save(
            model.state_dict(),
            folder / "pytorch_model.bin",
            _use_new_zipfile_serialization=not name.endswith("legacy"),
        )


def save_translation(folder):
    """Write XLM's file of an encoder-decoder, and what that computes."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    encoder, decoder = original_seq2seq.random_pair()
    original_seq2seq.save(original_seq2seq.content(encoder, decoder), folder)
    ids = np.random.default_rng(0).integers(4, len(WORDS), (4, 7))
    ids[1, 5:] = 2
    source, target = (torch.tensor(x) for x in (ids[:2], ids[2:, :4]))
    logits = original_seq2seq.logits(
        encoder,
        decoder,
        source,
        torch.zeros_like(source),
        target,
        torch.ones_like(target),
    )
    np.savez_compressed(
        folder / "expected.npz", source=source, target=target, logits=logits
    )


def computed(model, name):
    """Inputs (with padding on either side) and outputs of transformers."""
    pad = 2 if name.startswith("xlm_") else 1
    vocabulary_size = model.config.vocab_size
    ids = np.random.default_rng(0).integers(4, vocabulary_size, (3, 9))
    ids[1, 5:] = pad
    ids[2, :4] = pad
    inputs = {"input_ids": ids, "attention_mask": (ids != pad).astype("int64")}
    if name in ("xlm_languages", "xlm_pth"):
        inputs["langs"] = np.array([[0] * 4 + [1] * 5, [1] * 9, [0] * 9])
    if name == "xlmr_types":
        inputs["token_type_ids"] = np.array([[0] * 4 + [1] * 5] * 3)
    with torch.no_grad():
        outputs = model(
            **{key: torch.tensor(value) for key, value in inputs.items()},
            output_hidden_states=True,
        )
    if "start_logits" in outputs:
        logits = torch.stack([outputs.start_logits, outputs.end_logits], dim=-1)
    else:
        logits = outputs.logits
    states = np.stack([x.numpy() for x in outputs.hidden_states])
    return {"logits": logits.numpy(), "states": states, **inputs}


if __name__ == "__main__":
    main()
