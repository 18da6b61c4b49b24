import pytest

from xlm_tf.evaluation.summary_scores import summary_scores, unicode_words
from xlm_tf.evaluation.translation_scores import bleu_tokenization, translation_scores


def test_equal_texts_score_100():
    texts = ["Ein Hund rennt durch den Schnee.", "Zwei Männer reden."]
    references = [[text] for text in texts]
    scores = translation_scores(texts, references, "de")
    assert (scores.bleu, scores.chrf) == (pytest.approx(100), pytest.approx(100))
    assert scores.tokenization == "13a"
    summary = summary_scores(texts, references, "de")
    assert summary.rougeL == pytest.approx(100)


@pytest.mark.parametrize("language", ["zh", "zh_CN", "zh-Hans", "zho_Hant", "yue"])
def test_chinese_is_scored_by_its_own_tokens(language):
    text = "我们提出了一种新的方法。"
    other = "我们提出了一种方法。"
    assert translation_scores([other], [[text]], language).bleu > 40
    assert translation_scores([other], [[text]], "en").bleu < 1
    assert summary_scores([other], [[text]], language).rouge1 > 80


@pytest.mark.parametrize(
    ("languages", "tokenization"),
    [
        ("zh ZH-CN zh_Hans zh-Hant-TW chi lzh zh_classical", "zh"),
        ("ja ja_JP jpn ja_XX th th_TH tha_Thai km khm lo my_MM mya_Mymr bo", "char"),
        ("en eng_Latn de_DE ar hi ko ko_KR vi pt-BR fa ja-Latn english", "13a"),
    ],
)
def test_tokens_go_by_the_language_in_every_spelling(languages, tokenization):
    for language in languages.split():
        assert bleu_tokenization(language) == tokenization, language


@pytest.mark.parametrize(
    ("language", "text", "other"),
    [
        ("th_TH", "ผมชอบอ่านหนังสือทุกวัน", "ผมชอบอ่านหนังสือ"),
        ("khm_Khmr", "ខ្ញុំចូលចិត្តអានសៀវភៅ", "ខ្ញុំចូលចិត្តអាន"),
        ("lo", "ຂ້ອຍມັກອ່ານປຶ້ມ", "ຂ້ອຍມັກອ່ານ"),
        ("my_MM", "ကျွန်တော်စာဖတ်တာကြိုက်တယ်", "ကျွန်တော်စာဖတ်တာ"),
        ("ja-JP", "私は毎日本を読みます。", "私は本を読みます。"),
    ],
)
def test_texts_without_spaces_can_be_partly_right(language, text, other):
    assert translation_scores([other], [[text]], language).bleu > 30
    assert summary_scores([other], [[text]], language).rouge2 > 30


def test_every_score_has_its_signature():
    scores = translation_scores(["a b"], [["a b", "b"]], "ja_JP")
    assert scores.signatures["bleu"].startswith(
        "nrefs:2|case:mixed|eff:no|tok:char|smooth:exp|version:"
    )
    assert scores.signatures["chrf"].startswith("nrefs:2|case:mixed|eff:yes|nc:6|nw:0")
    signatures = summary_scores(["a"], [["a"]], "hi").signatures
    assert signatures["rougeL"].startswith("nrefs:1|best:nearest|measure:f1|words:uni")
    assert (
        "words:porter" in summary_scores(["a"], [["a"]], "en-GB").signatures["rouge1"]
    )


def test_several_references_may_be_of_different_number():
    translations = ["a dog runs in the snow", "two men talk now"]
    references = [["no", "a dog runs in the snow"], ["two men talk now"]]
    scores = translation_scores(translations, references, "en")
    assert scores.bleu == pytest.approx(100)
    assert scores.signatures["bleu"].startswith("nrefs:var|")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("यह हिन्दी का एक वाक्य है।", "यह हिन्दी का एक वाक्य है"),
        ("தமிழ் மொழி, ஒரு", "தமிழ் மொழி ஒரு"),
        ("বাংলা ভাষার ক্ষেত্র", "বাংলা ভাষার ক্ষেত্র"),
        ("كِتَابٌ جديد، والقلم", "كِتَابٌ جديد والقلم"),
        ("شُکریہ، آپ!", "شُکریہ آپ"),
        ("ภาษาไทยที่ดี", "ภ า ษ า ไ ท ย ที่ ดี"),
        ("မြန်မာ", "မြ န်  မာ"),
        ("テーブル 2024年", "テ ー ブ ル 2024 年"),
        ("می\u200cخواهم بروم", "می\u200cخواهم بروم"),
        ("ශ්\u200dරී ලංකා", "ශ්\u200dරී ලංකා"),
        ("L'ÉTÉ, snake_case", "l été snake case"),
        ("e\u0301te\u0301", "été"),
        ("Ελλάδα; Тӑван", "ελλάδα тӑван"),
        ("한국어 문장", "한국어 문장"),
    ],
)
def test_words_are_those_of_unicode(text, words):
    assert unicode_words(text) == words.split()


@pytest.mark.parametrize(
    ("language", "text", "other"),
    [
        ("hi", "मुझे यह किताब बहुत पसंद है", "सरकार ने नई नीति की घोषणा की"),
        ("ta", "நான் புத்தகம் படிக்கிறேன்", "அரசு புதிய கொள்கையை அறிவித்தது"),
        ("bn", "আমি বই পড়ি", "সরকার নতুন নীতি ঘোষণা করেছে"),
        ("te", "నేను పుస్తకం చదువుతాను", "ప్రభుత్వం కొత్త విధానం ప్రకటించింది"),
    ],
)
def test_unrelated_sentences_share_no_words(language, text, other):
    assert summary_scores([text], [[other]], language).rouge1 == 0
    assert summary_scores([text], [[text]], language).rouge2 == pytest.approx(100)


def test_letters_of_other_languages_make_words():
    # rouge-score's own tokens are "f", "r", "uml" of both words.
    assert summary_scores(["für"], [["fär"]], "de").rouge1 == 0
    # English is stemmed.
    assert summary_scores(["runs"], [["running"]], "eng").rouge1 == pytest.approx(100)


def test_the_nearest_of_several_references_counts():
    scores = summary_scores(["a dog runs"], [["two men talk", "a dog runs"]], "en")
    assert scores.rouge2 == pytest.approx(100)


def test_texts_without_references_are_refused():
    with pytest.raises(ValueError, match="1 translations, 0 lists of references"):
        translation_scores(["a"], [], "en")
    with pytest.raises(ValueError, match="needs at least one reference"):
        translation_scores(["a"], [[]], "en")
    with pytest.raises(ValueError, match="needs at least one reference"):
        summary_scores(["a"], [[]], "en")
