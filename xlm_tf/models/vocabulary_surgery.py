"""Smaller and larger vocabularies for models that are trained."""

import collections
import dataclasses

import numpy as np
import tensorflow as tf

from xlm_tf.layers.merged_weights import merged_weights
from xlm_tf.models.question_answering import XLMQuestionAnswering
from xlm_tf.models.seq2seq_backbone import XLMSeq2SeqBackbone
from xlm_tf.models.seq2seq_lm import XLMSeq2SeqLM
from xlm_tf.text.bpe_tokenizer import XLMBPETokenizer
from xlm_tf.text.scripts import script_pattern

# Variables with a row for every token.
_ROWS_BY_TOKEN = (
    "token_embedding/embeddings",
    "prediction_head/bias",
    "prediction_head/projection",
)
_BATCH = 256


@dataclasses.dataclass(frozen=True)
class TrimReport:
    """What a trimming kept.

    Attributes:
        tokens_before, tokens_after: int, sizes of the vocabulary.
        bytes_before, bytes_after: int, of the model's weights.
        uses: dict from language to the number of its tokens that are kept, of the
            corpora.
    """

    tokens_before: int
    tokens_after: int
    bytes_before: int
    bytes_after: int
    uses: dict


def trim_vocabulary(task, corpora=None, languages=(), min_count=1):
    """A task with only the tokens that some text needs.

    On the text that it was trimmed for, the new task gives the same tokens and
    bit-exactly the same hidden states. Other text is read too, in smaller pieces, and
    as `<unk>` where its characters are gone. An encoder-decoder can write no other
    tokens than those that are kept: its corpora are of the languages that it reads and
    of those that it writes.

    Args:
        task: a task with a preprocessor. Low-rank adapters are merged into the new
            one's kernels.
        corpora: dict from language to an iterable of str. Kept are the tokens that
            they use, and single characters that occur in them.
        languages: list of str. Kept are the tokens in their scripts, whether used or
            not: more than with corpora, for text that is not known yet.
        min_count: int, how often a corpus must use a token. Above 1, rare words of the
            corpora are read in smaller pieces.

    Returns:
        `(task, report)`: a new task of the same class, and a `TrimReport`.

    Raises:
        ValueError: neither text nor languages; texts of a language of which nothing
            would be kept; or a task without a tokenizer.

    Source: the idea is Abdaoui et al. 2020 (arXiv 2010.05609).
    """
    tokenizer = _tokenizer_of(task)
    if not corpora and not languages:
        raise ValueError("Pass corpora, or languages, that the vocabulary is for.")
    kept, uses, merges = set(), {}, set()
    if corpora:
        kept, uses, merges = _used(task, corpora, min_count)
        for language, number in uses.items():
            if not number and not languages:
                raise ValueError(
                    f"No token occurs {min_count} times or more in the texts of "
                    f"{language!r}: nothing of it would be kept. Pass more text, or a "
                    f"lower min_count. Received: min_count={min_count}."
                )
    if languages:
        tokens = tf.constant([_text(x) for x in tokenizer.get_vocabulary()])
        is_written = tf.strings.regex_full_match(tokens, script_pattern(languages))
        kept |= set(np.flatnonzero(is_written.numpy()).tolist())
        if isinstance(tokenizer, XLMBPETokenizer):
            pairs = tokenizer.get_merges()
            texts = tf.constant([_text(first + second) for first, second in pairs])
            is_written = tf.strings.regex_full_match(texts, script_pattern(languages))
            merges |= {pairs[i] for i in np.flatnonzero(is_written.numpy())}
    # What begins a target is in no corpus.
    language_tokens = getattr(task.preprocessor, "language_tokens", None) or {}
    kept |= {tokenizer.token_to_id(token) for token in language_tokens.values()}
    # Nor what is put before texts.
    prompts = [x for x in getattr(task.preprocessor, "prompts", {}).values() if x]
    if prompts:
        of_prompts, _, its_merges = _used(task, {_language_of(task): prompts}, 1)
        kept |= of_prompts
        merges |= its_merges
    if isinstance(tokenizer, XLMBPETokenizer):
        trimmed, old_ids = tokenizer.trimmed(kept, merges)
    else:
        trimmed, old_ids = tokenizer.trimmed(kept)
    new_task = _with_tokens(task, trimmed, lambda table: table[old_ids])
    return new_task, TrimReport(
        tokens_before=tokenizer.vocabulary_size(),
        tokens_after=trimmed.vocabulary_size(),
        bytes_before=_num_bytes(task),
        bytes_after=_num_bytes(new_task),
        uses=uses,
    )


def extend_vocabulary(task, tokens):
    """A task that reads some words as one token each.

    The row of a new token, in the token embedding and in an untied projection, is the
    mean of the rows of the tokens that it was before; so is its bias.

    Args:
        task: a task with a preprocessor.
        tokens: list of str, as they stand in texts, such as "COVID-19".

    Returns:
        A new task of the same class.

    Raises:
        ValueError: a token that is one already, or empty; or a task without a
            tokenizer.
    """
    tokenizer = _tokenizer_of(task)
    parts = {token: _parts(tokenizer, token) for token in tokens}
    for token, ids in parts.items():
        if len(ids) < 2 and tokenizer.unk_token_id not in ids:
            raise ValueError(
                f"A new token must be several tokens so far. Received: {token!r}."
            )
    extended, new_ids = tokenizer.extended(list(parts))

    def grow(table):
        rows = np.empty((extended.vocabulary_size(), *table.shape[1:]), table.dtype)
        is_old = np.ones(len(rows), bool)
        is_old[new_ids] = False
        rows[is_old] = table[: tokenizer.vocabulary_size()]
        for token_id, ids in zip(new_ids, parts.values(), strict=True):
            rows[token_id] = table[ids].mean(axis=0)
        return rows

    return _with_tokens(task, extended, grow)


