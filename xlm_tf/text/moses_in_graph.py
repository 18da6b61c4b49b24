"""Moses' word rules as TensorFlow ops: the nearest that a served graph can do.

Left out are the long lists of abbreviations of every language (a short one stands for
them) and the segmenters of languages without spaces; see the README for how often the
result is the same.
"""

import tensorflow as tf
import tensorflow_text as tf_text

from xlm_tf.text.language_codes_in_graph import known_languages

_LETTER = r"\p{L}\p{M}"
_NUMBER = r"\p{N}"
# Wide and typographic punctuation to ASCII, then Moses' own normalisation.
_NORMALIZATION = (
    (r"[，、]", ","),
    (r"[。．]\s*", ". "),
    (r"[”“《》」「]", '"'),
    (r"[∶：]", ":"),
    (r"？", "?"),
    (r"！", "!"),
    (r"）", ")"),
    (r"（", "("),
    (r"；", ";"),
    (r"～", "~"),
    (r"’", "'"),
    (r"…", "..."),
    (r"━", "-"),
    (r"〈", "<"),
    (r"〉", ">"),
    (r"【", "["),
    (r"】", "]"),
    (r"％", "%"),
    *(
        (f"[{wide}]", digit)
        for wide, digit in zip("０１２３４５６７８９", "0123456789", strict=True)
    ),
    (r"\r", ""),
    (r"\(", " ("),
    (r"\)", ") "),
    (r" +", " "),
    (r"\) ([.!:?;,])", r")\1"),
    (r"\( ", "("),
    (r" \)", ")"),
    (r"(\p{Nd}) %", r"\1%"),
    (r" :", ":"),
    (r" ;", ";"),
    (r"`", "'"),
    (r"''", ' " '),
    (r"„", '"'),
    (r"–", "-"),
    (r"—", " - "),
    (r" +", " "),
    (r"[´‘‚]", "'"),
    (r"''", '"'),
    (r"\x{A0}?«\x{A0}?|\x{A0}?»\x{A0}?", '"'),
    (r"\x{A0}([%:?!;])", r"\1"),
    (r"nº\x{A0}", "nº "),
    (r"\x{A0}(ºC|cm)", r" \1"),
    (r",\x{A0}", ", "),
    (r" +", " "),
)
_QUOTE_AFTER_COMMA = {
    "en": ((r'"([,.]+)', r'\1"'),),
    "de": ((r',"', '",'), (r'(\.+)"(\s*[^<])', r'"\1\2')),
}
_NUMBERS = {
    "de": ((r"(\p{Nd})\x{A0}(\p{Nd})", r"\1,\2"),),
    "other": ((r"(\p{Nd})\x{A0}(\p{Nd})", r"\1.\2"),),
}
_SPLITTING = (
    (r"\p{C}", ""),
    (r"[\s\p{Z}]+", " "),
    (rf"([^{_LETTER}\p{{Nd}}\p{{Nl}}\s.'`,\-])", r" \1 "),
    (r"(\.\.+)", r" \1 "),
    (rf"([^{_NUMBER}]),", r"\1 , "),
    (rf",([^{_NUMBER}])", r" , \1"),
    (rf"([{_NUMBER}]),$", r"\1 , "),
)
_APOSTROPHES = {
    "en": (
        (rf"([^{_LETTER}])'([^{_LETTER}])", r"\1 ' \2"),
        (rf"([^{_LETTER}{_NUMBER}])'([{_LETTER}])", r"\1 ' \2"),
        (rf"([{_LETTER}])'([^{_LETTER}])", r"\1 ' \2"),
        (rf"([{_LETTER}])'([{_LETTER}])", r"\1 '\2"),
        (rf"([{_NUMBER}])'s", r"\1 's"),
    ),
    "fr": (
        (rf"([^{_LETTER}])'([^{_LETTER}])", r"\1 ' \2"),
        (rf"([^{_LETTER}])'([{_LETTER}])", r"\1 ' \2"),
        (rf"([{_LETTER}])'([^{_LETTER}])", r"\1 ' \2"),
        (rf"([{_LETTER}])'([{_LETTER}])", r"\1' \2"),
    ),
    "other": ((r"'", " ' "),),
}
# Words that keep their period. German ordinals are numbers with one.
_ENGLISH_ABBREVIATIONS = (
    "Adm|Adv|Asst|Bros|Capt|Cmdr|Col|Corp|DR|Dr|Drs|Gen|Gov|Hon|Lt|MR|MRS|MS|Maj|"
    "Messrs|Mlle|Mme|Mr|Mrs|Ms|Op|Ph|Prof|Pvt|Rep|Reps|Rev|Sen|Sens|Sgt|Sr|St|Supt|"
    "v|vs|rev|Oct|Nov|Dec|Jan|Feb|Aug|Sept"
)
# Moses reads the other languages with English abbreviations; some scripts' letters
# count as abbreviations.
_WITH_LETTERS = ("as", "bn", "el", "gu", "hi", "kn", "ml", "mni", "mr", "or", "pa")
_WITH_LETTERS += ("ru", "ta", "te")
_WITH_ABBREVIATIONS = ("ca", "cs", "de", "es", "et", "fi", "fr", "ga", "hu", "is", "it")
_WITH_ABBREVIATIONS += ("lt", "lv", "nl", "pl", "pt", "ro", "sk", "sl", "sv", "tdt")
_WITH_ABBREVIATIONS += ("yue", "zh", *_WITH_LETTERS)
# All that have rules of their own.
_KNOWN = {"de", "en", "es", "fr", "it", "ro", "cs", *_WITH_ABBREVIATIONS}
_GERMAN_ABBREVIATIONS = (
    "[0-9]{1,2}|ca|Dr|Prof|Nr|St|Str|bzw|usw|etc|evtl|ggf|inkl|max|min|Mio|Mrd|Std|vgl"
)


