import pytest

from care.consent_texts import CURRENT, current_texts, text_for
from identity.principal import LANGUAGES
from kernel.errors import Invalid

PROMISES = {
    "en": (
        "record",
        "Why",
        "three years",
        "Who may see",
        "say no",
        "withdraw",
        "disadvantage",
        "encrypted",
        "training",
    ),
    "zh-CN": ("录音录像", "为什么", "三年", "谁可以查看", "不同意", "撤回", "不利", "加密", "人工智能训练"),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_says_who_what_why_how_long_who_sees_and_the_right_to_refuse_and_withdraw(language: str) -> None:
    text = text_for(CURRENT, language)
    assert [promise for promise in PROMISES[language] if promise not in text] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_is_the_same_number_of_paragraphs_in_each_language_and_begins_with_the_question(language: str) -> None:
    paragraphs = text_for(CURRENT, language).split("\n\n")
    assert len(paragraphs) == len(text_for(CURRENT, "en").split("\n\n"))
    assert paragraphs[0].rstrip().endswith(("?", "？"))
    assert all(paragraph == paragraph.strip() for paragraph in paragraphs)


def test_chinese_uses_full_width_punctuation() -> None:
    text = text_for(CURRENT, "zh-CN")
    assert not set(text) & set(",;:?!()")


def test_an_unpublished_version_or_language_is_refused() -> None:
    for version, language in ((CURRENT, "fr"), ("1999-01", "en"), ("", "")):
        with pytest.raises(Invalid):
            text_for(version, language)


def test_the_texts_that_are_asked_now_are_complete() -> None:
    assert current_texts() == {language: text_for(CURRENT, language) for language in LANGUAGES}
