"""Web text that is on disk, as documents of plain text: `xlm-tf collect`."""

from xlm_tf.optional_packages import import_optional

for _package in ("trafilatura", "warcio", "mwparserfromhell", "feedparser"):
    import_optional(_package, "Web pages", "pip install 'xlm-tf[collect]'")
