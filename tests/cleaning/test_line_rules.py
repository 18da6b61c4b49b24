import pytest

from xlm_tf.cleaning.cleaning_recipe import Rules
from xlm_tf.cleaning.line_rules import LineRules, ends_a_sentence
from xlm_tf.data.language_identification import LanguageIdentifier

SENTENCES = {
    "en": "The chorus of the village sang in the old church on Sunday evening.",
    "de": "Der Chor des Dorfes sang am Sonntagabend in der alten Kirche.",
    "fi": "Kylän kuoro lauloi vanhassa kirkossa sunnuntai-iltana.",
    "ru": "Деревенский хор пел в старой церкви в воскресенье вечером.",
    "ar": "غنت جوقة القرية في الكنيسة القديمة مساء يوم الأحد.",
    "hi": "गाँव के गायक दल ने रविवार की शाम को पुराने गिरजाघर में गाया।",
    "zh": "村里的合唱团星期天晚上在老教堂里唱歌。",
    "ja": "村の合唱団は日曜日の夜に古い教会で歌いました。",
    "th": "คณะนักร้องประสานเสียงของหมู่บ้านร้องเพลงในโบสถ์เก่าเย็นวันอาทิตย์",
    "ta": "கிராமத்தின் பாடகர் குழு ஞாயிற்றுக்கிழமை மாலை பழைய தேவாலயத்தில் பாடியது.",
}


@pytest.fixture(scope="module")
def identifier():
    return LanguageIdentifier()


@pytest.fixture(scope="module")
def rules_of(identifier):
    def make(language, **settings):
        return LineRules(Rules(**settings), language, identifier)

    return make


@pytest.mark.parametrize("language", SENTENCES)
def test_sentences_keep_all_rules(rules_of, language):
    assert rules_of(language, ending=True).broken_by(SENTENCES[language]) is None


@pytest.mark.parametrize("language", SENTENCES)
def test_a_sentence_of_another_language_breaks_one(rules_of, language):
    rules = rules_of(language)
    broken = {
        other: rules.broken_by(text)[0]
        for other, text in SENTENCES.items()
        if other != language
    }
    assert set(broken.values()) <= {"language", "script", "word_length", "length"}


@pytest.mark.parametrize(
    ("text", "rule", "seen"),
    [
        ("Too short", "length", "2 words"),
        ("Short", "length", "1 word"),
        ("word " * 1500, "length", "7,499 characters"),
        ("a b c d e f g h", "word_length", "1.0 characters"),
        ("12.5 - 13.7 | 14.2 - 15.0 | 16:30 h", "letters", "4% of the characters"),
        ("Conference rooms 1 2 3 4 5 6 available", "letters", "3 of 9 words"),
        ("News # # # of the day", "symbols", "3 of 7 words"),
        ("Click <a href=here now to see the page", "markup", "<a href="),
        ("body { color: red } of the page", "markup", "{ color:"),
        ("Please enable JavaScript to see this page.", "phrases", "javascript"),
        ("By staying here you agree to our cookie policy.", "phrases", "cookie policy"),
        ("That is sooooooo good to see again.", "repetition", "ooooooo"),
        ("Buy it now ---------- and save some money.", "repetition", "----------"),
        ("the the the dog runs in the park", "repetition", "the the the"),
        ("Lost character \ufffd in this line of text.", "encoding", None),
    ],
)
def test_every_rule_finds_its_own(rules_of, text, rule, seen):
    found, shown = rules_of("en").broken_by(text.strip())
    assert found == rule
    assert seen in (None, shown)
    if rule != "encoding":
        without = rules_of("en", **{rule: False}).broken_by(text.strip())
        assert without is None or without[0] != rule


