"""The tensors of a model of transformers, as fairseq and XLM would save them."""

import argparse
import re

import torch

FAIRSEQ = (
    ("roberta.embeddings.word_embeddings", "embed_tokens"),
    ("roberta.embeddings.position_embeddings", "embed_positions"),
    ("roberta.embeddings.LayerNorm", "emb_layer_norm"),
    ("roberta.encoder.LayerNorm", "layer_norm"),
    (r"roberta.encoder.layer.(\d+)", r"layers.\1"),
    ("attention.self.query", "self_attn.q_proj"),
    ("attention.self.key", "self_attn.k_proj"),
    ("attention.self.value", "self_attn.v_proj"),
    ("attention.output.dense", "self_attn.out_proj"),
    ("attention.output.LayerNorm", "self_attn_layer_norm"),
    ("attention.self_attn_layer_norm", "self_attn_layer_norm"),
    ("intermediate.dense", "fc1"),
    ("output.dense", "fc2"),
    ("output.LayerNorm", "final_layer_norm"),
    (r"(layers.\d+).LayerNorm", r"\1.final_layer_norm"),
)
SETTINGS = {"encoder_attention_heads": 2, "dropout": 0.0, "activation_fn": "gelu"}
WORDS = ["<s>", "</s>", "<pad>", "<unk>", *(f"<special{i}>" for i in range(10))]
WORDS += ["h@@", "e@@", "l@@", "o", "he@@", "ll@@", "hello", "o@@", "l", "e"]
CODES = "h e 9\nl l 8\nhe ll 7\nhell o</w> 6\n"


def fairseq_state(model, prefix, is_packed):
    state = {}
    for full_name, tensor in model.state_dict().items():
        if "token_type" in full_name or "position_ids" in full_name:
            continue
        if full_name.startswith("lm_head."):
            if full_name != "lm_head.decoder.bias":
                name = full_name.replace("decoder.weight", "weight")
                state[f"{prefix}.{name}"] = tensor
            continue
        name = full_name
        for pattern, replacement in FAIRSEQ:
            name = re.sub(pattern, replacement, name)
        state[f"{prefix}.sentence_encoder.{name}"] = tensor
    if is_packed:
        for i in range(2):
            layer = f"{prefix}.sentence_encoder.layers.{i}.self_attn."
            for kind in ("weight", "bias"):
                parts = [state.pop(f"{layer}{x}_proj.{kind}") for x in "qkv"]
                state[f"{layer}in_proj_{kind}"] = torch.cat(parts)
    state[f"{prefix}.sentence_encoder.version"] = torch.ones(1)
    return state


def save_fairseq(model, folder, prefix, is_packed):
    """Write `model.pt` as fairseq did (packed, with args), or does (with cfg)."""
    settings = argparse.Namespace(**SETTINGS)
    content = {
        **({"args": settings} if is_packed else {"cfg": {"model": settings}}),
        "model": fairseq_state(model, prefix, is_packed),
    }
    torch.save(content, folder / "model.pt")


def save_original(model, folder, is_wrapped):
    """Write XLM's own checkpoint, with its codes beside it."""
    state = {
        ("module." if is_wrapped else "") + name.removeprefix("transformer."): tensor
        for name, tensor in model.state_dict().items()
    }
    params = {
        "n_layers": 2,
        "n_heads": 2,
        "dropout": 0.1,
        "attention_dropout": 0.1,
        "gelu_activation": True,
        "lang2id": {"en": 0, "fr": 1},
    }
    content = {
        "model": state,
        "params": params,
        "dico_id2word": dict(enumerate(WORDS)),
        "dico_word2id": {word: i for i, word in enumerate(WORDS)},
    }
    torch.save(content, folder / "mlm.pth", _use_new_zipfile_serialization=is_wrapped)
    (folder / "codes_2").write_text(CODES)
