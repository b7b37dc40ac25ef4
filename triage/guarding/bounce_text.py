"""Bounces without the marks of one, known by subject and text. Pure.

Exchange, Domino, qmail, Exim, Yahoo, German and Japanese providers and many smaller mail servers send them as plain text, some from an
address of their own. "Delivery failed" is about a parcel as often as about a mail, in a shop: so it takes a subject, a sentence of a mail
server near the beginning, and an address or an SMTP code or the returned mail besides.
"""

from __future__ import annotations

import re

from triage.guarding.phrases import any_of, before_copy, flat, is_answer, is_forward, names_goods
from triage.message import Message

_READ = 6_000  # characters of the text; the returned mail may follow
_BEGINNING = 800  # where the server says what happened
_COPY_LINE = 100  # characters that the line announcing a copy has at most

_SUBJECT = any_of(
    # English: sendmail, Postfix, Exim, qmail, Exchange, Domino, IronPort, Courier, IMail, MDaemon, InterScan, James and others
    r"\bundeliver(?:able|ed)\b|\bnon-?deliver|\bnot delivered\b|\bundelivered\b|\bunable to (?:deliver|send|relay)",
    r"\bdelivery (?:has |have )?(?:status|fail|delay|problem|error|report|notice|notification|unsuccessful|attempt|warning)",
    r"\b(?:failure|failed|failing|error|unsuccessful|delayed|problem with) (?:in |of )?(?:mail |message |e-?mail )?deliver",
    r"\breturned (?:e-?mail|mail|message|to sender)|^\s*returned\b|\bdelivery (?:to|of)\b.{0,60}\bfail",
    r"\breturn(?:ed|ing) (?:your )?(?:e-?mail|mail|message)",
    r"\b(?:failure|bounce|error|rejection|warning) (?:notice|notification|message|mail|report|e-?mail)\b",
    r"^\s*\[?bounced?\b",
    r"\b(?:mail|message|e-?mail)\b.{0,80}\b(?:fail(?:ed|ure)|error|delayed|blocked|rejected|refused|bounced"
    r"|quarantined|returned|not sent)",
    r"\b(?:could|can) ?not (?:send|deliver|be (?:sent|delivered))\b|\bcould not send\b|\bfailed to (?:deliver|send)",
    r"\b(?:unknown|invalid|bad|no such|nonexistent) (?:user|recipient|address|mailbox|host|domain)\b",
    r"\b(?:user|recipient|address|mailbox|host|domain) (?:is )?(?:unknown|not found|unavailable|full"
    r"|disabled|does not exist|rejected)\b",
    r"\b(?:quota|mailbox) (?:exceeded|is full)\b|\bpermanent (?:fatal |delivery )?(?:error|failure)\b|\bndr\b",
    r"\bmail system\b",
    r"\bthere was an error sending\b|\bnotice: mail\b|\bwarning: (?:message|mail|could not|delayed)",
    # German, Dutch
    r"\bunzustellbar|\bnicht (?:zu|aus)(?:stellbar|gestellt|geliefert)|\bzustell\w*|\bzustellung",
    r"\bnicht übermittelt|\brückläufer",
    r"\bfehler (?:bei|beim|in) der? (?:\w+ )?(?:zustellung|übermittlung|senden|versand)|\bfehlgeschlagen\b|\bretour",
    r"\bonbestelbaar|\bniet (?:bezorgd|afgeleverd|bestelbaar)|\b(?:bezorging|aflevering)\w* (?:mislukt|vertraagd)",
    # French, Spanish, Portuguese, Italian
    r"\bnon (?:remis|distribu|livr|d[ée]livr)|\b[ée]chec\b",
    r"\bimpossible (?:de |à )?(?:remettre|distribuer|d[ée]livrer|envoyer)",
    r"\b[ée]tat de (?:la )?(?:remise|distribution)|\bnon[ -](?:remise|distribution)",
    r"\bretour (?:de |du )?(?:mail|courrier|message)",
    r"\bno se (?:puede|pudo|ha podido)|\bno (?:fue )?entreg",
    r"\b(?:fallo|fallido|error|fracaso)\b.{0,40}\b(?:entrega|env[ií]o)",
    r"\bestado de (?:la )?entrega|\b(?:correo|mensaje) (?:devuelto|no)|\bdevoluci[óo]n de",
    r"\bn[ãa]o (?:é|foi|p[ôo]de|entreg)|\b(?:falha|erro|estado|status)\b.{0,40}\bentrega",
    r"\b(?:mensagem|e-?mail) devolvid",
    r"\bnon (?:recapit|consegn|inviat|è stato)|\bmancat[oa] (?:recapito|consegna)",
    r"\b(?:stato|errore)\b.{0,40}\b(?:recapito|consegna)",
    # the North
    r"\b(?:ikke|kunne ikke|kan ikke) (?:lever|send)|\b(?:u|o|ikke-)lever(?:er)?bar|\bolevererbar",
    r"\bkan inte levereras|\bej levererad|\bmisslyckad leverans",
    r"\bleverings(?:fejl|feil|status)|\bleverans(?:fel|status)|\bei voi(?:tu)? (?:toimittaa|välittää)",
    r"\bei toimitettu|\btoimitus\w* epäonnistui",
    # Polish, Czech, Hungarian, Turkish, Russian, Ukrainian
    r"\bniedostarcz|\bnie (?:można|udało się|(?:zosta\w+ )?dostarcz)|\bzwrot|\bnedoručiteln|\bnelze doručit|\bnedoruč|\bnepodařilo",
    r"\bkézbesít|\bteslim edil|\biletilemedi|\bне ?доставл|\bне уда(?:лось|[её]тся)|\bневозможно доставить|\bне вдалося",
    r"\bнедоставл|\bвозврат",
    # Japanese, Chinese, Korean
    r"配信(?:不能|でき|に?失敗|エラー)|配達不能|配送不能|送信でき|送信(?:に)?失敗|未配達|エラーメール",
    r"リターンメール|宛先不明|届きません",
    r"无法(?:传递|投递|送达)|無法(?:傳遞|投遞|送達)|未送达|未送達|退信|退回",
    r"(?:投递|投遞|传递|傳遞|发送|發送|送信)失[败敗]|传送失败",
    r"배달되지|배달할 수 없|(?:전송|발송|배달) ?실패|반송",
)

