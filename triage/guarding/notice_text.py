"""Notifications and newsletters without the marks of one, known by what they say of themselves. Pure.

A program's own statement ("this message was generated automatically", "to unsubscribe, click") is enough where the mail answers nothing
and passes nothing on. Weaker signs (a script's mailer, an address of a function, thanks for an order, the subject of a confirmation)
count together: a person may have any of them, hardly three.
"""

from __future__ import annotations

import re

from triage.guarding.phrases import any_of, first_person, flat, is_answer, is_passed_on
from triage.message import Message
from triage.text import has_quotation

_READ = 6_000  # characters of the own words; what follows is read as the footer
_BEGINNING = 400
_FOOTER = 3_000
_SEARCHED_FOR_QUOTATION = 20_000  # characters; the looking costs as much as parsing does
_ENOUGH = 3

# The mail speaks of itself ("this message"); "I only got an automatic message from you" is a customer's complaint.
_STATEMENT = any_of(
    r"\b(?:this|the following) (?:is|was) (?:an? )?(?:automat(?:ic|ed|ically)|auto-?(?:generated|reply|response|mated))",
    r"\bthis (?:e-?mail|message|mail|notification|notice) (?:is|was|has been) (?:sent |generated |created "
    r"|produced )?(?:automatically|auto-?generated)\b(?! (?:scanned|checked|filtered|forwarded|encrypted|translated|archived|signed))",
    r"\bthis is (?:a |an )?(?:system|computer)[ -](?:generated )?(?:notification|message|e-?mail|mail|alert)\b",
    r"\bthis (?:e-?mail|message|mail|notification) (?:is|was|has been) (?:sent|generated|created) (?:from"
    r"|by) an? (?:automated|unmonitored|notification)",
    r"\bthis (?:automatically|auto)[ -]?generated (?:e-?mail|message|mail|notification)\b",
    r"\b(?:please )?(?:do not|don['’]t) (?:reply|respond|answer) (?:directly )?(?:to|by|using) (?:this|e-?mail)",
    r"\breplies to this (?:e-?mail|message|address|mailbox) (?:are|will|cannot|is)",
    r"\bthis (?:mailbox|e-?mail address|inbox|address) is (?:not |un)(?:monitored|attended|read|checked)\b",
    r"\bfrom an unmonitored (?:mailbox|address|inbox)",
    r"\bdiese (?:e-?mail|nachricht|mail) (?:wurde|wird|ist) (?:.{0,20} )?automatisch\b",
    r"\bdies ist eine (?:.{0,20} )?automatisch",
    r"\bbitte (?:antworten sie )?nicht (?:direkt )?auf diese (?:e-?mail|nachricht|mail)\b",
    r"\bantworten sie (?:bitte )?nicht auf diese (?:e-?mail|nachricht|mail)\b",
    r"\b(?:ceci|ce|cet) (?:message|e-?mail|courriel|mail|est un (?:message|e-?mail)) (?:.{0,30} )?automatique(?:ment)?\b",
    r"\bne pas (?:y )?répondre à (?:ce|cet) ",
    r"\beste (?:mensaje|correo|e-?mail)\b.{0,40}\bautomátic|\beste es un (?:mensaje|correo) automático",
    r"\bno (?:responda|conteste|responder) a este (?:correo|mensaje|e-?mail)",
    r"\b(?:questo|questa|la presente) (?:è un |è una )?(?:messaggio|e-?mail|mail)\b.{0,30}\bautomatic",
    r"\bnon rispondere a quest|\bsi prega di non rispondere",
    r"\best[ea] (?:é uma )?(?:mensagem|e-?mail)\b.{0,30}\bautomátic",
    r"\bnão responda (?:a )?est[ea] (?:e-?mail|mensagem)",
    r"\b(?:dit|deze) (?:is een )?(?:bericht|e-?mail|mail)?\b.{0,20}\bautomatisch (?:gegenereerd|verzonden|aangemaakt|verstuurd)",
    r"\bniet te (?:antwoorden|reageren) op (?:deze|dit)",
    r"\b(?:(?:ta|niniejsza|to) (?:jest )?wiadomość\b.{0,40}|wiadomość (?:\w+ )?)\b(?:automatycz|wygenerowan)",
    r"\b(?:nie|o nie) odpowiada(?:j|ć|nie) na (?:tę|ten|niniejsz)|\bprosimy (?:\w+ ){0,3}nie odpowiadać",
    r"\b(?:это|данное|настоящее) (?:письмо|сообщение)\b.{0,40}\bавтоматическ|\bне отвечайте на (?:это|данное)",
    r"\bцей лист\b.{0,30}\bавтоматичн|\bне відповідайте на це",
    r"\b(?:tato|tento) (?:zpráva|e-?mail)\b.{0,30}\bautomaticky\b|\bneodpovídejte (?:prosím )?na t",
    r"\b(?:denne|dette|detta|det här) (?:er |är )?(?:en |et |ett )?(?:e-?mail|e-?post|besked|melding"
    r"|meddelande|mail|mejl)?\w*.{0,30}\bautomatisk",
    r"\b(?:svar|svara|besvar) (?:ikke|inte|venligst ikke) på (?:denne|dette|detta|det)",
    r"\bdu kan (?:ikke|inte) (?:be)?svara? (?:på )?(?:denne|dette|detta|det)",
    r"\btämä (?:on|viesti on) .{0,20}automaattinen|\bälä vastaa tähän|\bez egy automatikus(?:an)?\b",
    r"\bne válaszoljon erre",
    r"\bbu (?:e-?posta|mesaj|ileti|mail)\b.{0,30}\botomatik",
    r"\bbu (?:e-?postayı|mesajı|e-?postaya|maile) (?:lütfen )?(?:yanıtlamay|cevap)",
    r"(?:この|本)メール(?:は|に|へ).{0,24}(?:自動|送信専用|配信専用|返信(?:でき|いただ|しない|され))",
    r"このメールアドレスは(?:送信|配信)専用|自動送信(?:され|して|です)",
    r"(?:本|此|该|這|这)(?:封)?(?:邮件|郵件|信件).{0,12}(?:系统|系統)?自[动動]",
    r"请勿(?:直接)?(?:回复|答复)(?:本|此)?|請勿(?:直接)?(?:回覆|回復)(?:本|此)?",
    r"(?:본|이) ?(?:메일|이메일)은.{0,20}(?:발신 ?전용|자동)|발신 ?전용 ?(?:메일|이메일)",
)
_NEWSLETTER = any_of(
    r"\bunsubscribe(?: from)?\b[^.!?]{0,60}(?:\bclick|\bhere\b|\blink\b|\bvisit|\bfollow|https?:|www\.)",
    r"\bunsubscribe ?(?:[<\[(|]|https?:)|[\[|] ?unsubscribe\b",
    r"\bunsubscribe ?$",
    r"\b(?:click|tap|go|follow|visit|reply|link|send)\b[^.!?]{0,60}\bto (?:unsubscribe|opt[ -]?out|be removed|stop receiving)",
    r"\bto (?:be removed|opt[ -]?out|stop receiving)\b[^.!?]{0,60}(?:\bclick|\bhere\b|\breply\b|\blink\b|\bvisit|https?:)",
    r"\b(?:manage|update|change|edit) your (?:e-?mail |subscription |notification |communication "
    r"|mailing )(?:preferences|subscription|settings)\b",
    r"\byou (?:are|were|have been|['’]re) (?:receiving|sent|getting) this\b[^.!?]{0,60}\bbecause\b",
    r"\byou are subscribed to\b",
    r"\b(?:view|read|see|open) (?:this|it|the) ?(?:e-?mail|message|newsletter|mail)? ?(?:online|in (?:your|a"
    r"|the) (?:web ?)?browser|on the web)",
    r"\bnewsletter (?:abbestellen|abmelden|austragen)",
    r"\b(?:abmelden|abbestellen|austragen)\b[^.!?]{0,60}(?:\bklick|\blink|\bhier\b|https?:)",
    r"\b(?:klick\w*|hier|link)\b[^.!?]{0,60}\b(?:abzumelden|abmelden|abbestellen|abzubestellen|auszutragen)",
    r"\b(?:se |me |vous )?(?:désinscri\w+|désabonn\w+)\b[^.!?]{0,60}(?:\bcliqu|\bici\b|\blien\b|https?:)",
    r"\bcliqu\w+ ici\b[^.!?]{0,40}(?:désinscri|désabonn)|\bclicca qui\b[^.!?]{0,40}(?:cancell|disiscri|annull)",
    r"\bklik(?: dan)? hier\b[^.!?]{0,40}(?:af te melden|uit te schrijven|afmelden|uitschrijven)",
    r"\bclique aqui\b[^.!?]{0,40}(?:cancelar|descadastr)|\bklik her\b[^.!?]{0,40}(?:afmeld|frameld|avmeld)",
    r"\bklicka här\b[^.!?]{0,40}(?:avregistrera|avprenumerera|avanmäla)",
    r"\b(?:abonelik|üyelik)\w*[^.!?]{0,40}(?:çık|iptal)[^.!?]{0,60}(?:tıkla|https?:)",
    r"\b(?:dar(?:se|te|me) de baja|cancelar (?:la |su )?suscripción|dejar de recibir)\b[^.!?]{0,60}(?:\bclic|\baquí\b|\benlace|https?:)",
    r"\bhaga clic aquí\b[^.!?]{0,40}baja",
    r"\b(?:annullare l['’]iscrizione|cancellarsi|disiscriver\w+)\b[^.!?]{0,60}(?:\bclic|\bqui\b|\blink|https?:)",
    r"\bcancelar (?:a )?(?:sua )?(?:inscrição|subscrição)\b[^.!?]{0,60}(?:\bcli|\baqui\b|https?:)",
    r"\b(?:uitschrijven|afmelden)\b[^.!?]{0,60}(?:\bklik|\blink|\bhier\b|https?:)",
    r"\b(?:wypisać się|się wypisać|zrezygnować z)\b[^.!?]{0,60}(?:\bklik|\blink|https?:)",
    r"\b(?:отписаться|відписатися)\b[^.!?]{0,60}(?:ссылк|посиланн|нажмите|здесь|https?:)",
    r"\bodhlásit (?:se|odběr)\b[^.!?]{0,60}(?:\bklik|\bzde\b|https?:)",
    r"\b(?:framelde?|afmelde?|avregistrera|avsluta prenumeration)\b[^.!?]{0,60}(?:\bklik|\bklick|\bher\b|\bhär\b|https?:)",
    r"\bleiratkoz\w+[^.!?]{0,60}(?:kattint|https?:)",
    r"(?:配信停止|購読解除|退会)(?:は|の|を)?.{0,12}(?:こちら|https?:|url)",
    r"(?:退订|退訂|取消订阅|取消訂閱).{0,20}(?:点击|點擊|https?:)|수신 ?거부.{0,20}(?:클릭|https?:)",
)
_LETTER_BEGINS = (
    100  # characters; a newsletter comes to its subscription last, a customer who cannot unsubscribe begins with it
)
_LINK = re.compile(r"https?:")
_LINK_WITHIN = 40  # characters behind the phrase; a short newsletter gives the address, and says "I" nowhere
_FEW_WORDS = 600  # characters; in so short a text one who says "I" or "my" is a person
_SCRIPT_MAILER = any_of(
    r"microsoft cdo|phpmailer|swift ?mailer|php/\d|^php\b|nodemailer|javamail|jakarta mail|\bdrupal|wordpress",
    r"magento|prestashop|\baspnet|cdonts",
    r"persits|aspemail|jmail|\bmime-lite|mime::lite|mail::sender|perl|python|ruby|\bcron|sendblaster|mailchimp",
    r"interspire|lyris|acymailing",
)
# Addresses of programs, and addresses from which programs and people write.
_PROGRAM = any_of(
    r"^(?:bookings?|orders?|billing|invoices?|invoicing|receipts?|confirmations?|reservations?|registrations?)$",
    r"^(?:newsletters?|promo(?:tions)?|offers?|deals|updates?|alerts?|notifications?|notify|system|automat\w*|robot|bot|mailer)$",
    r"^(?:feedbackloop|fbl|abusedesk|scomp|server|monitor\w*)$",
)
_FUNCTION = any_of(
    r"^(?:payments?|accounts?|tickets?|news|marketing|bestellung(?:en)?|rechnung(?:en)?|buchung(?:en)?"
    r"|versand|shop|store|webshop)$",
    r"^(?:web|website|webmaster|admin(?:istrator)?|feedback|abuse|staff|welcome|hello|team|service"
    r"|customer[._-]?(?:service|care))$",
)
_THANKS = any_of(
    r"\bthank(?:s| you) for (?:your )?(?:booking|order|ordering|purchase|purchasing|payment|registering"
    r"|registration|signing|joining|subscribing|shopping|reservation)",
    r"\b(?:vielen )?dank für ihre (?:bestellung|buchung|zahlung|registrierung|anmeldung)",
    r"\bmerci pour votre (?:commande|réservation|inscription|achat)",
    r"\bgracias por (?:su|tu) (?:compra|pedido|reserva|registro)",
    r"\bgrazie per (?:il tuo|il suo|aver) (?:ordine|acquisto|prenotazione|\w+ato)",
    r"\bobrigado p(?:or|ela) (?:sua )?(?:compra|encomenda|reserva)",
    r"\bbedankt voor (?:je|uw) (?:bestelling|aankoop|boeking)|ご注文(?:いただき)?ありがとう",
    r"感谢您的(?:订单|订购|购买)",
    r"\byour (?:order|payment|account|subscription|booking|password|registration|shipment"
    r"|invoice) (?:#?\S{0,20} )?(?:has been|was|is now|have been)",
)
_CONFIRMS = any_of(
    r"\b(?:order|booking|payment|purchase|reservation|registration|shipping|dispatch"
    r"|delivery) (?:confirmation|receipt|details|notification)\b",
    r"\bconfirmation (?:of|for|no|number)\b",
    r"\b(?:your|e-?)(?: )?(?:receipt|invoice|statement|e-?ticket|itinerary)\b|\bwelcome to\b|\bnewsletter\b",
    r"\b(?:password|account) (?:reset|recovery|activation|verification|confirm)",
    r"\b(?:verify|confirm|activate) your (?:e-?mail|account|address|registration)",
    r"\b(?:bestell|auftrags|buchungs|versand|zahlungs|anmelde)bestätigung|\bihre rechnung",
    r"\bconfirmation de (?:votre )?(?:commande|réservation|inscription)",
    r"\bconfirmación de (?:su |tu )?(?:pedido|compra|reserva)",
    r"\bconferma (?:d['’]|dell['’]|di )?(?:ordine|prenotazione)|\bbevestiging van uw|\bpotwierdzenie",
    r"\bcomplaint about message from\b|\b(?:abuse|feedback|spam) (?:loop )?report\b|注文確認|ご注文|订单确认",
    r"\balert\b|\bnotification\b",
)


