"""XLM's encoder-decoder in PyTorch, from its description, and files in its layout.

Post-LN; every block is self-attention, in the decoder attention to the source, and
feed-forward. The names of the parameters are those of the files.
"""

import math

import torch
from torch import nn

from tests.parity.other_formats import CODES, WORDS

PAD = 2


class Attention(nn.Module):
    """Several heads, with key and value from the states or from a source."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        for name in ("q_lin", "k_lin", "v_lin", "out_lin"):
            setattr(self, name, nn.Linear(width, width))

    def split(self, x):
        """(B, T, D) -> (B, H, T, K)."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x, source, visible):
        """Attend to `source` (B, S, D) where `visible` (B, T or 1, S)."""
        query, key, value = (
            self.split(lin(own))
            for lin, own in (
                (self.q_lin, x),
                (self.k_lin, source),
                (self.v_lin, source),
            )
        )
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        scores = scores.masked_fill(~visible[:, None], float("-inf"))
        mixed = scores.softmax(-1) @ value
        return self.out_lin(mixed.transpose(1, 2).flatten(-2))


class FeedForward(nn.Module):
    """Four times as wide inside."""

    def __init__(self, width):
        super().__init__()
        self.lin1 = nn.Linear(width, 4 * width)
        self.lin2 = nn.Linear(4 * width, width)

    def forward(self, x):
        """Of every position by itself."""
        return self.lin2(nn.functional.gelu(self.lin1(x)))


class Projection(nn.Module):
    """The output layer, whose weight is the embedding's."""

    def __init__(self, embedding):
        super().__init__()
        self.proj = nn.Linear(embedding.weight.shape[1], embedding.weight.shape[0])
        self.proj.weight = embedding.weight


class Transformer(nn.Module):
    """One side of the model.

    Args:
        words, width, layers, heads, positions, languages: int, the sizes.
        is_decoder: bool, whether it attends to a source, and to the past only.
    """

    def __init__(self, words, width, layers, heads, positions, languages, is_decoder):
        super().__init__()
        self.is_decoder = is_decoder
        self.embeddings = nn.Embedding(words, width)
        self.position_embeddings = nn.Embedding(positions, width)
        self.lang_embeddings = nn.Embedding(languages, width)
        self.layer_norm_emb = norm(width)
        repeat = range(layers)
        self.attentions = nn.ModuleList(Attention(width, heads) for _ in repeat)
        self.layer_norm1 = nn.ModuleList(norm(width) for _ in repeat)
        self.ffns = nn.ModuleList(FeedForward(width) for _ in repeat)
        self.layer_norm2 = nn.ModuleList(norm(width) for _ in repeat)
        if is_decoder:
            self.encoder_attn = nn.ModuleList(Attention(width, heads) for _ in repeat)
            self.layer_norm15 = nn.ModuleList(norm(width) for _ in repeat)
        self.pred_layer = Projection(self.embeddings)

    def forward(self, ids, languages, source=None, source_is_real=None):
        """The last states (B, T, D) of ids (B, T) in languages (B, T)."""
        is_real = ids != PAD
        visible = is_real[:, None].expand(-1, ids.shape[1], -1)
        if self.is_decoder:
            visible = torch.ones(ids.shape[1], ids.shape[1], dtype=bool).tril()[None]
        x = self.embeddings(ids) + self.lang_embeddings(languages)
        x = x + self.position_embeddings(torch.arange(ids.shape[1]))
        x = self.layer_norm_emb(x) * is_real[..., None]
        for i, attention in enumerate(self.attentions):
            x = self.layer_norm1[i](x + attention(x, x, visible))
            if self.is_decoder:
                seen = self.encoder_attn[i](x, source, source_is_real[:, None])
                x = self.layer_norm15[i](x + seen)
            x = self.layer_norm2[i](x + self.ffns[i](x)) * is_real[..., None]
        return x


def norm(width):
    """A LayerNorm with XLM's epsilon."""
    return nn.LayerNorm(width, eps=1e-12)


def random_pair(decoder_layers=2):
    """`(encoder, decoder)` of random weights, which differ between the two."""
    torch.manual_seed(0)
    sides = [
        Transformer(len(WORDS), 16, layers, 2, 20, 2, is_decoder).eval()
        for layers, is_decoder in ((2, False), (decoder_layers, True))
    ]
    with torch.no_grad():
        for side in sides:
            for parameter in side.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter))
    return sides


def logits(encoder, decoder, source, source_languages, target, target_languages):
    """Of every position of the target: (B, T, V)."""
    with torch.no_grad():
        states = encoder(source, source_languages)
        x = decoder(target, target_languages, states, source != PAD)
        return decoder.pred_layer.proj(x)


def content(encoder, decoder, prefix=""):
    """What the original saves of a training to translate, its optimizer left out."""
    state_dicts = {
        name: {prefix + key: tensor for key, tensor in side.state_dict().items()}
        for name, side in (("encoder", encoder), ("decoder", decoder))
    }
    params = {
        "encoder_only": False,
        "n_layers": len(encoder.attentions),
        "n_heads": 2,
        "dropout": 0.1,
        "attention_dropout": 0.1,
        "gelu_activation": True,
        "mt_steps": [("en", "fr")],
        "lang2id": {"en": 0, "fr": 1},
    }
    return {
        "epoch": 3,
        **state_dicts,
        "params": params,
        "dico_id2word": dict(enumerate(WORDS)),
        "dico_word2id": {word: i for i, word in enumerate(WORDS)},
        "dico_counts": dict.fromkeys(WORDS, 1),
    }


def save(content, folder):
    """Write the file, with the codes beside it; returns its path."""
    torch.save(content, folder / "checkpoint.pth")
    (folder / "codes_2").write_text(CODES)
    return folder / "checkpoint.pth"
