"""Masks for personal data: mail, phone, card and IBAN numbers, IP addresses."""

import ipaddress
import re

from langcodes import Language

from xlm_tf.optional_packages import import_optional
from xlm_tf.text.scripts import UNSPACED_LETTERS

# Letters of scripts without spaces may stand beside all of them.
_NAME = rf"[^\W{UNSPACED_LETTERS}]"
# From the first character alone: from each of them takes long in long lines.
_EMAIL = re.compile(
    rf"(?<!{_NAME})(?<![.+%'-])(?:{_NAME}|[.+%'-])+"
    rf"@(?:(?:{_NAME}|-)+\.)+[^\W\d_{UNSPACED_LETTERS}]{{2,}}"
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}(?![a-z0-9])")
_CARD = re.compile(r"(?<![A-Za-z0-9.,-])\d(?:[ -]?\d){12,18}(?![A-Za-z0-9-]|[.,]\d)")
_IPV4 = re.compile(r"(?<![A-Za-z0-9.])\d{1,3}(?:\.\d{1,3}){3}(?![A-Za-z0-9]|\.\d)")
_IPV6 = re.compile(
    r"(?<![A-Za-z0-9:.])(?=[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:)[0-9A-Fa-f:.]{3,45}"
)
# What phonenumbers is asked about: it takes long for lines without any.
_PHONE = re.compile(r"\d(?:[\s().\-/]*\d){5,}")
_PHONE_LENGTHS = range(7, 16)
# Digits that no number is made of, in which phonenumbers would look for long: without
# end, or with nothing but single spaces, dots or dashes between them.
_NO_NUMBER = re.compile(r"(\d(?:[ .-]?\d){39,})")
# Where numbers without the code of a country may come from, too, in any language.
_REGIONS = (
    "US",
    "GB",
    "DE",
    "FR",
    "ES",
    "IT",
    "RU",
    "CN",
    "IN",
    "JP",
    "BR",
    "TR",
    "NL",
)
# What stands before a number, whether it is a valid one or not.
_LABELS = (
    "tel|telefon|telephone|téléphone|teléfono|telefono|telefone|phone|mobile|mobil|fax"
    "|handy|whatsapp|тел|телефон|电话|電話|전화|هاتف"
)
_LABELLED = re.compile(
    rf"\b({_LABELS})\b([.:]*\s*)(\+?\(?\d(?:[\s().\-/]*\d){{6,14}})", re.I
)


class PersonalDataMask:
    """Puts the name of its kind in place of every personal datum.

    Phone numbers are those behind a word such as tel, and those that phonenumbers
    (Google's libphonenumber) finds valid, written internationally, or as in the country
    where the language is most spoken, or as is usual in one of some others; cards pass
    Luhn's check (ISO/IEC 7812) and IBANs modulo 97 (ISO 13616).

    Args:
        language: str, of the lines.

    Raises:
        ModuleNotFoundError: phonenumbers is not installed.
    """

    def __init__(self, language):
        self._phones = import_optional(
            "phonenumbers", "Masks of phone numbers", "pip install 'xlm-tf[clean]'"
        )
        self._region = Language.get(language.replace("_", "-")).maximize().territory

    def __call__(self, text):
        """A text with masks: str."""
        if "@" in text:
            text = _EMAIL.sub("[EMAIL]", text)
        if not any(map(str.isdigit, text)):
            return text if "::" not in text else _IPV6.sub(_masked_ip, text)
        text = _IBAN.sub(_masked_iban, text)
        text = _IPV4.sub(_masked_ip, text)
        text = _IPV6.sub(_masked_ip, text)
        text = _CARD.sub(_masked_card, text)
        parts = _NO_NUMBER.split(text)
        parts[::2] = map(self._without_phones, parts[::2])
        return "".join(parts)

    def _without_phones(self, text):
        if not _PHONE.search(text):
            return text
        text = _LABELLED.sub(r"\1\2[PHONE]", text)
        leniency = self._phones.Leniency
        # Abroad a number must be written as numbers are there.
        abroad = ((region, leniency.STRICT_GROUPING) for region in _REGIONS)
        for region, kind in ((self._region, leniency.VALID), *abroad):
            if not _PHONE.search(text):
                break
            found = self._phones.PhoneNumberMatcher(text, region, leniency=kind)
            for match in reversed(list(found)):
                digits = sum(map(str.isdigit, match.raw_string))
                if digits in _PHONE_LENGTHS:
                    text = f"{text[: match.start]}[PHONE]{text[match.end :]}"
        return text


def _masked_iban(found):
    """IBANs may be followed by words in capitals: the longest that is right."""
    text = found.group(0)
    for end in range(len(text), 14, -1):
        code = text[:end].replace(" ", "")
        if text[end - 1] != " " and _is_iban(code):
            return f"[IBAN]{text[end:]}"
    return text


def _is_iban(code):
    if not 15 <= len(code) <= 34:
        return False
    return int("".join(str(int(x, 36)) for x in code[4:] + code[:4])) % 97 == 1


def _masked_card(found):
    digits = [int(x) for x in re.sub(r"\D", "", found.group(0))][::-1]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    is_right = (sum(digits[::2]) + sum(doubled)) % 10 == 0
    # Cards of payment begin with 2 to 6; 0000... passes the check, too.
    return "[CARD]" if is_right and digits[-1] in range(2, 7) else found.group(0)


def _masked_ip(found):
    text = found.group(0)
    address = text.rstrip(".:")
    groups = address.replace(".", ":").split(":")
    # `a::b` is an address, too, and rather a name of a program.
    if len(list(filter(None, groups))) < 3:
        return text
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return text
    return f"[IP]{text[len(address) :]}"