def notice(message: Message) -> str | None:
    """A notification or newsletter, as evidence; None where a person may have written it."""
    if is_passed_on(message) or is_answer(message):
        return None
    words = flat(message.new_text, _READ)
    cut = len(message.text) > _READ or flat(message.text, _READ) != words
    letter = _newsletter(words) or (_newsletter_footer(message) if cut else None)
    if letter is not None:
        return f"text: {letter}"
    signs = [(weight, sign) for weight, sign in _signs(message, words) if sign]
    statement = _STATEMENT.search(words)
    if statement is not None:
        # Behind a question it may be what a customer pasted: "what does this mean? ... do not reply to this e-mail".
        pasted = "?" in words[: statement.start()] and not signs
        return None if pasted else f"text: {statement[0]}"
    return " / ".join(sign for _, sign in signs) if sum(weight for weight, _ in signs) >= _ENOUGH else None


def _newsletter(words: str) -> str | None:
    if len(words) < _FEW_WORDS and first_person(words):
        return None
    found = _NEWSLETTER.search(words, _LETTER_BEGINS)
    if (
        found is None
        and (found := _NEWSLETTER.search(words))
        and not _LINK.search(words, found.start(), found.end() + _LINK_WITHIN)
    ):
        return None
    return found[0] if found else None


