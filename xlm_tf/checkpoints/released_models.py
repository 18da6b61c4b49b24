"""The released models of the family by their short names: data with a citation."""

import dataclasses
from pathlib import Path

XLM_PAPER = "Lample and Conneau 2019, arXiv 1901.07291"
XLMR_PAPER = "Conneau et al. 2020, arXiv 1911.02116"
XLMR_XL_PAPER = "Goyal et al. 2021, arXiv 2105.00572"
INFOXLM_PAPER = "Chi et al. 2021, arXiv 2007.07834"
XLM_T_PAPER = "Barbieri et al. 2022, arXiv 2104.12250"
XLM_V_PAPER = "Liang et al. 2023, arXiv 2301.10472"
GLOT500_PAPER = "ImaniGooghari et al. 2023, arXiv 2305.12182"
DISTILLED_PAPER = "Reimers and Gurevych 2020, arXiv 2004.09813"
E5_PAPER = "Wang et al. 2024, arXiv 2402.05672"
BGE_M3_PAPER = "Chen et al. 2024, arXiv 2402.03216"


@dataclasses.dataclass(frozen=True)
class ReleasedModel:
    """Where a model is, and what it is.

    Attributes:
        source: str, "hf://OWNER/NAME" or a folder.
        description: str.
        citation: str.
        arguments: dict, arguments of `XLMBackbone` that its files do not say.
        prompts: dict from a name to what an embedder puts before texts, which its files
            do not say.
    """

    source: str
    description: str
    citation: str
    arguments: dict = dataclasses.field(default_factory=dict)
    prompts: dict = dataclasses.field(default_factory=dict)


# transformers' files of the causal models do not say that they are causal.
_CAUSAL = {"causal": True}
# Nor those of E5 what its texts begin with; its authors' instructions do.
_E5_PROMPTS = {"query": "query: ", "passage": "passage: "}

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
    "xlm_v_base": ReleasedModel(
        "hf://facebook/xlm-v-base",
        "100 languages, a vocabulary of 901,629; MLM; 12 layers of 768.",
        XLM_V_PAPER,
    ),
    **{
        f"infoxlm_{size}": ReleasedModel(
            f"hf://microsoft/infoxlm-{size}",
            f"94 languages; MLM, TLM and contrastive learning; {layers}.",
            INFOXLM_PAPER,
        )
        for size, layers in (
            ("base", "12 layers of 768"),
            ("large", "24 layers of 1024"),
        )
    },
    "glot500_base": ReleasedModel(
        "hf://cis-lmu/glot500-base",
        "511 languages; XLM-R base with a larger vocabulary, trained on; MLM.",
        GLOT500_PAPER,
    ),
    "twitter_xlm_roberta_base": ReleasedModel(
        "hf://cardiffnlp/twitter-xlm-roberta-base",
        "XLM-R base, trained on tweets of more than 30 languages; MLM.",
        XLM_T_PAPER,
    ),
    "twitter_xlm_roberta_base_sentiment": ReleasedModel(
        "hf://cardiffnlp/twitter-xlm-roberta-base-sentiment",
        "Sentiment of tweets, of three classes, learnt in 8 languages.",
        XLM_T_PAPER,
    ),
    "paraphrase_multilingual_mpnet_base_v2": ReleasedModel(
        "hf://sentence-transformers/paraphrase-multilingual-mpnet-base-v2",
        "Embedder: XLM-R base, the mean of 128 tokens; vectors of 768.",
        DISTILLED_PAPER,
    ),
    "paraphrase_multilingual_minilm_l12_v2": ReleasedModel(
        "hf://sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2",
        "Embedder: BERT's architecture, 12 layers of 384, the mean of 128 tokens.",
        DISTILLED_PAPER,
    ),
    **{
        f"multilingual_e5_{size}": ReleasedModel(
            f"hf://intfloat/multilingual-e5-{size}",
            f"Embedder with prompts for queries and passages: {layers}, 512 tokens.",
            E5_PAPER,
            prompts=_E5_PROMPTS,
        )
        for size, layers in (
            ("small", "BERT's architecture, 12 layers of 384"),
            ("base", "12 layers of 768"),
            ("large", "24 layers of 1024"),
        )
    },
    "bge_m3": ReleasedModel(
        "hf://BAAI/bge-m3",
        "Embedder, dense (XLMTextEmbedder), sparse and multi-vector "
        "(XLMHybridEmbedder): 24 layers of 1024, 8,192 tokens.",
        BGE_M3_PAPER,
    ),
    "bge_reranker_v2_m3": ReleasedModel(
        "hf://BAAI/bge-reranker-v2-m3",
        "Reranker: how relevant a document is for a query; 24 layers of 1024, 8,192 "
        "tokens.",
        BGE_M3_PAPER,
    ),
    "xlm_tiny": ReleasedModel(
        str(Path(__file__).with_name("tiny")),
        "English, German, French, Spanish; MLM and TLM on the messages of programs; 2 "
        "layers of 128. Comes with the package, to try things out without a network.",
        "this package",
    ),
}


def released_model(name):
    """The `ReleasedModel` of this short name, or at this address; None for none."""
    at_address = (model for model in PRESETS.values() if model.source == name)
    return PRESETS.get(name) or next(at_address, None)