# Written by a mail server about a mail, never by a person about a parcel; one of these near the beginning tells a bounce by itself.
_SERVER = any_of(
    r"\b(?:final|original)-recipient: ?rfc822|\breporting-mta: ?(?:dns|x-)|\bdiagnostic-code: ?smtp",
    r"\baction: ?failed status: ?\d",
    r"\bthis is the (?:qmail-send|postfix|mail delivery|exim|mimedefang|sendmail|ezmlm|mail system|mailer"
    r"|\w{1,20} mail) ?\w{0,20} (?:program|at|system)",
    r"\bthis is (?:the|an) (?:automatically generated )?delivery status notification\b",
    r"\bthis is a (?:permanent|temporary) error\b.{0,40}given up",
    r"\bthis message was created automatically by (?:the )?(?:mail|e-mail|smtp)",
    r"\bthe following address(?:es|\(es\))? (?:had|failed|has) ?(?:permanent|transient|delivery)?",
    r"\btranscript of session follows\b|\breason:? \d{3} \d\.\d\.\d\b|\bhost .{3,80} said: ?[45]\d\d",
    r"\bi wasn['’]?t able to deliver your message\b",
    r"\bsorry,? (?:we were|i was|i wasn).{0,20}unable to deliver your message",
    r"\bdiese nachricht wurde automatisch (?:vom|von der|von einer) mail",
    r"\b(?:generating|remote) server: ?\S{3,80}\b",
)
_MAIL = (
    r"(?:e-?mail|mail|message|nachricht|sendung an|courriel|courrier|mensaje|correo|mensagem|messaggio|bericht|wiadomo\w+|zpráv\w+"
    r"|meddelande\w*|meddelelse\w*|melding\w*)"
)
_SENTENCE = any_of(
    # "your message could not be delivered", in that order and within one sentence
    rf"\b{_MAIL}\b[^.!?]{{0,120}}\b(?:(?:could|can|did|was|has|have|were) ?n(?:o|['’])t|unable|failed"
    rf"|undeliver|delayed|reject|bounced|blocked|refused)",
    r"\b(?:delivery|attempts? to deliver|problem delivering)\b[^.!?]{0,120}\b(?:fail|recipient|delayed"
    r"|unsuccessful|permanent|address|message)",
    r"\b(?:unable|failed|could not|cannot) (?:to )?(?:deliver|send|relay|be delivered|be reached)\b",
    r"\b(?:user|mailbox|recipient|addressee|e-?mail address)\b[^.!?]{0,60}\b(?:unknown|not found|over quota"
    r"|exceeded|unavailable|full|not exist|n['’]t exist|disabled|inactive|suspended)",
    r"\b(?:no such|unknown|invalid) (?:user|recipient|mailbox|address|domain)\b|\bundeliver\w+",
    r"\breturned (?:mail|message|to sender)",
    r"\b(?:smtp|mail server|remote (?:server|host|mta)|mail exchanger|mail system)\b",
    rf"\b{_MAIL}\b[^.!?]{{0,120}}\b(?:nicht|niet|no|não|non|n['’]a|nie|ikke|inte|nelze|nebyl\w*|nepodařilo)\b",
    rf"\b(?:konnte|could|impossible|imposible|impossibile|nie|nelze|nem|ikke|inte|ei)\b[^.!?]{{0,120}}\b{_MAIL}",
    r"\b(?:zustellung|ausgeliefert|zugestellt|empfänger|destinataire|destinatario|destinatário|geadresseerde"
    r"|ontvanger|adresat|adresát)\b|\bcímzett",
    r"\bкому|\bполучател|\bадресат|\bсообщени|\bписьм|\bодержувач|\balıcı|\bileti|\bmodtager|\bmottag|\bmottak",
    r"\bvastaanottaj|\bviesti",
    r"メール|宛先|配信|送信|受信者|邮件|郵件|信件|收件人|메일|수신자|메시지",
)
# People sign with an address, so beside a word about goods it is no sign.
_ADDRESS = re.compile(r"[^\s@<>()\[\]\"':;,]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_SMTP_CODE = re.compile(
    r"(?<![\d.])[45]\d\d[ -]#?[45]\.\d{1,3}\.\d{1,3}|(?<![\d.])#?[45]\.[0-7]\.\d{1,3}(?![\d.])"
    r"|\b55[0-4][ -](?=.{0,80}(?:user|mail|recipient|address|reject|denied|spam|unknown|relay))",
    re.IGNORECASE,
)
_RETURNED = ("message/rfc822", "text/rfc822-headers", "message/rfc822-headers", "message/partial", "message/global")


