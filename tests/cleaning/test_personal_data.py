import time

import pytest

from xlm_tf.cleaning.personal_data import PersonalDataMask


@pytest.mark.parametrize(
    ("language", "text", "masked"),
    [
        (
            "en",
            "Write to jane.doe+x@mail.example.co.uk today.",
            "Write to [EMAIL] today.",
        ),
        ("de", "An jörg.müller@größe.de-Adressen.", "An [EMAIL]-Adressen."),
        ("zh", "请写信到jane@example.cn联系我们。", "请写信到[EMAIL]联系我们。"),
        ("ja", "連絡先はjane@example.co.jpです。", "連絡先は[EMAIL]です。"),
        ("en", "Call +44 20 7946 0958 now.", "Call [PHONE] now."),
        ("en", "Call (212) 736-5000, please.", "Call [PHONE], please."),
        (
            "de",
            "Telefon 030 901820, Fax 030/9018-2000.",
            "Telefon [PHONE], Fax [PHONE].",
        ),
        ("en", "Card 4111 1111 1111 1111 is stolen.", "Card [CARD] is stolen."),
        (
            "en",
            "Card 4111 1111 1111 1112 is wrong.",
            "Card 4111 1111 1111 1112 is wrong.",
        ),
        ("de", "IBAN DE89 3704 0044 0532 0130 00 BIC X", "IBAN [IBAN] BIC X"),
        ("fr", "IBAN FR1420041010050500013M02606.", "IBAN [IBAN]."),
        ("de", "DE89 3704 0044 0532 0130 03", "DE89 3704 0044 0532 0130 03"),
        ("en", "From 192.168.10.254, port 80.", "From [IP], port 80."),
        ("en", "Host 2001:db8::8a2e:370:7334.", "Host [IP]."),
        ("en", "Version 1.2.3.4567 of 999.1.1.1", "Version 1.2.3.4567 of 999.1.1.1"),
        ("en", "At 12:30:45 in 1998-2003, 3,600,000 people.", None),
        ("en", "std::vector and a::b are names.", None),
        ("en", "On 2018-10-03 it rained 12.5 mm.", None),
        ("xx-unknown", "Mail a@b.org and +49 30 901820", "Mail [EMAIL] and [PHONE]"),
    ],
)
def test_masks(language, text, masked):
    assert PersonalDataMask(language)(text) == (text if masked is None else masked)


@pytest.mark.parametrize("unit", ["a", "_", "a.", "a-", "é", "漢", "@a", "a@a."])
def test_long_lines_take_no_longer_by_the_character(unit):
    mask = PersonalDataMask("en")
    mask("@ 1")
    start = time.perf_counter()
    mask(unit * (100_000 // len(unit)) + " @ ")
    assert time.perf_counter() - start < 5


def test_endless_digits_take_no_time_and_hide_no_number():
    digits = "".join(str(number * 7919 % 10) for number in range(100_000))
    start = time.process_time()
    text = PersonalDataMask("en")(f"Call 020 7946 0123, {digits}, or +44 7911 123456.")
    assert text == f"Call [PHONE], {digits}, or [PHONE]."
    assert time.process_time() - start < 2


@pytest.mark.parametrize("sign", [" ", ".", "-"])
def test_long_rows_of_numbers_are_not_looked_through(sign, monkeypatch):
    mask, seen = PersonalDataMask("en"), []
    matcher = mask._phones.PhoneNumberMatcher

    def noted(text, *args, **kwargs):
        seen.append(text)
        return matcher(text, *args, **kwargs)

    monkeypatch.setattr(mask._phones, "PhoneNumberMatcher", noted)
    row = sign.join("71" * 500)
    text = mask(f"Call 020 7946 0123 for {row}, or +44 7911 123456.")
    assert text == f"Call [PHONE] for {row}, or [PHONE]."
    assert max(map(len, seen)) < 100
