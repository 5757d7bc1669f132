"""A visit's transcript as one page of HTML in English and Chinese: self-contained, printable, nothing in it runs."""

import html
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Final

from care.summary import ConsultationSummary
from care.transcript import ConsentAnswer, Happening, Message, Transcript
from identity.principal import Role

Words = tuple[str, str]
"""The same in English and in Chinese."""

_ROLES: Final[dict[Role, Words]] = {
    Role.PATIENT: ("patient", "患者"),
    Role.CLINICIAN: ("doctor", "医生"),
    Role.GUEST: ("guest", "受邀人员"),
    Role.CUSTODIAN: ("records custodian", "病案管理员"),
    Role.ADMINISTRATOR: ("administrator", "管理员"),
}
_DECISIONS: Final[dict[str, Words]] = {
    "given": ("agreed to recording", "同意录音录像"),
    "refused": ("refused recording", "不同意录音录像"),
    "withdrawn": ("withdrew consent to recording", "撤回录音录像同意"),
}
_HAPPENINGS: Final[dict[str, Words]] = {
    "participant_arrived": ("came into the waiting room", "进入候诊室"),
    "participant_connected": ("came back", "重新连接"),
    "participant_disconnected": ("left or lost the connection", "离开或连接中断"),
    "participant_admitted": ("was admitted", "由医生接诊"),
    "participant_held": ("was sent back to the waiting room", "返回候诊室"),
    "participant_removed": ("was dismissed", "已移出诊室"),
    "recording_started": ("started the recording", "开始录制"),
    "recording_stopped": ("Recording stopped", "停止录制"),
    "visit_finished": ("finished the visit", "结束问诊"),
}
_SCREEN: Final[dict[str, Words]] = {
    "track_published": ("began to share the screen", "开始共享屏幕"),
    "track_unpublished": ("stopped sharing the screen", "停止共享屏幕"),
}
_RUNGS: Final[dict[str, Words]] = {  # best first
    "high_video": ("has a good connection again", "网络恢复良好"),
    "low_video": ("has a slow connection: smaller picture", "网络较慢：画面缩小"),
    "still_picture": ("has a weak connection: voice and a still picture", "网络较差：语音和静止画面"),
    "audio_only": ("has a weak connection: voice only", "网络较差：仅语音"),
    "live_text": ("can neither hear nor be heard: text only", "语音中断：仅文字"),
    "message": ("is away: messages are left for later", "暂时离开：留言"),
}
_SEALED: Final[Words] = ("[sealed end to end]", "［端到端加密，服务器不可见］")

_STYLE: Final = """
:root{color-scheme:light}
body{margin:2rem auto;max-width:52rem;padding:0 1rem;color:#14262b;background:#fff;
 font:16px/1.55 system-ui,"PingFang SC","Noto Sans CJK SC","Microsoft YaHei",sans-serif}
h1{font-size:1.5rem;margin:0 0 1rem}h2{font-size:1.1rem;margin:2rem 0 .5rem;border-bottom:1px solid #b9c7ca}
h3{font-size:.95rem;margin:1rem 0 0;color:#45595e}
[lang=zh-CN]{color:#45595e}dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1.5rem;margin:0}
dt{color:#45595e}dd{margin:0}table{border-collapse:collapse;width:100%}
th{text-align:left;font-weight:600;color:#45595e}th,td{padding:.35rem .75rem .35rem 0;vertical-align:top}
td.time{white-space:nowrap;font-variant-numeric:tabular-nums;color:#45595e}tr{break-inside:avoid}
tr.event td{color:#45595e}.words{white-space:pre-wrap;overflow-wrap:anywhere}
blockquote{margin:.5rem 0 1rem;padding-left:1rem;border-left:3px solid #b9c7ca;color:#14262b;white-space:pre-wrap}
footer{margin-top:2rem;color:#45595e;font-size:.85rem}
@page{margin:18mm 16mm;@bottom-right{content:counter(page) " / " counter(pages);font:9pt system-ui,sans-serif}}
@media print{body{margin:0;padding:0;max-width:none;font-size:10.5pt}h2,h3{break-after:avoid}}
"""


def page_of(transcript: Transcript, consultation: ConsultationSummary, *, zone: tzinfo, printed_at: datetime) -> str:
    """Return the page. Times are those of `zone`, which is named in it; every word of a person is escaped."""
    title = f"{consultation.patient.name} · {_time(consultation.scheduled_at, zone)}"
    return "".join(
        (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            '<meta name="robots" content="noindex">',
            f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body><main>",
            f"<h1>{_both(('Transcript of a consultation', '问诊记录'))}</h1>",
            _facts(consultation, zone),
            f"<h2>{_both(('Who was there', '参与者'))}</h2>",
            _people(transcript),
            f"<h2>{_both(('Consent to recording', '录音录像知情同意'))}</h2>",
            _consents(transcript.consents, zone),
            f"<h2>{_both(('What was said and done', '问诊过程'))}</h2>",
            _course(transcript, zone),
            f"</main><footer>{_both(('Printed', '导出时间'))}: {_time(printed_at, zone)}</footer></body></html>\n",
        )
    )


