"""Texts that every artefact is checked on before it is handed over."""

CHECK_TEXTS = (
    "The library opens at nine and closes at six.",
    "Le train de nuit arrive à Marseille vers sept heures du matin.",
    "Der Schlüssel liegt unter der Fußmatte.",
    "¿Dónde puedo cambiar la contraseña de mi cuenta?",
    "Η εφαρμογή δεν απάντησε εγκαίρως.",
    "Новая версия выйдет на следующей неделе.",
    "Kahvaltıda çay içmeyi çok severim.",
    "لم يتم العثور على الصفحة المطلوبة.",
    "इस पुस्तक के दो सौ पन्ने हैं।",
    "กรุณากรอกชื่อผู้ใช้ของคุณ",
    "Thời tiết hôm nay rất đẹp.",
    "请输入有效的电子邮件地址。",
    "Habari ya asubuhi, karibu nyumbani.",
    "یہ دکان شام کو بند ہو جاتی ہے۔",
    "Градът е разположен край реката.",
    "今日は図書館で本を三冊借りました。",
    "Price: 12,50 € (ISBN 978-3-16-148410-0) — see https://example.org/?q=1 🎉",
    "word " * 60,
    "",
    b"\xff\xfe broken \xc3 bytes",
)
