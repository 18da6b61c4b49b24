import pytest
import tensorflow as tf

from xlm_tf.text.language_codes import (
    LanguageCode,
    is_language,
    match_language,
    parse_language_code,
)
from xlm_tf.text.language_codes_in_graph import languages_found
from xlm_tf.text.languages import language_index

XLM_100_NAMES = (
    "af als am an ang ar arz ast az bar be bg bn br bs ca ceb ckb cs cy da de el en eo "
    "es et eu fa fi fr fy ga gan gl gu he hi hr hu hy ia id is it ja jv ka kk kn ko ku "
    "la lb lt lv mk ml mn mr ms my nds ne nl nn no oc pl pt ro ru scn sco sh si simple "
    "sk sl sq sr sv sw ta te th tl tr tt uk ur uz vi war wuu yi zh zh_classical "
    "zh_min_nan zh_yue"
)
MBART_NAMES = (
    "ar_AR cs_CZ de_DE en_XX es_XX et_EE fi_FI fr_XX gu_IN hi_IN it_IT ja_XX kk_KZ "
    "ko_KR lt_LT lv_LV my_MM ne_NP nl_XX ro_RO ru_RU si_LK tr_TR vi_VN zh_CN"
)
FLORES_NAMES = "arb_Arab eng_Latn zho_Hans zho_Hant srp_Cyrl por_Latn als_Latn nob_Latn"
XLM_100, MBART, FLORES = (x.split() for x in (XLM_100_NAMES, MBART_NAMES, FLORES_NAMES))
FOUND = [
    ("zh_CN", ["zh"], "zh"),
    ("zh-Hans", ["zh_CN"], "zh_CN"),
    ("zh-Hant-TW", ["zh_CN", "zh_TW"], "zh_TW"),
    ("zh-hk", ["zh_Hans", "zh_Hant"], "zh_Hant"),
    ("zh-SG", ["zh", "zh_Hans", "zh_Hant"], "zh_Hans"),
    ("zh_TW", ["zh", "zh-Hant"], "zh-Hant"),
    ("ja_JP", ["en", "ja"], "ja"),
    ("pt-BR", ["pt"], "pt"),
    ("pt-BR", ["pt-PT", "pt"], "pt"),
    ("pt", ["pt-BR", "es"], "pt-BR"),
    ("EN", XLM_100, "en"),
    ("en_US.UTF-8", XLM_100, "en"),
    ("eng_Latn", XLM_100, "en"),
    ("en-simple", XLM_100, "simple"),
    ("sr@latin", XLM_100, "sh"),
    ("sr_ME", XLM_100, "sh"),
    ("sr-Cyrl", XLM_100, "sr"),
    ("nb_NO", XLM_100, "no"),
    ("nno", XLM_100, "nn"),
    ("iw", XLM_100, "he"),
    ("fil", XLM_100, "tl"),
    ("gsw", XLM_100, "als"),
    ("sqi", XLM_100, "sq"),
    ("yue-HK", XLM_100, "zh_yue"),
    ("zh-min-nan", XLM_100, "zh_min_nan"),
    ("lzh", XLM_100, "zh_classical"),
    ("cmn", XLM_100, "zh"),
    ("zh-yue", XLM_100, "zh_yue"),
    ("zh-cmn-Hans-CN", XLM_100, "zh"),
    ("en-u-ca-gregory", XLM_100, "en"),
    ("de-1996", XLM_100, "de"),
    ("ca_ES@valencia", XLM_100, "ca"),
    ("de_DE@euro", MBART, "de_DE"),
    ("ar", MBART, "ar_AR"),
    ("ar-EG", MBART, "ar_AR"),
    ("jpn", MBART, "ja_XX"),
    ("sq", FLORES, "als_Latn"),
    ("nb", FLORES, "nob_Latn"),
    ("be_x_old", ["be", "be-tarask"], "be-tarask"),
    ("roa-rup", ["rup"], "rup"),
    ("English", ["english", "german"], "english"),
]
REFUSED = [
    ("pt-PT", ["pt-BR"], "one of"),
    ("pt", ["pt-BR", "pt-PT"], "say which"),
    ("zh", FLORES, "say which"),
    ("zh_TW", ["zh_CN"], "one of"),
    ("nn", ["no"], "one of"),
    ("xx", XLM_100, "one of"),
    ("en", ["english"], "one of"),
    ("yue", ["zh"], "one of"),
]


@pytest.mark.parametrize(
    "code, expected",
    [
        ("zh_CN", ("zh", "Hans", "CN")),
        ("zh-Hant-TW", ("zh", "Hant", "TW")),
        ("ja_JP", ("ja", "Jpan", "JP")),
        ("en_XX", ("en",)),
        ("zh_classical", ("lzh",)),
        ("bat_smg", ("sgs",)),
        ("simple", ("en", "", "", "simple")),
        ("be_x_old", ("be", "", "", "tarask")),
        ("sr_RS.UTF-8@latin", ("sr", "Latn", "RS")),
        ("KHM", ("km",)),
        ("english", ("english",)),
    ],
)
def test_a_code_says_the_same_in_every_spelling(code, expected):
    assert parse_language_code(code) == LanguageCode(*expected)


@pytest.mark.parametrize("code", ["", "  ", None, False, 3, b"en"])
def test_what_is_no_string_is_refused(code):
    with pytest.raises(ValueError, match="in YAML and JSON in quotation marks"):
        parse_language_code(code)


def test_a_name_is_no_code():
    for code in ("de", "zh-Hant", "zho_Hans", "en_XX", "zh_classical", "no", "nb"):
        assert is_language(code), code
    for name in ("chinese", "xx", "not a language"):
        assert not is_language(name), name


def test_every_name_of_the_released_models_is_a_language_of_its_own():
    for names in (XLM_100, MBART, FLORES):
        assert len({parse_language_code(name) for name in names}) == len(names)
        assert [match_language(name, names) for name in names] == names


@pytest.mark.parametrize("code, names, expected", FOUND)
def test_a_code_finds_the_name_of_its_language(code, names, expected):
    assert match_language(code, names) == expected


@pytest.mark.parametrize("code, names, message", REFUSED)
def test_what_contradicts_or_could_be_several_is_refused(code, names, message):
    with pytest.raises(ValueError, match=message) as error:
        match_language(code, names)
    assert repr(code) in str(error.value)


def test_in_graph_the_rule_is_the_same():
    codes = [code for code, *_ in FOUND + REFUSED]
    for names in (XLM_100, MBART, FLORES, ["zh", "zh-Hant"], ["english"]):
        found = languages_found(tf.constant(codes), names).numpy()
        for code, row in zip(codes, found, strict=True):
            if row.sum() == 1:
                assert match_language(code, names) == names[row.argmax()]
            else:
                with pytest.raises(ValueError, match=repr(code)):
                    match_language(code, names)


def test_one_language_that_is_spelled_otherwise_changes_no_other():
    index = language_index(tf.constant(["zh", "zh_TW", "EN"]), ["en", "zh-Hant", "zh"])
    assert index.numpy().tolist() == [2, 1, 0]


def test_names_that_are_spelled_alike_need_no_rule():
    names = ["zh_CN", "zh-Hans-CN"]
    assert match_language("zh_CN", names) == "zh_CN"
    assert language_index(tf.constant(names), names).numpy().tolist() == [0, 1]
    with pytest.raises(ValueError, match="say which"):
        match_language("zh-cn", names)