def _newsletter_footer(message: Message) -> str | None:
    """What ends a newsletter, looked for in what the own words lack: a legal footer; None where it may be in a quotation."""
    found = _newsletter(flat(message.text[-_FOOTER:], _FOOTER))
    return found if found and not has_quotation(message.text[:_SEARCHED_FOR_QUOTATION]) else None


def _signs(message: Message, words: str) -> tuple[tuple[int, str], ...]:
    """Each sign with its weight; "" for a sign that is not there."""
    mailer = message.headers.get("x-mailer") or message.headers.get("user-agent")
    local_part = message.from_address.local_part if message.from_address else ""
    thanks = _THANKS.search(words[:_BEGINNING])
    confirms = _CONFIRMS.search(message.subject)
    encloses = any(part.content_type == "message/rfc822" for part in message.attachments)
    return (
        (1, f"X-Mailer: {mailer[:60]}" if _SCRIPT_MAILER.search(mailer) else ""),
        (2, f"From: {local_part}@" if _PROGRAM.search(local_part) else ""),
        (1, f"From: {local_part}@" if _FUNCTION.search(local_part) else ""),
        (1, f"text: {thanks[0]}" if thanks else ""),
        (1, f"Subject: {confirms[0]}" if confirms else ""),
        (1, "enclosed mail" if encloses else ""),
    )
