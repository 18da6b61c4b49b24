"""The released models of the family by their short names: data with a citation."""

import dataclasses
from pathlib import Path

XLM_PAPER = "Lample and Conneau 2019, arXiv 1901.07291"
XLMR_PAPER = "Conneau et al. 2020, arXiv 1911.02116"
XLMR_XL_PAPER = "Goyal et al. 2021, arXiv 2105.00572"


@dataclasses.dataclass(frozen=True)
class ReleasedModel:
    """Where a model is, and what it is.

    Attributes:
        source: str, "hf://OWNER/NAME" or a folder.
        description: str.
        citation: str.
        arguments: dict, arguments of `XLMBackbone` that its files do not say.
    """

    source: str
    description: str
    citation: str
    arguments: dict = dataclasses.field(default_factory=dict)


# transformers' files of the causal models do not say that they are causal.
_CAUSAL = {"causal": True}

PRESETS = {
    "xlm_mlm_en_2048": ReleasedModel(
        "hf://FacebookAI/xlm-mlm-en-2048",
        "English; MLM; 12 layers of 2048.",
        XLM_PAPER,
    ),
    "xlm_mlm_ende_1024": ReleasedModel(
        "hf://FacebookAI/xlm-mlm-ende-1024",
        "English, German; MLM; 6 layers of 1024.",
        XLM_PAPER,
    ),
    "xlm_mlm_enfr_1024": ReleasedModel(
        "hf://FacebookAI/xlm-mlm-enfr-1024",
        "English, French; MLM; 6 layers of 1024.",
        XLM_PAPER,
    ),
    "xlm_mlm_enro_1024": ReleasedModel(
        "hf://FacebookAI/xlm-mlm-enro-1024",
        "English, Romanian; MLM; 6 layers of 1024.",
        XLM_PAPER,
    ),
    "xlm_mlm_xnli15_1024": ReleasedModel(
        "hf://FacebookAI/xlm-mlm-xnli15-1024",
        "The 15 languages of XNLI; MLM; 12 layers of 1024.",
        XLM_PAPER,
    ),
    "xlm_mlm_tlm_xnli15_1024": ReleasedModel(
        "hf://FacebookAI/xlm-mlm-tlm-xnli15-1024",
        "The 15 languages of XNLI; MLM and TLM; 12 layers of 1024.",
        XLM_PAPER,
    ),
    "xlm_clm_enfr_1024": ReleasedModel(
        "hf://FacebookAI/xlm-clm-enfr-1024",
        "English, French; CLM, so every token sees the past only; 6 layers of 1024.",
        XLM_PAPER,
        _CAUSAL,
    ),
    "xlm_clm_ende_1024": ReleasedModel(
        "hf://FacebookAI/xlm-clm-ende-1024",
        "English, German; CLM, so every token sees the past only; 6 layers of 1024.",
        XLM_PAPER,
        _CAUSAL,
    ),
    "xlm_mlm_17_1280": ReleasedModel(
        "hf://FacebookAI/xlm-mlm-17-1280",
        "17 languages; MLM; 16 layers of 1280.",
        XLM_PAPER,
    ),
    "xlm_mlm_100_1280": ReleasedModel(
        "hf://FacebookAI/xlm-mlm-100-1280",
        "100 languages; MLM; 16 layers of 1280.",
        XLM_PAPER,
    ),
    "xlm_roberta_base": ReleasedModel(
        "hf://FacebookAI/xlm-roberta-base",
        "100 languages; MLM; 12 layers of 768.",
        XLMR_PAPER,
    ),
    "xlm_roberta_large": ReleasedModel(
        "hf://FacebookAI/xlm-roberta-large",
        "100 languages; MLM; 24 layers of 1024.",
        XLMR_PAPER,
    ),
    **{
        f"xlm_roberta_large_finetuned_{corpus}_{language}": ReleasedModel(
            f"hf://FacebookAI/xlm-roberta-large-finetuned-{corpus}-{language}",
            f"XLM-R large, names tagged in {language.capitalize()} ({corpus}).",
            XLMR_PAPER,
        )
        for corpus, language in (
            ("conll02", "dutch"),
            ("conll02", "spanish"),
            ("conll03", "english"),
            ("conll03", "german"),
        )
    },
    "xlm_roberta_xl": ReleasedModel(
        "hf://facebook/xlm-roberta-xl",
        "100 languages; MLM; 36 layers of 2560, pre-LN.",
        XLMR_XL_PAPER,
    ),
    "xlm_roberta_xxl": ReleasedModel(
        "hf://facebook/xlm-roberta-xxl",
        "100 languages; MLM; 48 layers of 4096, pre-LN.",
        XLMR_XL_PAPER,
    ),
    "xlm_tiny": ReleasedModel(
        str(Path(__file__).with_name("tiny")),
        "English, German, French, Spanish; MLM and TLM on the messages of programs; 2 "
        "layers of 128. Comes with the package, to try things out without a network.",
        "this package",
    ),
}