def _facts(consultation: ConsultationSummary, zone: tzinfo) -> str:
    clinician = " · ".join(part for part in (consultation.clinician.name, consultation.clinician.title) if part)
    rows: list[tuple[Words, str]] = [
        (("Patient", "患者"), _text(consultation.patient.name)),
        (("Date of birth", "出生日期"), consultation.patient.birth_date.isoformat()),
        (("Record number", "病案号"), _text(consultation.patient.record_number)),
        (("Doctor", "医生"), _text(clinician)),
        (("Department", "科室"), _both((consultation.department.name_en, consultation.department.name_zh))),
        (("Reason for visit", "主诉"), _text(consultation.reason)),
        (("Planned for", "预约时间"), _time(consultation.scheduled_at, zone)),
    ]
    if consultation.started_at is not None:
        rows.append((("Began", "开始时间"), _time(consultation.started_at, zone)))
    if consultation.finished_at is not None:
        rows.append((("Finished", "结束时间"), _time(consultation.finished_at, zone)))
    rows.append((("Consultation", "问诊编号"), _text(consultation.id)))
    return "<dl>" + "".join(f"<dt>{_both(label)}</dt><dd>{value}</dd>" for label, value in rows) + "</dl>"


def _people(transcript: Transcript) -> str:
    lines = (f"<li>{_text(person.name)} ({_both(_ROLES[person.role])})</li>" for person in transcript.participants)
    return f"<ul>{''.join(lines)}</ul>"


def _consents(consents: Sequence[ConsentAnswer], zone: tzinfo) -> str:
    """Return who answered what and when, then each wording that was shown, once."""
    if not consents:
        return f"<p>{_both(('Nobody was asked.', '未询问。'))}</p>"
    answers = "".join(
        f"<li>{_time(consent.at, zone)} — {_text(consent.name)} {_both(_DECISIONS[consent.decision])} "
        f"({_both(('wording', '文本版本'))} {_text(consent.version)}, {_text(consent.language)})</li>"
        for consent in consents
    )
    shown = {(consent.version, consent.language, consent.text): None for consent in consents}
    wordings = "".join(
        f"<h3>{_both(('Wording', '文本版本'))} {_text(version)}, {_text(language)}</h3>"
        f'<blockquote lang="{_text(language)}">{_text(words)}</blockquote>'
        for version, language, words in shown
    )
    return f"<ul>{answers}</ul>{wordings}"


def _course(transcript: Transcript, zone: tzinfo) -> str:
    messages = {message.seq: message for message in transcript.messages}
    clinicians = {person.participant for person in transcript.participants if person.role is Role.CLINICIAN}
    rows = []
    for happening in transcript.timeline:
        message = messages.get(happening.seq)
        if message is not None:
            rows.append(_row(happening, _text(message.author_name), _message(message), zone, "message"))
        else:
            words = _words_of(happening, is_clinician=happening.participant in clinicians)
            if words is not None:
                rows.append(_row(happening, _text(happening.name or ""), _both(words), zone, "event"))
    head = "".join(
        f'<th scope="col">{_both(words)}</th>'
        for words in (("Time", "时间"), ("Recording", "录像位置"), ("Who", "人员"), ("What", "内容"))
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _row(happening: Happening, who: str, what: str, zone: tzinfo, kind: str) -> str:
    clock = happening.at.astimezone(zone).strftime("%H:%M:%S")
    offset = "" if happening.offset_ms is None else _offset(happening.offset_ms)
    return (
        f'<tr class="{kind}"><td class="time">{clock}</td><td class="time">{offset}</td>'
        f'<td>{who}</td><td class="words">{what}</td></tr>'
    )


def _message(message: Message) -> str:
    words = _both(_SEALED) if message.text is None else _text(message.text)
    files = "".join(f"<br>📎 {_text(file.name)} ({file.size_bytes} B)" for file in message.attachments)
    return words + files


def _words_of(happening: Happening, *, is_clinician: bool) -> Words | None:
    """Return how the page tells of it, None for what a reader of the page need not know."""
    if happening.kind == "participant_arrived" and is_clinician:
        return ("came in", "进入诊室")
    if happening.decision is not None:
        return _DECISIONS[happening.decision]
    if happening.receives is not None and happening.sends is not None:
        return _RUNGS[max(happening.receives, happening.sends, key=list(_RUNGS).index)]
    if happening.source is not None:
        return _SCREEN.get(happening.kind) if happening.source == "screen" else None
    return _HAPPENINGS.get(happening.kind)


def _both(words: Words) -> str:
    english, chinese = words
    return f'{_text(english)} <span lang="zh-CN">{_text(chinese)}</span>'


def _text(words: str) -> str:
    """Return words of a person for the page: escaped, isolated in their direction, without control characters."""
    plain = "".join("\ufffd" if letter < " " and letter not in "\n\t" else letter for letter in words)
    escaped = html.escape(plain)
    return escaped if plain.isascii() else f"<bdi>{escaped}</bdi>"


def _time(at: datetime, zone: tzinfo) -> str:
    local = at.astimezone(zone)
    offset = f"{local:%z}"
    return f"{local:%Y-%m-%d %H:%M:%S} UTC{offset[:3]}:{offset[3:5]}"


def _offset(offset_ms: int) -> str:
    seconds = offset_ms // 1000
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
