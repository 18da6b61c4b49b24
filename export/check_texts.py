"""Texts and ids that every artefact is checked on before it is handed over."""

import numpy as np
import tensorflow as tf

from export.added_words import added_words

CHECK_TEXTS = (
    "The library opens at nine and closes at six.",
    "Le train de nuit arrive à Marseille vers sept heures du matin.",
    "Der Schlüssel liegt unter der Fußmatte.",
    "¿Dónde puedo cambiar la contraseña de mi cuenta?",
    "Η εφαρμογή δεν απάντησε εγκαίρως.",
    "Новая версия выйдет на следующей неделе.",
    "Kahvaltıda çay içmeyi çok severim.",
    "لم يتم العثور على الصفحة المطلوبة.",
    "इस पुस्तक के दो सौ पन्ने हैं।",
    "กรุณากรอกชื่อผู้ใช้ของคุณ",
    "Thời tiết hôm nay rất đẹp.",
    "请输入有效的电子邮件地址。",
    "Habari ya asubuhi, karibu nyumbani.",
    "یہ دکان شام کو بند ہو جاتی ہے۔",
    "Градът е разположен край реката.",
    "今日は図書館で本を三冊借りました。",
    "Price: 12,50 € (ISBN 978-3-16-148410-0) — see https://example.org/?q=1 🎉",
    "word " * 60,
    "",
    b"\xff\xfe broken \xc3 bytes",
)


def with_special_words(texts, tokenizer):
    """Texts, and others with what a tokenizer does not read as ordinary characters.

    Args:
        texts: iterable of str or bytes.
        tokenizer: a tokenizer of `xlm_tf.text`.

    Returns:
        list: the texts; texts with `<mask>`; and with words that were added to the
        vocabulary, the first 100.
    """
    texts = [*texts, "One <mask> here.", "one<mask>there <mask>\u3000<mask>"]
    for word in added_words(tokenizer)[:100]:
        texts.append(f"{word} and {word}, un{word}ed.")
    return texts


def as_bytes(texts, prefix=""):
    """Texts (str or bytes) as bytes, each after a prefix."""
    return [
        prefix.encode() + (text if isinstance(text, bytes) else text.encode())
        for text in texts
    ]


def check_ids(backbone, num_rows=8):
    """Random ids for a model without a tokenizer, of different lengths, padded.

    Args:
        backbone: an `XLMBackbone`.
        num_rows: int.

    Returns:
        dict of the backbone's inputs, tensors (num_rows, T).
    """
    generator = np.random.default_rng(0)
    longest = min(backbone.max_sequence_length, 64)
    lengths = np.linspace(longest, 2, num_rows).astype(int)
    ids = generator.integers(0, backbone.vocabulary_size - 1, (num_rows, longest))
    ids += ids >= backbone.pad_token_id  # any but padding
    is_real = np.arange(longest) < lengths[:, None]
    inputs = {
        "token_ids": tf.constant(
            np.where(is_real, ids, backbone.pad_token_id), "int32"
        ),
        "padding_mask": tf.constant(is_real),
    }
    if backbone.num_languages:
        languages = generator.integers(0, backbone.num_languages, ids.shape)
        inputs["language_ids"] = tf.constant(languages, "int32")
    return inputs
