"""Notifications and newsletters without the marks of one, known by what they say of themselves. Pure.

A program's own statement ("this message was generated automatically", "to unsubscribe, click") is enough where the mail answers nothing
and passes nothing on. Weaker signs (a script's mailer, an address of a function, thanks for an order, the subject of a confirmation)
count one each: a person may have any of them, hardly three.
"""

from __future__ import annotations

from triage.message import Message
from triage.phrases import any_of, flat, is_answer, is_passed_on

_READ = 6_000  # characters of the own words; what follows is read as the footer
_BEGINNING = 400
_FOOTER = 3_000
_SIGNS = 3

_STATEMENT = any_of(
    r"\b(?:this|the following) (?:is|was) (?:an? )?(?:automat(?:ic|ed|ically)|auto-?(?:generated|reply|response|mated))",
    r"\bthis (?:e-?mail|message|mail|notification) (?:is|was|has been) (?:sent |generated |created "
    r"|produced )?(?:automatically|auto-?generated)\b",
    r"\bthis (?:e-?mail|message|mail|notification) (?:is|was|has been) (?:sent|generated|created) (?:from"
    r"|by) an? (?:automated|unmonitored|notification)",
    r"\bautomatically generated (?:e-?mail|message|mail|notification|by)\b",
    r"\b(?:please )?(?:do not|don['’]t) (?:reply|respond|answer) (?:directly )?(?:to|by|using) (?:this|e-?mail)",
    r"\breplies to this (?:e-?mail|message|address|mailbox) (?:are|will|cannot|is)",
    r"\b(?:mailbox|e-?mail address|inbox|address) is (?:not |un)(?:monitored|attended|read|checked)\b",
    r"\bunmonitored (?:mailbox|address|inbox)",
    r"\b(?:diese|dies ist eine)\w* (?:.{0,20} )?(?:automatisch (?:erstellt|generiert|versandt|versendet"
    r"|erzeugt|verschickt|gener\w+|erst\w+|erz\w+))",
    r"\bautomatisch (?:generierte|erstellte|erzeugte|versandte|versendete)\w* (?:e-?mail|nachricht|mail)",
    r"\bbitte (?:antworten sie )?nicht (?:direkt )?(?:auf diese (?:e-?mail|nachricht|mail) )?(?:zu )?antworten\b",
    r"\bantworten sie (?:bitte )?nicht auf diese",
    r"\b(?:ce |cet )(?:message|e-?mail|courriel|mail) (?:.{0,20} )?(?:généré|envoyé|automatique)\w*(?: automatiquement)?",
    r"\b(?:merci de )?ne pas (?:y )?répondre à ce",
    r"\b(?:este )(?:mensaje|correo|e-?mail) (?:.{0,30} )?(?:generado|enviado)? ?automátic",
    r"\bno (?:responda|conteste|responder) (?:a )?este (?:correo|mensaje|e-?mail)",
    r"\b(?:questo |la presente )(?:messaggio|e-?mail|mail) (?:.{0,30} )?automatic|\bnon rispondere a quest",
    r"\bsi prega di non rispondere",
    r"\b(?:esta |este )(?:mensagem|e-?mail) (?:.{0,20} )?automátic|\bnão responda (?:a )?est[ea]",
    r"\bautomatisch (?:gegenereerd|verzonden|aangemaakt)",
    r"\b(?:niet|gelieve niet) (?:te )?(?:antwoorden|reageren|beantwoorden) op (?:deze|dit)|\bniet op deze e-?mail",
    r"\bwiadomość (?:.{0,40} )?(?:automatycz|wygenerowan)",
    r"\b(?:prosimy )?(?:nie|o nie) odpowiada(?:j|ć|nie) na (?:tę|ten|niniejsz)",
    r"\b(?:письмо|сообщение) (?:.{0,40} )?автоматическ|\bне отвечайте на (?:это|данное)",
    r"\bлист (?:.{0,30} )?автоматичн|\bне відповідайте на",
    r"\b(?:zpráva|e-?mail) (?:.{0,30} )?automaticky (?:\w+ )?(?:generován|vygenerován|odeslán|vytvořen)",
    r"\bneodpovídejte na",
    r"\b(?:e-?mail|besked|melding|meddelande|mail)\w* (?:.{0,30} )?automatisk(?:t)? (?:genere|send|skicka|utskic|gener)",
    r"\b(?:svar|svara|besvar) (?:ikke|inte|venligst ikke)",
    r"\btämä (?:on )?(?:viesti )?(?:.{0,20} )?automaattinen|\bälä vastaa tähän",
    r"\b(?:ez egy )?automatikus(?:an)? (?:üzenet|generált|küldött)|\bne válaszoljon erre",
    r"\botomatik olarak (?:gönderil|oluşturul)",
    r"\b(?:bu )?(?:e-?postayı|mesajı|e-?postaya|maile) (?:lütfen )?(?:yanıtlamay|cevap)",
    r"自動(?:送信|配信|的に(?:送信|生成|配信))|(?:この|本)メール(?:に|へ|は).{0,20}(?:返信|送信専用|配信専用)",
    r"送信専用|系统自动|系統自動|自动发送",
    r"请勿(?:直接)?(?:回复|答复)|請勿(?:直接)?(?:回覆|回復)|발신 ?전용|자동(?:으로)? ?(?:발송|전송|생성)",
)
_NEWSLETTER = any_of(
    r"\b(?:to )?unsubscribe(?: from)? ?(?:,|:|here|click|at|please|visit|link|this|these|our|follow|by|reply"
    r"|send|<|\[|\(|https?:|\|)",
    r"\bclick (?:here|below|the link|on the link)? ?(?:\S{1,80} )?to (?:unsubscribe|opt[ -]?out|be removed|stop receiving)",
    r"\b(?:opt[ -]out|be removed from|remove (?:yourself|me) from) (?:of |our |this |the "
    r"|future )*(?:mailing|e-?mail|list|click)",
    r"\b(?:manage|update|change|edit) (?:your )?(?:e-?mail |subscription |notification |communication "
    r"|mailing )?(?:preferences|subscription|settings)\b",
    r"\byou (?:are|were|have been|['’]re) (?:receiving|sent|getting|subscribed) (?:.{0,30} )?(?:this|because"
    r"|to|our|as)\b.{0,40}(?:e-?mail|message|newsletter|because|subscri|list)",
    r"\b(?:view|read|see|open) (?:this|it|the) ?(?:e-?mail|message|newsletter|mail)? ?(?:online|in (?:your|a"
    r"|the) (?:web ?)?browser|on the web)",
    r"\b(?:having trouble|can['’]t see|cannot (?:see|view)|problems? (?:viewing|reading)) (?:.{0,20} )?(?:this|e-?mail|images)",
    r"\bnewsletter (?:abbestellen|abmelden|austragen)",
    r"\b(?:abmelden|abbestellen|austragen)\b.{0,60}(?:klick|link|hier|http)|\bonline[- ]?(?:version|ansicht) ",
    r"\b(?:se )?désinscri\w+|\bdésabonn\w+|\bne plus recevoir|\bversion en ligne\b|\bdarse de baja",
    r"\bcancelar (?:la |su )?suscripción|\bdejar de recibir",
    r"\bannulla(?:re)? (?:l['’])?iscrizione",
    r"\bcancell(?:ati|arsi|azione) dalla? (?:nostra )?(?:newsletter|lista|mailing)|\bdisiscri\w+",
    r"\bcancelar (?:a |sua )?(?:inscrição|subscrição)",
    r"\b(?:uitschrijven|afmelden)\b.{0,60}(?:klik|link|hier|http)|\bwypis(?:ać|z) się",
    r"\brezygnacja z (?:subskrypcji|newslettera)|\bотписаться\b|\bвідписатися\b",
    r"\bodhlásit (?:se|odběr)|\bframelde?\b.{0,40}|\bafmeld(?:e)? (?:nyhedsbrev|dig)|\bavsluta prenumeration",
    r"\bavregistrera|\bperuuta tilaus|\bleiratkoz",
    r"\babonelikten (?:çık|ayrıl)|配信停止|購読解除|メルマガ|退订|退訂|取消订阅|取消訂閱|수신 ?거부",
)
_SCRIPT_MAILER = any_of(
    r"microsoft cdo|phpmailer|swift ?mailer|php/\d|^php\b|nodemailer|javamail|jakarta mail|\bdrupal|wordpress",
    r"magento|prestashop|\baspnet|cdonts",
    r"persits|aspemail|jmail|\bmime-lite|mime::lite|mail::sender|perl|python|ruby|\bcron|sendblaster|mailchimp",
    r"interspire|lyris|acymailing",
)
_FUNCTION = any_of(
    r"^(?:bookings?|orders?|billing|invoices?|invoicing|receipts?|payments?|accounts?|confirmations?"
    r"|reservations?|registrations?|tickets?)$",
    r"^(?:newsletters?|news|marketing|promo(?:tions)?|offers?|deals|updates?|alerts?|notifications?|notify"
    r"|system|automat\w*|robot|bot|mailer)$",
    r"^(?:bestellung(?:en)?|rechnung(?:en)?|buchung(?:en)?|versand|shop|store|webshop|web|website|webmaster"
    r"|server|admin(?:istrator)?|monitor\w*)$",
    r"^(?:feedbackloop|fbl|feedback|abusedesk|abuse|scomp|staff|welcome|hello|team|service|customerservice|customer[._-]?care)$",
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
    letter = _NEWSLETTER.search(words) or _NEWSLETTER.search(_footer(message))
    if letter is not None:
        return f"text: {letter[0]}"
    signs = [sign for sign in _signs(message, words) if sign is not None]
    statement = _STATEMENT.search(words)
    if statement is not None:
        # Behind a question it may be what a customer pasted: "what does this mean? ... do not reply to this e-mail".
        pasted = "?" in words[: statement.start()] and not signs
        return None if pasted else f"text: {statement[0]}"
    return " / ".join(signs) if len(signs) >= _SIGNS else None


def _footer(message: Message) -> str:
    """The end of the text, which the own words lack where it was taken for a legal footer; "" where it may be a quotation."""
    quoted = len(message.new_text) * 2 < len(message.text)
    return "" if quoted else flat(message.text[-_FOOTER:], _FOOTER)


def _signs(message: Message, words: str) -> tuple[str | None, ...]:
    mailer = message.headers.get("x-mailer") or message.headers.get("user-agent")
    local_part = message.from_address.local_part if message.from_address else ""
    thanks = _THANKS.search(words[:_BEGINNING])
    confirms = _CONFIRMS.search(message.subject)
    return (
        f"X-Mailer: {mailer[:60]}" if _SCRIPT_MAILER.search(mailer) else None,
        f"From: {local_part}@" if _FUNCTION.search(local_part) else None,
        f"text: {thanks[0]}" if thanks else None,
        f"Subject: {confirms[0]}" if confirms else None,
        "enclosed mail" if any(part.content_type == "message/rfc822" for part in message.attachments) else None,
    )