def same_states(task, other, texts, language=None):
    """Whether two tasks compute the same of some texts, to the last bit.

    Args:
        task, other: tasks of one class. Of an encoder-decoder, the states of the
            decoder are compared too, with every text as its own target.
        texts: list of str.
        language: str, of the texts.

    Returns:
        bool.
    """
    return all(
        np.array_equal(state, other_state)
        for state, other_state in zip(
            _states(task, texts, language), _states(other, texts, language), strict=True
        )
    )


def _states(task, texts, language):
    """Hidden states of texts: one array, or those of encoder and decoder."""
    preprocessor = task.preprocessor
    reads_language = getattr(preprocessor.tokenizer, "reads_language", False)
    if isinstance(task, XLMSeq2SeqLM):
        fields = {"text": texts, "target_text": texts}
        if preprocessor.languages or reads_language:
            fields["source_language"] = [language] * len(texts)
        writes = preprocessor.languages or preprocessor.language_tokens
        if writes or reads_language:
            can_write = not writes or language in writes
            target = language if can_write else next(iter(writes))
            fields["target_language"] = [target] * len(texts)
        inputs, _, _ = preprocessor(fields)
        states = task.backbone(inputs)
        return [np.asarray(states[name]) for name in sorted(states)]
    fields = {"text": texts}
    if isinstance(task, XLMQuestionAnswering):
        fields["text_pair"] = texts  # the contexts
    if preprocessor.languages or reads_language:
        fields["language"] = [language] * len(texts)
    return [np.asarray(task.backbone(preprocessor.pack(fields)))]


def _tokenizer_of(task):
    if getattr(task, "preprocessor", None) is None:
        raise ValueError(
            "Only a task with a preprocessor has a vocabulary to change. Received: a "
            f"{type(task).__name__} without one."
        )
    return task.preprocessor.tokenizer


def _used(task, corpora, min_count):
    """Ids that the corpora use, how many by language, and BPE's merges for them."""
    tokenizer = task.preprocessor.tokenizer
    is_bpe = isinstance(tokenizer, XLMBPETokenizer)
    counts, uses = collections.Counter(), {}
    characters, words = set(), set()
    for language, texts in corpora.items():
        own, in_contexts = collections.Counter(), collections.Counter()
        arguments = {"language": language} if is_bpe else {}
        for batch in _batches(texts):
            own.update(_listed(tokenizer(batch, **arguments)))
            if isinstance(task, XLMQuestionAnswering):
                # There, `<mask>` and added tokens are read as their characters.
                ids, _, _ = tokenizer.tokenize_with_offsets(
                    tf.constant(batch), **arguments
                )
                in_contexts.update(_listed(ids))
            characters.update(*batch)
            if is_bpe:
                words |= tokenizer.split_words(batch, language)
        own |= in_contexts  # the larger number of both
        counts += own
        uses[language] = sum(1 for n in own.values() if n >= min_count)
    kept = {token_id for token_id, n in counts.items() if n >= min_count}
    kept |= {
        token_id
        for token_id, token in enumerate(tokenizer.get_vocabulary())
        if _text(token) in characters
    }
    merges = set()
    for word in words:
        word_merges, token_ids = tokenizer.merges_of(word)
        if kept.issuperset(token_ids):
            merges.update(word_merges)
    return kept, uses, merges


def _language_of(task):
    """The language that prompts are read in: the model's own, or English."""
    return getattr(task.preprocessor, "language", None) or "en"


def _batches(texts):
    batch = []
    for text in texts:
        batch.append(text)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _listed(ids):
    return ids.flat_values.numpy().tolist()


def _parts(tokenizer, token):
    """The ids of a word so far, without SentencePiece's mark of a word's start."""
    if not token.strip():
        raise ValueError(f"A new token must not be empty. Received: {token!r}.")
    ids = tokenizer(token).numpy().tolist()
    if len(ids) > 1 and tokenizer.id_to_token(ids[0]) == "▁":
        ids = ids[1:]
    return ids


def _text(token):
    return token.removesuffix("</w>").replace("▁", "")


def _with_tokens(task, tokenizer, change_rows):
    """The same task with another vocabulary and changed rows."""
    new_backbone = _with_vocabulary(task.backbone, tokenizer.vocabulary_size())
    new_preprocessor = _like(task.preprocessor, tokenizer=tokenizer)
    new_task = _like(task, backbone=new_backbone, preprocessor=new_preprocessor)
    merged = merged_weights([task])
    old_weights = [merged[x.path] for x in task.weights if x.path in merged]
    for variable, old in zip(new_task.weights, old_weights, strict=True):
        value = np.asarray(old)
        if variable.path.endswith(_ROWS_BY_TOKEN):
            value = change_rows(value)
        variable.assign(value)
    return new_task


def _with_vocabulary(backbone, size):
    """A backbone of the same form for a vocabulary of another size."""
    config = backbone.get_config()
    if isinstance(backbone, XLMSeq2SeqBackbone):
        config["encoder"] = _with_vocabulary(backbone.encoder, size)
    else:
        config["vocabulary_size"] = size
    return type(backbone).from_config(config)


def _like(layer, **parts):
    """A layer of the same class and configuration, with other parts."""
    config = {**layer.get_config(), **parts}
    config.pop("dtype", None)  # serialised; it is that of the parts
    return type(layer)(**config)


def _num_bytes(task):
    return sum(4 * int(np.prod(variable.shape)) for variable in task.weights)
