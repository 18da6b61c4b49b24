"""Small tasks with random weights over a vocabulary trained here."""

import io

import keras
import pytest
import sentencepiece

import xlm_tf

SENTENCES = [
    "The library opens at nine and closes at six.",
    "Le train de nuit arrive à Marseille vers sept heures.",
    "Новая версия выйдет на следующей неделе.",
    "请输入有效的电子邮件地址。",
    "इस पुस्तक के दो सौ पन्ने हैं।",
    "لم يتم العثور على الصفحة المطلوبة.",
]
PREPROCESSORS = {
    xlm_tf.XLMTextClassifier: xlm_tf.XLMTextClassifierPreprocessor,
    xlm_tf.XLMTextEmbedder: xlm_tf.XLMTextEmbedderPreprocessor,
    xlm_tf.XLMMaskedLM: xlm_tf.XLMMaskedLMPreprocessor,
}


def train_proto(model_type="unigram"):
    """Bytes of a SentencePiece model with XLM-R's special pieces."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES * 5),
        model_writer=model,
        model_type=model_type,
        vocab_size=150,
        hard_vocab_limit=False,
        character_coverage=1.0,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=-1,
        minloglevel=2,
    )
    return model.getvalue()


@pytest.fixture(scope="session")
def proto():
    """The vocabulary of every task."""
    return train_proto()


@pytest.fixture(scope="session")
def bpe_proto():
    """A vocabulary of the kind that LiteRT's tokenizer gets wrong."""
    return train_proto("bpe")


@pytest.fixture(scope="session")
def make_task(proto):
    """Makes a task: `make_task(XLMTextClassifier, num_classes=3)`.

    `backbone` holds arguments of the backbone, `packing` of the preprocessor.
    """

    def make(task_class, backbone=None, packing=None, proto=proto, **arguments):
        keras.utils.set_random_seed(3)
        tokenizer = xlm_tf.XLMSentencePieceTokenizer(proto)
        backbone = xlm_tf.XLMBackbone(
            **{
                "vocabulary_size": tokenizer.vocabulary_size(),
                "num_layers": 2,
                "num_heads": 2,
                "hidden_dim": 32,
                "intermediate_dim": 64,
                "max_sequence_length": 40,
                "position_offset": 2,
                "initializer_range": 0.3,
                "pad_token_id": tokenizer.pad_token_id,
                **(backbone or {}),
            }
        )
        preprocessor = PREPROCESSORS[task_class](
            tokenizer, **{"sequence_length": 40, **(packing or {})}
        )
        return task_class(backbone, preprocessor=preprocessor, **arguments)

    return make


@pytest.fixture(scope="session")
def classifier(make_task):
    """Three classes."""
    return make_task(xlm_tf.XLMTextClassifier, num_classes=3)


@pytest.fixture(scope="session")
def embedder(make_task):
    """Mean pooling, in the XLM configuration: language embeddings, zeroed padding."""
    return make_task(
        xlm_tf.XLMTextEmbedder,
        backbone={"num_languages": 2, "zero_padding_states": True},
        packing={"languages": ["en", "fr"], "language": "fr"},
    )


@pytest.fixture(scope="session")
def masked_lm(make_task):
    """XLM-R's head, pre-LN."""
    return make_task(
        xlm_tf.XLMMaskedLM, backbone={"norm_placement": "pre", "embedding_norm": False}
    )
