"""What taggers and question answering say of texts, and transformers, same weights."""

import numpy as np
import pytest

import xlm_tf

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

pytestmark = pytest.mark.parity

LENGTH, OVERLAP = 40, 8


@pytest.fixture(scope="module")
def parts(spm_proto):
    """A function that gives a backbone with random weights; and the tokenizer."""
    tokenizer = xlm_tf.XLMSentencePieceTokenizer(spm_proto)

    def backbone():
        return xlm_tf.XLMBackbone(
            vocabulary_size=tokenizer.vocabulary_size(),
            num_layers=2,
            num_heads=2,
            hidden_dim=32,
            intermediate_dim=64,
            max_sequence_length=64,
            position_offset=2,
            num_token_types=1,
            initializer_range=0.4,
        )

    return backbone, tokenizer


def answers_of_transformers(folder, question, context, number):
    """The best spans of all windows, as (text, start), best first."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForQuestionAnswering.from_pretrained(folder).eval()
    windows = tokenizer(
        question,
        context,
        truncation="only_second",
        max_length=LENGTH,
        stride=OVERLAP,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
        padding=True,
        return_tensors="pt",
    )
    offsets = windows.pop("offset_mapping").numpy()
    windows.pop("overflow_to_sample_mapping")
    with torch.no_grad():
        output = model(**windows)
    best = {}
    for window, places in enumerate(offsets):
        # A mark of a word's start alone is given the character behind it there.
        pieces = tokenizer.convert_ids_to_tokens(windows["input_ids"][window])
        parts = windows.sequence_ids(window)
        inside = [i for i, part in enumerate(parts) if part == 1 and pieces[i] != "▁"]
        for first in inside:
            for last in (i for i in inside if first <= i < first + 30):
                start, end = places[first][0], places[last][1]
                text = context[start:end]
                start += len(text) - len(text.lstrip())
                score = float(
                    output.start_logits[window, first] + output.end_logits[window, last]
                )
                key = text.strip(), int(start)
                best[key] = max(score, best.get(key, -np.inf))
    found = sorted(best, key=best.get, reverse=True)
    return [key for key in found if key[0]][:number], len(offsets)


def test_answers_of_long_contexts(parts, sentences, tmp_path):
    backbone, tokenizer = parts
    preprocessor = xlm_tf.XLMQuestionAnsweringPreprocessor(tokenizer, LENGTH)
    model = xlm_tf.XLMQuestionAnswering(backbone(), preprocessor)
    model.save_to_huggingface(tmp_path)
    question = "What reads fast?"
    for context in (sentences[0], " ".join(sentences), " ".join(sentences[3:] * 3)):
        expected, num_windows = answers_of_transformers(tmp_path, question, context, 5)
        assert num_windows > 3 or context == sentences[0]
        (answers,) = model.answer(question, context, top_k=5, overlap=OVERLAP)
        said = [(answer["answer"], answer["start"]) for answer in answers]
        assert said == expected


def test_words_have_the_probabilities_of_their_first_pieces(parts, sentences, tmp_path):
    backbone, tokenizer = parts
    preprocessor = xlm_tf.XLMTokenClassifierPreprocessor(tokenizer, 60)
    model = xlm_tf.XLMTokenClassifier(backbone(), 5, preprocessor=preprocessor)
    model.save_to_huggingface(tmp_path)
    fast = transformers.AutoTokenizer.from_pretrained(tmp_path)
    other = transformers.AutoModelForTokenClassification.from_pretrained(tmp_path)
    words = [text.split() for text in sentences]
    for own, found in zip(words, model.word_probabilities(words), strict=True):
        inputs = fast(own, is_split_into_words=True, return_tensors="pt")
        with torch.no_grad():
            expected = other.eval()(**inputs).logits[0].softmax(-1).numpy()
        numbers = inputs.word_ids()
        first = [numbers.index(number) for number in range(len(own))]
        np.testing.assert_allclose(found, expected[first], atol=1e-5)
