"""OCR languages: mapping of ISO 639 codes to Tesseract's data files."""

import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

DEFAULT_LANGUAGE = "eng"

_TESSERACT_NAMES = {
    "ar": "ara", "bg": "bul", "ca": "cat", "cs": "ces", "da": "dan", "de": "deu", "el": "ell",
    "en": "eng", "es": "spa", "et": "est", "fa": "fas", "fi": "fin", "fr": "fra", "he": "heb",
    "hi": "hin", "hr": "hrv", "hu": "hun", "id": "ind", "it": "ita", "ja": "jpn", "ko": "kor",
    "lt": "lit", "lv": "lav", "nl": "nld", "no": "nor", "pl": "pol", "pt": "por", "ro": "ron",
    "ru": "rus", "sk": "slk", "sl": "slv", "sr": "srp", "sv": "swe", "th": "tha", "tr": "tur",
    "uk": "ukr", "vi": "vie", "ch_sim": "chi_sim", "ch_tra": "chi_tra", "zh": "chi_sim",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class OcrLanguages:
    """Language data of OCR.

    Attributes:
        codes: names joined by ``+``; None if no data is available, which disables OCR.
        missing: requested languages without installed data.
    """

    codes: str | None
    missing: tuple[str, ...] = ()


def data_folder() -> Path:
    """Return the folder in which ``tessdata`` packages install their files."""
    return Path(sys.prefix, "share", "tessdata")


@lru_cache
def installed(folder: Path | None = None) -> list[str]:
    """Return the languages with installed data, sorted; cached per process."""
    files = (folder or data_folder()).glob("*.traineddata")
    return sorted(file.stem for file in files if file.stem != "osd")


def choose(asked: list[str], folder: Path | None = None) -> OcrLanguages:
    """Return the data for the requested languages, English by default.

    Args:
        asked: ISO 639-1 codes or Tesseract's names.
        folder: folder with the data; None means `data_folder`.
    """
    here = set(installed(folder))
    names = {code: _TESSERACT_NAMES.get(code.lower(), code) for code in asked}
    if not names:
        names = {DEFAULT_LANGUAGE: DEFAULT_LANGUAGE}
    found = [name for name in dict.fromkeys(names.values()) if name in here]
    missing = tuple(code for code, name in names.items() if name not in here)
    return OcrLanguages("+".join(found) or None, missing)
