"""The exact words in which people are asked for consent to recording, by version and language.

What somebody was shown is stored with their answer, so a published version is never edited: new words are a new
version, and `CURRENT` names the one that is asked now.
"""

from collections.abc import Mapping
from typing import Final

from kernel.errors import Invalid

CURRENT: Final = "2026-11"

_RECORDING_2026_11_EN: Final = """\
May we record this consultation?

Who records, and what: the clinic that is treating you would like to record the sound and picture of this visit, and \
a screen if somebody shares one. Only people who agree are recorded, and while recording is on everybody sees a sign \
that says so.

Why: so that what was said and decided can be checked later, for your further treatment, for the quality and safety \
of care, and to clear up questions or complaints. It is not used for teaching, research, advertising or training of \
computer systems unless you are asked again.

How long it is kept: encrypted, with your medical record, for at least three years after the visit, and longer only \
where the law requires it.

Who may see it: the doctors who treat you, and the clinic's records staff when they have a reason, which they must \
write down. Every viewing is noted. Nobody else sees it unless you agree or the law demands it.

You may say no: your consultation takes place in the same way and you have no disadvantage.

You may change your mind: you can withdraw at any time during the visit, and recording of you stops at once. What was \
recorded until then stays with your medical record. After the visit you can ask the clinic for a copy, or to have the \
recording restricted or erased as far as the law allows.

Please do not record the visit yourself without asking the others.
"""

_RECORDING_2026_11_ZH: Final = """\
是否同意对本次问诊进行录音录像？

由谁录制、录制什么：由为您诊疗的医疗机构录制本次问诊的声音和图像；如有人共享屏幕，也会一并录制。只录制表示同意的人。录制期间，所有参与者的画面上都会显示“正在录制”的提示。

为什么录制：用于日后核对问诊内容和诊疗意见、保障您的后续诊疗、医疗质量与安全管理，以及处理疑问或投诉。未经再次征得您的同意，不会用于教学、科研、宣传或人工智能训练。

保存多久：录音录像加密后随您的病历保存，自问诊结束之日起不少于三年；仅在法律法规另有要求时才会延长。

谁可以查看：为您诊疗的医生，以及因工作需要并登记了查阅理由的病案管理人员。每一次查看都会留下记录。除您同意或法律法规另有规定外，其他任何人不得查看。

您可以不同意：不同意录制不影响本次问诊，也不会给您带来任何不利。

您可以随时撤回：问诊过程中您可以随时撤回同意，撤回后立即停止对您的录制；撤回之前已录制的内容仍随病历保存。问诊结束后，您可以向本机构申请复制，或在法律法规允许的范围内申请限制使用或删除。

未经其他参与者同意，请不要自行录音录像。
"""

_RECORDING: Final[Mapping[str, Mapping[str, str]]] = {
    "2026-11": {"en": _RECORDING_2026_11_EN.strip(), "zh-CN": _RECORDING_2026_11_ZH.strip()},
}


def text_for(version: str, language: str) -> str:
    """Return the words of the recording consent; paragraphs are separated by an empty line, the first is the question.

    `kernel.errors.Invalid` when that version was never published in that language.
    """
    try:
        return _RECORDING[version][language]
    except KeyError:
        raise Invalid("There is no consent text of this version and language.") from None


def current_texts() -> dict[str, str]:
    """Return the words of the current version by language."""
    return dict(_RECORDING[CURRENT])