def bounce(message: Message) -> str | None:
    """A bounce by subject and text, as evidence; None where a person may have written it."""
    if is_forward(message):
        return None
    text = flat(message.text, _READ)
    beginning = before_copy(text[: _BEGINNING + _COPY_LINE])[:_BEGINNING]
    server = _SERVER.search(beginning)
    if server is not None and not is_answer(message):
        return f"text: {server[0]}"
    if _SUBJECT.search(message.subject) is None:
        return None
    words = before_copy(text)
    sign = _SMTP_CODE.search(words)
    # an address has dots, and would end the sentence it stands in
    sentence = server or _SENTENCE.search(_ADDRESS.sub("@", beginning))
    evidence = sign[0] if sign else None
    if evidence is None and not names_goods(f"{message.subject} {_without_subject(beginning)}"):
        evidence = _returned(message) or _another_address(message, words)
    if evidence is None or sentence is None:
        return None
    return f"Subject: {message.subject[:80]} / {sentence[0]} / {evidence}"


# A bounce names the subject of the mail that it returns: what that is about says nothing of the bounce.
_COPIED_SUBJECT = re.compile(
    r"\b(?:subject|betreff|objet|asunto|oggetto|assunto|onderwerp|temat|тема|件名|主题|主題|제목)\s?[:：].{0,120}",
    re.IGNORECASE,
)


def _without_subject(words: str) -> str:
    return _COPIED_SUBJECT.sub("", words)


def _returned(message: Message) -> str | None:
    return next((f"part {part.content_type}" for part in message.attachments if part.content_type in _RETURNED), None)


def _another_address(message: Message, words: str) -> str | None:
    """An address in the text that is not the sender's: a bounce names whom it did not reach."""
    own = message.from_address.address.casefold() if message.from_address else ""
    return next((found for found in _ADDRESS.findall(words) if found.casefold() != own), None)
