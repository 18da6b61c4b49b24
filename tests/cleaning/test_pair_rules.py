import pytest

from xlm_tf.cleaning.cleaning_recipe import PairRules as Settings
from xlm_tf.cleaning.pair_rules import PairRules, usual_ratio

ENGLISH = "The man in the red shirt is climbing a steep rock."
GERMAN = "Der Mann in dem roten Hemd klettert einen steilen Felsen hinauf."


@pytest.fixture
def rules():
    return PairRules(Settings(), usual_ratio=1.2, are_punctuated=True)


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
        ("Page 12 of the book.", "Seite 37 von dem Buch.", "numbers"),
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
        without = PairRules(Settings(**{rule: False}), 1.2, True)
        found = without.broken_by(source, target)
        assert found is None or found[0] != rule


def test_short_pairs_may_differ_more(rules):
    assert rules.broken_by("Yes, yes.", "Jawohl, gewiss doch.") is None


def test_cut_sides_are_not_looked_for_where_sentences_have_no_end():
    rules = PairRules(Settings(), usual_ratio=1.0, are_punctuated=False)
    assert rules.broken_by(ENGLISH, GERMAN[:44]) is None


def test_the_usual_ratio_is_what_most_pairs_have():
    pairs = [("aaaa", "bb")] * 5 + [("a", "b" * 100), ("", "b"), ("a", "")]
    assert usual_ratio(pairs) == 0.5
    assert usual_ratio([]) == 1.0
