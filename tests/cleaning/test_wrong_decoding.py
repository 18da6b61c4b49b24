import pytest

from xlm_tf.cleaning.wrong_decoding import WrongDecoding


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("fr", "Il s?agit du dernier jour de la visite."),
        ("pt", "Uma posi??o muito boa para o clube."),
        ("en", "He said ?yes? and went home."),
        ("pl", "Jeœli ten pêd pójdzie w jedn¹ stronê, to dobrze."),
        ("cs", "V zemi pùsobí pøi svém øízení."),
        ("tr", "Türkiye'de þimdi iþ yapýyor."),
        ("es", "La identidad Г©tnica de la poblaciГіn."),
        ("hu", "Az erdõben sok fenyõ van."),
        ("pl", "To by³o dawno."),
        ("pl", "MA©A KSI¡¯KA"),
        ("cs", "To pÅ™i tom nebylo."),
        ("en", "He went to the cafГ© in town."),
        ("fr", "Il va Г la gare, et voilГ tout."),
        ("en", "It was late вЂ and dark."),
        ("pt", "Ele foi Г praia."),
        ("de", "Im Jahr 2010 (Mai).В Danach kam er."),
        ("de", "Es waren 3,1Р’В Millionen Zuschauer."),
    ],
)
def test_signs(language, text):
    assert WrongDecoding(language)(text)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Really? Yes, and why not?"),
        ("en", 'He asked: "Why?" and left.'),
        ("es", "¿Qué hora es? ¡Tarde!"),
        ("pl", "Zażółć gęślą jaźń; Beyoncé śpiewa piñatę."),
        ("cs", "Příliš žluťoučký kůň, à la carte."),
        ("tr", "Şimdi işe gidiyor, Þingvellir."),
        ("is", "Það er þýðing á íslensku."),
        ("ru", "Он купил iPhone и Wi-Fi роутер."),
        ("ca", "Col·legi de l'Hospitalet."),
        ("sr-Latn", "Đorđe čita ćirilicu, žuto šešir."),
        ("zh", "真的吗？是的。"),
        ("zh", "你今天好吗?我很好,谢谢你。"),
        ("ko", "뭐라고요?그게 정말이에요?"),
        ("fr", "Qu'est-ce?Je ne sais pas, dit-il."),
        ("en", "The product a×b is larger than n√k, and c≈d."),
        ("ru", "Коробка Д×Ш×В, в сантиметрах."),
        ("en", "Pepsi™cola and Windows®phone are names."),
        ("en", "The letter я is the last, the words я и ты mean I and you."),
        ("en", "The vitamin В is in milk, and the point Г is on the line."),
        ("de", "В ist ein Vitamin; Vitamin-В und A/В sind es auch."),
        ("de", "Das Vitamin В und der Punkt Г stehen hier, auch В."),
        ("en", "In Russian, «в» and “а” are words, and Л. Н. are initials."),
        ("en", "See https://example.org/a/b?c=d and watch?v=x1 for more."),
    ],
)
def test_good_text(language, text):
    assert WrongDecoding(language)(text) is None
