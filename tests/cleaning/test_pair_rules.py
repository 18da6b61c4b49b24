import pytest

from xlm_tf.cleaning.cleaning_recipe import PairRules as Settings
from xlm_tf.cleaning.pair_rules import PairRules, UsualPair

ENGLISH = "The man in the red shirt is climbing a steep rock."
GERMAN = "Der Mann in dem roten Hemd klettert einen steilen Felsen hinauf."


@pytest.fixture
def rules():
    return PairRules(Settings(), UsualPair(ratio=1.2), are_punctuated=(True, True))


@pytest.mark.parametrize(
    ("source", "target", "rule"),
    [
        (ENGLISH, GERMAN, None),
        (ENGLISH, ENGLISH, "copied"),
        (ENGLISH, ENGLISH.upper().replace(".", "!"), "copied"),
        (ENGLISH, "Ein Mann klettert.", "length_ratio"),
        (ENGLISH, "Der Mann in dem roten Hemd klettert einen st", "truncated"),
        (ENGLISH[:30], "Der Mann in dem roten Hemd klettert einen Fels.", "truncated"),
        # A headline: neither side ends as a sentence does.
        (ENGLISH[:-1], GERMAN[:-1], None),
        ("It costs 1,250 euros.", "Es kostet 1.250 Euro.", None),
        ("In the 1930s they left.", "In den 30er Jahren gingen sie.", None),
        ("It has 380,000 people.", "Es hat 380 Tausend Menschen.", None),
        ("Page 127 of the book.", "Seite 371 von dem Buch.", "numbers"),
        ("It is 385 miles south.", "Es ist 620 Kilometer südlich.", None),
        ("A 650 pound pig ran.", "Ein Schwein von 300 Kilogramm.", None),
        ("Up to 9,840 feet high.", "Bis zu 3.000 Meter hoch.", None),
        ("It is 385 miles south.", "Es ist 420 Kilometer südlich.", "numbers"),
        (
            "About " + "9" * 4900 + " of them.",
            "Etwa " + "8" * 4900 + " davon.",
            "numbers",
        ),
        ("About 30 yards away.", "Etwa 27 Meter weit weg.", None),
        ("١٢٣ كتاب على الرف.", "123 Bücher im Regal.", None),
        ("Hello {name}, welcome.", "Hallo {name}, willkommen.", None),
        ("Hello {name}, welcome.", "Hallo {nom}, willkommen.", "placeholders"),
        ("Copied %d files of %s.", "%s: %d Dateien kopiert.", None),
        ("Copied %d files here.", "Dateien hierher kopiert.", "placeholders"),
        ("100% of us are here.", "100 % von uns sind da.", None),
    ],
)
def test_pairs(rules, source, target, rule):
    broken = rules.broken_by(source, target)
    assert (broken and broken[0]) == rule
    if rule is not None:
        without = PairRules(Settings(**{rule: False}), UsualPair(1.2), (True, True))
        found = without.broken_by(source, target)
        assert found is None or found[0] != rule


def test_short_pairs_may_differ_more(rules):
    assert rules.broken_by("Yes, yes.", "Jawohl, gewiss doch.") is None


def test_sides_without_marks_of_an_end_are_judged_by_their_length():
    thai = "ชายสวมเสื้อแดงกำลังปีนหน้าผาหินที่สูงชันมากอยู่"
    for languages, turn in (((True, False), 1), ((False, True), -1)):
        rules = PairRules(Settings(), UsualPair(len(thai) / len(ENGLISH)), languages)
        if turn < 0:
            rules = PairRules(
                Settings(), UsualPair(len(ENGLISH) / len(thai)), languages
            )

        def broken(english, own, rules=rules, turn=turn):
            found = rules.broken_by(*(english, own)[::turn])
            return found and found[0]

        assert broken(ENGLISH, thai) is None
        assert broken(ENGLISH, thai[:-7]) is None
        assert broken(ENGLISH, thai[:26]) == "truncated"
        assert broken(ENGLISH[:-1], thai) is None
        assert broken(ENGLISH[:34], thai) == "truncated"
        # A vowel without its consonant.
        assert broken(ENGLISH, thai[:-4] + "เ") == "truncated"


def test_lengths_say_nothing_of_ends_where_neither_side_has_marks():
    rules = PairRules(Settings(), UsualPair(), are_punctuated=(False, False))
    assert rules.broken_by("ກ" * 40, "ก" * 25) is None
    assert rules.broken_by("ກ" * 40, "ก" * 39 + "แ")[0] == "truncated"


def test_what_is_usual_is_what_most_pairs_are_like():
    pairs = [("aaa.", "b.")] * 5 + [("a", "b" * 100), ("", "b"), ("a", ""), ("a.", "b")]
    assert UsualPair.of(pairs) == UsualPair(0.5, (0.0, 1 / 6))
    # One that was cut off says nothing of what is usual.
    assert UsualPair.of([*pairs, ("aaaaaaaaa.", "b")]) == UsualPair(0.5, (0.0, 1 / 6))
    assert UsualPair.of([]) == UsualPair()


def test_where_a_side_often_has_no_end_it_must_be_shorter():
    pairs = {"target": (ENGLISH, GERMAN[:-10]), "source": (ENGLISH[:-4], GERMAN)}
    for endless, found in (
        ((0.0, 0.0), {"source", "target"}),
        ((0.1, 0.0), {"target"}),
        ((0.0, 0.1), {"source"}),
    ):
        rules = PairRules(Settings(), UsualPair(1.2, endless), (True, True))
        broken = {side: rules.broken_by(*pair) for side, pair in pairs.items()}
        assert {side for side, own in broken.items() if own} == found
        assert {own[0] for own in broken.values() if own} == {"truncated"}


def test_headlines_that_were_cut_off_are_much_shorter(rules):
    english, german = ENGLISH[:-1], GERMAN[:-1]
    assert rules.broken_by(english, german[:45]) is None
    assert rules.broken_by(english, german[:32])[0] == "truncated"
    assert rules.broken_by(english[:29], german)[0] == "truncated"
