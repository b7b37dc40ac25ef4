"""Acknowledgements of other help desks, known by their words. Pure.

"We have received your message, our team will answer within 24 hours": two such desks can thank each other for ever, and many send it
without any mark. A customer writes "thank you for your message" and "as soon as possible", so only the two sentences of a desk together
count, in a text in which nobody says "I".
"""

from __future__ import annotations

from triage.guarding.phrases import any_of, first_person, flat, is_passed_on
from triage.message import Message

_READ = 4_000  # characters; an acknowledgement is short, its links to help pages aside
_BEGINNING = 600

_RECEIVED = any_of(
    r"\bwe(?:['’]ve| have)? (?:successfully )?received your (?:e-?mail|message|request|inquiry|enquiry|ticket|feedback|question)",
    r"\byour (?:e-?mail|message|request|inquiry|enquiry|ticket|case) (?:\S{1,20} )?(?:has been|was) (?:successfully )?"
    r"(?:received|created|opened|logged|assigned|registered)",
    r"\bthank(?:s| you) for (?:contacting|reaching out|getting in touch)",
    r"\b(?:request|ticket|case|inquiry|enquiry)(?: for support)?(?: \S{1,20})? (?:has been|was) "
    r"(?:created|opened|registered|logged|assigned)",
    r"\b(?:vielen|besten|herzlichen) dank für ihre anfrage",
    r"\bwir haben ihre (?:anfrage|nachricht|e-?mail|mail) erhalten",
    r"\bihre (?:anfrage|nachricht|e-?mail) ist bei uns eingegangen",
    r"\bnous avons bien reçu votre|\bvotre (?:message|demande|e-?mail) (?:a été|a bien été) (?:enregistr|reçu)",
    r"\bhemos recibido (?:su|tu) (?:correo|mensaje|consulta|solicitud)",
    r"\bgracias por (?:contactar|ponerse en contacto)",
    r"\babbiamo ricevuto (?:la|il) (?:sua|suo|tua|tuo)|\bgrazie per averci contattato",
    r"\brecebemos (?:a |o )?(?:sua|seu) |\bobrigad[oa] por (?:entrar em contato|contactar|nos contactar)",
    r"\b(?:wij|we) hebben (?:uw|je) (?:bericht|e-?mail|vraag|aanvraag) (?:in goede orde )?ontvangen",
    r"\botrzymaliśmy (?:twoj|twój|państ)|\bdziękujemy za kontakt|\bмы получили ваш",
    r"\bваш(?:е|а) (?:обращение|заявка) (?:получен|принят|зарег)",
    r"\bobdrželi jsme (?:váš|vaš)|\bvi har (?:modtaget|mottagit|mottatt) (?:din|ditt|deres)|\bolemme vastaanottaneet",
    r"お問い合わせ(?:を受け付け|(?:いただき|頂き)(?:まして)?(?:誠に)?ありがとう)",
    r"您的(?:邮件|郵件|问题|請求)已(?:收到|受理)|문의(?:가|를) 접수",
)
_WILL_ANSWER = any_of(
    r"\b(?:we|our (?:\w+ ){0,2}(?:team|staff|agents?|representatives?)|(?:a|one of our) (?:\w+ ){0,3}(?:team"
    r"|agents?|representatives?)) (?:\w+ ){0,3}"
    r"(?:will|shall|['’]ll|aims?|strive|try) (?:\w+ ){0,3}(?:respond|reply|get back|be in touch|contact|answer|review|follow)",
    r"\b(?:we|you)['’]ll (?:\w+ ){0,2}(?:respond|reply|get back|be in touch|hear)|\byou will (?:receive|hear|get)",
    r"\bhas been assigned\b|\bno need to reply\b|\bis being (?:reviewed|processed|looked into)\b",
    r"\b(?:wir|unser \w+|ein mitarbeiter) (?:werden|wird|melden|meldet|kümmern|antworten|bearbeiten)",
    r"\bnous (?:vous )?(?:répondrons|traiterons|reviendrons|contacterons|allons)",
    r"\b(?:notre équipe|un conseiller)\b.{0,40}\b(?:répond|contacter|trait)",
    r"\b(?:le responderemos|nos pondremos|te responderemos|responderemos|nuestro equipo)",
    r"\b(?:le risponderemo|ti risponderemo|risponderemo|la contatteremo)",
    r"\b(?:responderemos|entraremos em contato|nossa equipe|a nossa equipa)",
    r"\b(?:wij|we) (?:zullen|reageren|beantwoorden|nemen)",
    r"\b(?:odpowiemy|skontaktujemy|nasz zespół)|\b(?:мы (?:ответим|свяжемся)|наши специалисты)",
    r"\b(?:odpovíme|budeme vás)",
    r"\bvi (?:vender tilbage|svarer|svarar|återkommer|besvarer|vil svare)|\b(?:vastaamme|palaamme)",
    r"(?:担当者|折り返し|順次).{0,30}(?:ご?連絡|回答|返信)|(?:尽快|儘快).{0,10}(?:回复|回覆|处理)",
)


def acknowledgement(message: Message) -> str | None:
    """The acknowledgement of another help desk, as evidence; None where a person may have written it."""
    if len(message.new_text) > _READ or is_passed_on(message):
        return None
    words = flat(message.new_text, _READ)
    received = _RECEIVED.search(words[:_BEGINNING])
    will = _WILL_ANSWER.search(words) if received is not None else None
    if received is None or will is None or first_person(words):
        return None
    return f"text: {received[0]} / {will[0]}"