def split_words(texts, language):
    """The words of raw texts, nearly as `xlm_tf.text.moses.split_words` says.

    Args:
        texts: string tensor (B,), valid UTF-8.
        language: string tensor (B,), however it is spelled.

    Returns:
        string RaggedTensor (B, None).
    """
    language = known_languages(language, _KNOWN)
    texts = _replace(texts, _NORMALIZATION)
    is_german = _is_one_of(language, ("de", "es", "fr"))
    is_english = _is_one_of(language, ("en",))
    texts = _choose(
        texts,
        (is_english, _QUOTE_AFTER_COMMA["en"]),
        (is_german, _QUOTE_AFTER_COMMA["de"]),
    )
    has_comma = tf.logical_or(is_german, _is_one_of(language, ("cs",)))
    texts = _choose(texts, (has_comma, _NUMBERS["de"]), (~has_comma, _NUMBERS["other"]))
    is_romanian = _is_one_of(language, ("ro",))
    romanian = [
        (f"[{letters}]", plain)
        for letters, plain in (
            ("ŞȘ", "S"),
            ("şș", "s"),
            ("ŢȚ", "T"),
            ("ţț", "t"),
            ("ĂÂ", "A"),
            ("ăâ", "a"),
            ("Î", "I"),
            ("î", "i"),
        )
    ]
    texts = _choose(texts, (is_romanian, romanian))
    texts = _replace(texts, _SPLITTING)
    is_french = _is_one_of(language, ("fr", "it"))
    texts = _choose(
        texts,
        (is_english, _APOSTROPHES["en"]),
        (is_french, _APOSTROPHES["fr"]),
        (~(is_english | is_french), _APOSTROPHES["other"]),
    )
    words = tf.strings.split(texts)  # (B, None)
    words = _split_periods(words, language)
    texts = tf.strings.reduce_join(words, separator=" ", axis=1)
    return tf.strings.split(tf.strings.regex_replace(texts, r"\.'$", " . '"))


def lowercase_and_remove_accents(words):
    """As `moses.lowercase_and_remove_accents`, string tensor -> the same shape."""
    words = tf_text.normalize_utf8(tf.strings.lower(words, encoding="utf-8"), "NFD")
    # Hangul is split into letters, as in the original.
    words = tf.strings.regex_replace(words, r"\p{Mn}", "")
    return tf.strings.lower(words, encoding="utf-8")


def _split_periods(words, language):
    """Put a space before the period of every word that is no abbreviation."""
    flat = words.values  # (N,)
    rows = words.value_rowids()
    ends = tf.strings.regex_full_match(flat, r"\S+\.")
    is_dots = tf.strings.regex_full_match(flat, r"\.+")
    has_inner = tf.strings.regex_full_match(flat, rf".*[{_LETTER}].*\..*\.") | (
        tf.strings.regex_full_match(flat, rf".*\..*[{_LETTER}].*\.")
    )
    is_known = tf.strings.regex_full_match(flat, r"[A-Z]\.")
    for is_language, abbreviations in (
        (~_is_one_of(language, _WITH_ABBREVIATIONS), _ENGLISH_ABBREVIATIONS),
        (_is_one_of(language, ("de",)), _GERMAN_ABBREVIATIONS),
        (_is_one_of(language, _WITH_LETTERS), r"\p{L}"),
    ):
        is_abbreviation = tf.strings.regex_full_match(flat, rf"({abbreviations})\.")
        is_known |= is_abbreviation & tf.gather(is_language, rows)
    is_lower = tf.strings.regex_full_match(flat, r"\p{Ll}.*")
    before_lower = tf.concat([is_lower[1:], [False]], 0)[: tf.size(flat)]
    same_row = tf.concat([rows[1:] == rows[:-1], [False]], 0)[: tf.size(flat)]
    is_split = ends & ~(is_dots | has_inner | is_known | (before_lower & same_row))
    split = tf.strings.regex_replace(flat, r"\.$", " .")
    return words.with_values(tf.where(is_split, split, flat))


def _replace(texts, rules):
    for pattern, replacement in rules:
        texts = tf.strings.regex_replace(texts, pattern, replacement)
    return texts


def _choose(texts, *cases):
    """Apply the rules of a case to the texts that it is true of."""
    for is_case, rules in cases:
        texts = tf.cond(
            tf.reduce_any(is_case),
            lambda texts=texts, is_case=is_case, rules=rules: tf.where(
                is_case, _replace(texts, rules), texts
            ),
            lambda texts=texts: texts,
        )
    return texts


def _is_one_of(language, languages):
    return tf.reduce_any(language[:, None] == tf.constant(languages)[None, :], axis=1)
