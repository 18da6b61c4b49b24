"""Makes the small checkpoints of tests/data/checkpoints, and what they compute.

python tests/parity/make_fixtures.py    # needs torch and transformers

Each folder is a random masked language model as transformers saves it, with the inputs
and outputs of transformers in `expected.npz`.
"""

import json
from pathlib import Path

import numpy as np
import torch
import transformers

FOLDER = Path(__file__).resolve().parents[1] / "data" / "checkpoints"
XLM = {
    "vocab_size": 40,
    "emb_dim": 16,
    "n_layers": 2,
    "n_heads": 2,
    "max_position_embeddings": 20,
    "init_std": 0.5,
    "embed_init_std": 0.5,
}
XLMR = {
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 22,
    "type_vocab_size": 1,
    "pad_token_id": 1,
    "layer_norm_eps": 1e-5,
    "initializer_range": 0.5,
}
MODELS = {
    "xlm_languages": ("XLM", "WithLMHeadModel", {**XLM, "n_langs": 3}),
    "xlm_100": ("XLM", "WithLMHeadModel", {**XLM, "n_langs": 3, "use_lang_emb": False}),
    "xlmr": ("XLMRoberta", "ForMaskedLM", XLMR),
    "xlmr_xl": ("XLMRobertaXL", "ForMaskedLM", XLMR),
}


def main():
    """Write every fixture."""
    for name, (family, head, values) in MODELS.items():
        torch.manual_seed(0)
        config = getattr(transformers, f"{family}Config")(**values)
        model = getattr(transformers, f"{family}{head}")(config).eval()
        for parameter in model.parameters():  # biases and LayerNorms too
            if parameter.dim() == 1:
                parameter.data += 0.3 * torch.randn_like(parameter)
        model.save_pretrained(FOLDER / name)
        (FOLDER / name / "generation_config.json").unlink(missing_ok=True)
        pad = 2 if family == "XLM" else 1
        ids = np.random.default_rng(0).integers(4, 40, (2, 9))
        ids[1, 5:] = pad
        inputs = {"input_ids": ids, "attention_mask": (ids != pad).astype("int64")}
        if name == "xlm_languages":
            inputs["langs"] = np.array([[0] * 4 + [2] * 5, [1] * 9])
        with torch.no_grad():
            outputs = model(
                **{key: torch.tensor(value) for key, value in inputs.items()},
                output_hidden_states=True,
            )
        np.savez_compressed(
            FOLDER / name / "expected.npz",
            logits=outputs.logits.numpy(),
            states=np.stack([x.numpy() for x in outputs.hidden_states]),
            **inputs,
        )
    print(json.dumps({"transformers": transformers.__version__}), "->", FOLDER)


if __name__ == "__main__":
    main()
