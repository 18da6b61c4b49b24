import pytest

from xlm_tf.data.language_identification import LanguageIdentifier

SENTENCES = {
    "sw": "Habari ya asubuhi, rafiki yangu, umeamkaje leo?",
    "uk": "Сьогодні у Києві йде дощ, а завтра буде сонячно.",
    "ru": "Сегодня в Киеве идёт дождь, а завтра будет солнечно.",
    "pt": "Não há mais ninguém na rua a esta hora da noite.",
    "es": "Ya no hay nadie en la calle a estas horas de la noche.",
    "am": "ሰላም ለዓለም፣ ዛሬ ቀኑ በጣም ጥሩ ነው።",
    "zh": "今天的天气很好，我们去公园散步吧。",
}


@pytest.fixture(scope="module")
def identifier():
    return LanguageIdentifier()


@pytest.mark.parametrize("language", SENTENCES)
def test_it_tells_languages_apart(identifier, language):
    text = SENTENCES[language]
    assert identifier.identify(text) == language
    assert identifier.mistaken_for(text, language) is None
    others = [other for other in SENTENCES if other != language]
    assert {identifier.mistaken_for(text, other) for other in others} == {language}


@pytest.mark.parametrize("text", ["", "12:30 - 13:45", "!!!", "\U0001f600"])
def test_a_text_without_letters_is_in_no_language(identifier, text):
    assert identifier.identify(text) is None
    assert identifier.mistaken_for(text, "en") is None


def test_a_name_alone_is_taken_as_it_is_declared(identifier):
    for language in ("en", "de", "sw"):
        assert identifier.mistaken_for("Angela Merkel", language) is None


def test_spellings_and_unknown_languages(identifier):
    assert identifier.label_of("zh_TW") == "zh"
    assert identifier.label_of("nb") == "no"
    assert identifier.label_of("fil") == "tl"
    with pytest.raises(ValueError, match=r"The language tlh is not one.*Known: ace,"):
        identifier.label_of("tlh")
