"""Small tasks with random weights."""

import keras
import pytest

import xlm_tf

PREPROCESSORS = {
    xlm_tf.XLMTextClassifier: xlm_tf.XLMTextClassifierPreprocessor,
    xlm_tf.XLMTextEmbedder: xlm_tf.XLMTextEmbedderPreprocessor,
    xlm_tf.XLMMaskedLM: xlm_tf.XLMMaskedLMPreprocessor,
}


@pytest.fixture(scope="session")
def bpe_proto(train_proto):
    """A vocabulary of the kind that LiteRT's tokenizer gets wrong."""
    return train_proto(model_type="bpe", unk_id=0, bos_id=1, eos_id=2, pad_id=-1)


@pytest.fixture(scope="session")
def make_task(spm_proto):
    """Makes a task: `make_task(XLMTextClassifier, num_classes=3)`.

    `backbone` holds arguments of the backbone, `packing` of the preprocessor.
    """

    def make(task_class, backbone=None, packing=None, proto=spm_proto, **arguments):
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


@pytest.fixture(scope="session")
def make_translator(spm_proto):
    """Makes an encoder-decoder of three languages: `make_translator(num_heads=4)`.

    Arguments are the encoder's; `decoder` those of the backbone, `task` of the model.
    """

    def make(decoder=None, task=None, languages=True, **encoder):
        keras.utils.set_random_seed(5)
        tokenizer = xlm_tf.XLMSentencePieceTokenizer(spm_proto)
        encoder = xlm_tf.XLMBackbone(
            **{
                "vocabulary_size": tokenizer.vocabulary_size(),
                "num_layers": 2,
                "num_heads": 2,
                "hidden_dim": 32,
                "intermediate_dim": 64,
                "max_sequence_length": 40,
                "num_languages": 3 if languages else 0,
                "initializer_range": 0.4,
                "pad_token_id": tokenizer.pad_token_id,
                **encoder,
            }
        )
        preprocessor = xlm_tf.XLMSeq2SeqLMPreprocessor(
            tokenizer,
            sequence_length=40,
            languages=["de", "en", "fr"] if languages else None,
        )
        model = xlm_tf.XLMSeq2SeqLM(
            xlm_tf.XLMSeq2SeqBackbone(encoder, **(decoder or {})),
            preprocessor,
            **(task or {}),
        )
        model.compile(sampler=xlm_tf.BeamSearch(num_beams=2))
        return model

    return make


@pytest.fixture(scope="session")
def translator(make_translator):
    """Pre-LN; two beams."""
    return make_translator(norm_placement="pre", embedding_norm=False)