@pytest.mark.parametrize(
    "text",
    [
        "The function main() is called before all others.",
        "The value of the function (see below) is not known.",
        "We read the document.It was rather long (ten pages).",
        "Let x = 5 be the number of all cases.",
        "Where i <n and p <q, the sum is larger.",
        "It holds for x<y and z>w, and so for u<v of all w>x.",
        "He wrote to <Jane Doe of London> and waited for an answer.",
        "Open File => Save, and it is kept.",
        "The sounds [b] and [u] are both there.",
        "It has cost him US$(10) in the end.",
    ],
)
def test_prose_about_programs_is_no_markup(rules_of, text):
    assert rules_of("en").broken_by(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "function main(a, b) { return to the page",
        "document.cookie; and more of the page",
        "(function($ of the page that follows here",
        "This is [b]bold[/b] in the old forum.",
        "Here begins <div and nothing ends it",
        "let x = 5; and more of the page",
    ],
)
def test_programs_are_markup(rules_of, text):
    rules = rules_of("en", phrases=False)
    assert rules.broken_by(text)[0] == "markup"


def test_numbers_and_dots_are_no_repetition(rules_of):
    rules = rules_of("en")
    for text in (
        "The company is worth 1000000000 dollars in all.",
        "Well... that is what they said to us.",
        "No, no, that is not what he had said.",
    ):
        assert rules.broken_by(text) is None


def test_ellipses_and_hash_signs_by_the_words_of_a_language(identifier):
    chinese = LineRules(Rules(), "zh", identifier)
    assert chinese.broken_by("我不知道他昨天晚上为什么没有回家……") is None
    long = "我不知道他昨天晚上为什么没有回家……也许他真的很忙……"
    long += "没有人知道他到底去了哪里，也没有人知道他什么时候回来。"
    assert chinese.broken_by(long) is None
    assert chinese.broken_by("我……真的……不知道……") == ("symbols", "3 of 3 words")
    english = LineRules(Rules(), "en", identifier)
    assert english.broken_by("I do not know..... why he has gone.") is None
    rule, _ = english.broken_by("I... do not know... why he has gone.")
    assert rule == "symbols"


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("He has a lazy dog at home.", "lazy dog"),
        ("He has a Lazy  Dog, at home.", "lazy dog"),
        ("He has three lazy dogs at home.", None),
        ("They say that C++ is fast.", "c++"),
        ("They say that C is fast.", None),
        ("One of them (.*) said no.", "(.*)"),
        ("A tractor stands at (the) gate.", "gate"),
    ],
)
def test_word_lists_of_words_phrases_and_signs(identifier, text, entry):
    words = frozenset(["lazy dog", "c++", "(.*)", "gate"])
    rules = LineRules(Rules(), "en", None, words)
    assert rules.broken_by(text) == (entry and ("word_lists", entry))


def test_word_lists(identifier):
    words = frozenset({"casino", "赌场"})
    english = LineRules(Rules(), "en", identifier, words)
    assert english.broken_by("The best online Casino, in town.") == (
        "word_lists",
        "casino",
    )
    assert english.broken_by("The casinos of the town are closed.") is None
    chinese = LineRules(Rules(), "zh", identifier, words)
    assert chinese.broken_by("本市最好的赌场今天晚上开门。") == ("word_lists", "赌场")


def test_cut_lines_and_languages_without_marks(rules_of):
    assert rules_of("en", ending=True).broken_by("The chorus of the village sang in")
    assert rules_of("th", ending=True).broken_by(SENTENCES["th"]) is None
    assert rules_of("th", ending=True).broken_by(SENTENCES["th"] + "แ")[0] == "ending"


@pytest.mark.parametrize(
    "text", ["Ja.", "Wirklich?“", "(Ende!)", "ይህ ነው፡፡", "好。」", "यही है।", "سلام؟"]
)
def test_ends_of_sentences(text):
    assert ends_a_sentence(text)
    assert not ends_a_sentence(text.rstrip(".?!“”)፡。」।؟") + ",")


def test_a_language_that_cannot_be_identified_is_judged_by_the_other_rules():
    rules = LineRules(Rules(language=False), "tlh-Latn")
    assert rules.broken_by("nuqneH jupwI' tlhIngan maH") is None
    assert rules.broken_by("Привет мой старый друг")[0] == "script"
