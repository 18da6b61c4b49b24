"""Files as the web leaves them: pages with what surrounds text, and archives."""

import io

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

ARTICLES = {
    "en": [
        "The harbour of the small town was built more than two hundred years ago, when "
        "the fishermen still went out with sails and came back with the evening tide.",
        "Today only three families live from fishing, and most of the boats belong to "
        "people who come for the summer and leave again before the first storms.",
        "The council wants to keep the old wooden sheds, because they tell how hard "
        "the work was, and because visitors like to take pictures of them.",
    ],
    "de": [
        "Der Hafen der kleinen Stadt wurde vor über zweihundert Jahren gebaut, als die "
        "Fischer noch mit Segeln hinausfuhren und mit der Flut zurückkehrten.",
        "Heute leben nur noch drei Familien vom Fischfang, und die meisten Boote "
        "gehören Leuten, die für den Sommer kommen und vor den Stürmen abreisen.",
        "Der Gemeinderat möchte die alten Schuppen erhalten, weil sie erzählen, wie "
        "schwer die Arbeit war, und weil Besucher sie gern fotografieren.",
    ],
    "ru": [
        "Гавань маленького города построили больше двухсот лет назад, когда рыбаки ещё "
        "выходили в море под парусами и возвращались с вечерним приливом.",
        "Сегодня рыбной ловлей живут только три семьи, а большинство лодок принадлежит "
        "людям, которые приезжают на лето и уезжают до первых штормов.",
        "Городской совет хочет сохранить старые деревянные сараи, потому что они "
        "рассказывают, какой тяжёлой была эта работа.",
    ],
    "ja": [
        "この小さな町の港は二百年以上前に造られました。当時の漁師たちは帆を張って海に出て、"
        "夕方の潮とともに帰ってきました。",
        "今では漁業で暮らす家族は三つだけで、ほとんどの船は夏に来て最初の嵐の前に帰る人々の"
        "ものです。港には静かな時間が流れています。",
        "町の議会は古い木の小屋を残したいと考えています。それは仕事がどれほど大変だったかを"
        "伝え、訪れる人々が写真を撮るのを楽しみにしているからです。",
    ],
    "zh": [
        "这座小城的港口建于二百多年前，那时渔民们还扬帆出海，随着傍晚的潮水回来。",
        "今天只有三个家庭靠捕鱼为生，大多数船属于夏天来、在第一场风暴之前离开的人。",
        "市议会希望保留那些旧木屋，因为它们讲述了当年的工作有多么辛苦，也因为游客喜欢给它们拍照。"
        "港口旁边的小博物馆里展出着旧渔网和老照片，每年都有许多学生来参观。",
    ],
    "pl": [
        "Port małego miasta zbudowano ponad dwieście lat temu, gdy rybacy wypływali "
        "jeszcze pod żaglami i wracali z wieczornym przypływem.",
        "Dziś z rybołówstwa żyją tylko trzy rodziny, a większość łodzi należy do "
        "ludzi, którzy przyjeżdżają na lato i wyjeżdżają przed pierwszymi sztormami.",
        "Rada miasta chce zachować stare drewniane szopy, ponieważ opowiadają, jak "
        "ciężka była ta praca, i ponieważ goście chętnie robią im zdjęcia.",
    ],
    "sw": [
        "Bandari ya mji huu mdogo ilijengwa zaidi ya miaka mia mbili iliyopita, wakati "
        "wavuvi bado walikwenda baharini kwa matanga na kurudi jioni.",
        "Leo ni familia tatu tu zinazoishi kwa uvuvi, na mashua nyingi ni za watu "
        "wanaokuja wakati wa kiangazi na kuondoka kabla ya dhoruba za kwanza.",
        "Baraza la mji linataka kuhifadhi vibanda vya zamani vya mbao, kwa sababu "
        "vinaeleza jinsi kazi ilivyokuwa ngumu kwa watu wa zamani.",
    ],
}


def text_of(language):
    """The lines that a document of such a page should have."""
    return "\n".join(ARTICLES[language])


def page(language, charset=None, date=None, paragraphs=None):
    """A page with menu, advertisement, teasers and footer: str."""
    meta = f'<meta charset="{charset}">' if charset else ""
    when = f'<meta property="article:published_time" content="{date}">' if date else ""
    body = "".join(f"<p>{x}</p>\n" for x in paragraphs or ARTICLES[language])
    menu = "".join(f'<li><a href="/{i}">Menu entry {i}</a></li>' for i in range(12))
    return f"""<!DOCTYPE html>
<html><head>{meta}{when}<title>x</title><style>p {{ color: red }}</style></head>
<body><header><nav><ul>{menu}</ul></nav></header>
<div class="cookie-banner">We use cookies. <button>Accept all cookies</button></div>
<main><article><h1>x</h1>{body}</article></main>
<aside class="sidebar"><h3>Most read</h3><ul>{menu}</ul></aside>
<script>var tracked = "Script of an advertisement";</script>
<footer><p>Copyright, all rights reserved. <a href="/imprint">Imprint</a></p></footer>
</body></html>"""


class Archive:
    """A WARC file that is written to a path."""

    def __init__(self, path, gzip=True):
        self._file = open(path, "wb")  # noqa: SIM115
        self._writer = WARCWriter(self._file, gzip=gzip)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._file.close()

    def response(
        self, url, content, content_type="text/html", status="200 OK", **headers
    ):
        """Add what a server answered."""
        named = {"Content-Type": content_type} if content_type else {}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        answer = StatusAndHeaders(status, list(named.items()), protocol="HTTP/1.1")
        self.record("response", url, content, http_headers=answer)

    def record(self, kind, url, content, **arguments):
        """Add any record, of 1 February 2024."""
        record = self._writer.create_warc_record(
            url,
            kind,
            payload=io.BytesIO(content),
            warc_headers_dict={"WARC-Date": "2024-02-01T10:20:30Z"},
            **arguments,
        )
        self._writer.write_record(record)

    def text(self, url, text):
        """Add what WET files have."""
        self.record("conversion", url, text.encode(), warc_content_type="text/plain")
