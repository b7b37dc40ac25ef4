"""Absence notes and automatic answers without the marks of one, known by subject and text. Pure.

"I am out of office next week, please deliver later" is a customer's wish. So absence alone is never enough: it takes the
heading that mail programs write, or a short text that says absence and, besides, what only a note to nobody in particular
says (when back, whom else to ask), under a subject about absence or as the answer to another mail.
"""

from __future__ import annotations

from triage.guarding.phrases import about_goods, any_of, first_person, flat, heading, is_answer, is_passed_on
from triage.message import Message

_READ = 4_000  # characters of the own words that are looked at
_BEGINNING = 600  # where a note says that its author is away
_SHORT = 1_200  # characters; a note is a few sentences, signature and all
_LONG = 4_000  # characters; the answer of a company, with opening hours and terms

# What programs put before the subject they answer: Exchange in its languages, Gmail, Notes, Zimbra, GroupWise, help desks.
_PROGRAM = heading(
    (
        r"auto(?:matic|mated|mat)? ?(?:e-?mail )?(?:reply|response|answer|responder|acknowledge?ment)|auto-?resp",
        r"auto(?:matically)? generated (?:reply|response|message|e-?mail)",
        r"out of (?:the )?office (?:auto(?:matic)? ?)?(?:reply|response|message|notification|notice|assistant)",
        r"yahoo!? auto ?response",
        r"vacation (?:reply|response|message|notice|auto ?reply)|holiday auto ?reply",
        r"automatische (?:antwort|abwesenheits\w+|r[üu]ckmeldung|empfangsbestätigung)|auto(?:matische)? ?antwort",
        r"abwesenheits(?:notiz|nachricht|meldung|agent|benachrichtigung)|urlaubsnotiz",
        r"r[ée]ponse automatique(?: d['’]absence)?|accus[ée] de r[ée]ception automatique|message d['’]absence",
        r"respuesta autom[áa]tica|contestaci[óo]n autom[áa]tica|auto-?respuesta",
        r"risposta automatica(?: di assenza)?|risponditore automatico",
        r"resposta autom[áa]tica",
        r"automatisch antwoord|automatische (?:beantwoording|reactie)|afwezigheids(?:bericht|assistent|melding)",
        r"automatyczna odpowied[źz]|autoodpowied[źz]|odpowied[źz] automatyczna",
        r"автоматический ответ|автоответ(?:чик)?|автоматична відповідь|автовідповідь",
        r"automatick[áa] odpov[ěe][ďd]|automatick[áa] odpove[ďd]",
        r"automatisk(?:t)? (?:svar|besvarelse|svarmeddelande)|auto-?svar|fraværs(?:besked|melding)",
        r"frånvaromeddelande",
        r"automaattinen (?:vastaus|poissaolo\w*)|poissaolo(?:viesti|ilmoitus)",
        r"automatikus v[áa]lasz|t[áa]voll[ée]ti [üu]zenet",
        r"otomatik (?:yan[ıi]t|cevap)",
        r"r[ăa]spuns automat|αυτόματη απάντηση|automatski odgovor|samodejni odgovor|automatinis atsakymas",
        r"automaatvastus",
        r"(?:.{0,40} )?autom[āa]tisk[āa] atbilde|(?:.{0,40} )?automatiska atbilde",
        r"自動(?:応答|返信|回答)(?:メール|メッセージ)?|不在通知",
        r"自动(?:答复|回复|回覆)|自動(?:回覆|回复|答复|答覆)|外出(?:回复|答复)",
        r"자동 ?(?:회신|응답|답장)|부재 ?중 ?(?:알림|메시지)|الرد التلقائي|رد تلقائي|תשובה אוטומטית|מענה אוטומטי",
    )
)
# What a person might write as well.
_HEADING = heading(
    (
        r"out of (?:the )?office|ooo|oof|away from (?:the |my )?(?:office|mail|desk|e-?mail)",
        r"i am (?:away|on vacation|out of (?:the )?office).{0,40}",
        r"nicht im (?:b[üu]ro|haus)|abwesend|abwesenheit|absen(?:ce|t|te|t\(e\)) du bureau",
        r"fuera de (?:la )?oficina|ausente de la oficina",
        r"fuori (?:sede|ufficio)|assente dall['’]ufficio|fora do escrit[óo]rio|ausente do escrit[óo]rio",
        r"aus[êe]ncia (?:tempor[áa]ria|do escrit[óo]rio)",
        r"niet op kantoor|poza biurem|нет на (?:работе|месте)|вне офиса|mimo kancel[áa][řr]",
        r"nep[řr][íi]tomnost v kancel[áa][řr]i",
        r"ikke til stede|ikke p[åa] kontoret|frånvaro|inte p[åa] kontoret|poissa toimistolta|h[áa]zon k[íi]v[üu]l",
        r"ofis d[ıi][şs][ıi]nda",
        r"不在(?:の(?:お知らせ|連絡)|メール|です)|不在办公室|不在辦公室|부재 ?중",
    )
)
# Weaker: a person might head a mail so.
_ABOUT_ABSENCE = any_of(
    r"\bout of (?:the )?office\b|\bon (?:\w+ )?(?:leave|vacation|holidays?)\b|\bvacation\b|\baway\b",
    r"\bauto(?:matic|mated)?[ -]?(?:reply|respon)",
    r"\babwesen|\burlaub|\bnicht im (?:büro|haus)|\bautomatische (?:antwort|rück)|\babsen(?:ce|t)\b|\bcongés?\b",
    r"\bréponse automatique",
    r"\bfuera de\b|\bausen|\bvacaciones\b|\brespuesta automática|\bassen(?:te|za)\b|\bferie\b|\bfuori\b",
    r"\brisposta automatica",
    r"\bférias\b|\bausência|\bresposta automática|\bafwezig|\bvakantie|\bautomatisch antwoord|\bnieobecn|\burlop",
    r"\bautomatyczna",
    r"\bотпуск|\bвідпустк|\bавтомат|\bавтоответ|\bnepřítom|\bdovolen|\bautomatická|\bfravær|\bsemester\b",
    r"\bfrånvar|\bautomatisk|\bautosvar",
    r"\bpoissa|\blomalla\b|\bautomaattinen|\bszabadság|\bautomatikus|\bizin|\botomatik|\batvaļinājum|\batostog",
    r"\bpuhkus",
    r"不在|休暇|夏季休業|自動|休假|自动|外出|부재|휴가|자동",
)
# "I am not here."
_ABSENT = any_of(
    r"\b(?:i am|i['’]m|i will be|i['’]ll be|i shall be|am|will be|is|currently) (?:currently |now |presently |still )?"
    r"(?:out of (?:the )?(?:office|town|country)|on (?:\w+ )?(?:leave|vacation|holidays?)|away|travell?ing"
    r"|not in the office|unavailable|out\b)",
    r"\b(?:out of|away from) (?:the |my )?(?:office|desk|e-?mail)",
    r"\bno longer (?:work|employed|with|in use|monitored|active)",
    r"\b(?:our (?:office|shop|store|company)s?|we) (?:is|are|will be|remains?) closed\b|\bbetriebs(?:ferien|urlaub|ruhe)\b",
    r"\b(?:bureaux?|magasins?) (?:sont|est|seront|sera) fermés?\b",
    r"\b(?:oficinas?|tienda) (?:está|estará|están|estarán|permanecerá) cerrad",
    r"\buffici (?:sono|saranno|resteranno) chius|\b(?:kantoor|winkel|wij|we) (?:is|zijn|gaan) gesloten\b",
    r"\b(?:limited|no|intermittent|little) access to (?:my )?e-?mails?\b",
    r"\b(?:nicht|derzeit nicht|zur zeit nicht) (?:im (?:büro|haus|hause)|am arbeitsplatz|erreichbar|im dienst)",
    r"\bim urlaub\b|\baußer haus\b|\babwesend\b",
    r"\b(?:je suis|je serai|actuellement) (?:.{0,40} )?(?:absent|en congés?|en vacances|en déplacement|indisponible)",
    r"\b(?:estoy|estaré|me encuentro) (?:.{0,40} )?(?:fuera|ausente|de vacaciones)",
    r"\b(?:sono|sarò) (?:.{0,40} )?(?:assente|fuori|in ferie)",
    r"\b(?:estou|estarei|encontro-me) (?:.{0,40} )?(?:ausente|de férias|em férias|fora do)",
    r"\b(?:ik ben|ben ik) (?:.{0,60} )?(?:afwezig|met vakantie|op vakantie|niet (?:op kantoor|aanwezig|bereikbaar))",
    r"\b(?:jestem|będę|przebywam) (?:.{0,40} )?(?:nieobecn|na urlopie|poza biurem)",
    r"\b(?:в отпуске|отсутствую|в командировке|не в офисе|у відпустці|відсутн)",
    r"\b(?:mimo kancelář|na dovolené|nepřítom)",
    r"\bjeg (?:er|har|holder) (?:.{0,40} )?(?:fraværende|på ferie|ferie|ikke på kontoret|ikke til stede|bortrejst)",
    r"\bjag (?:är|har) (?:.{0,40} )?(?:frånvarande|på semester|semester|inte på kontoret|ledig|föräldraledig)",
    r"\bolen (?:.{0,40} )?(?:lomalla|poissa|vapaalla)|\b(?:szabadságon|házon kívül|irodán kívül)|\bizindeyim",
    r"\bofis dışında|\byıllık izin",
    r"\b(?:esmu|atrodos) (?:.{0,30} )?(?:atvaļinājumā|prombūtnē)",
    r"不在にして|不在と(?:なり|させ)|休暇(?:を|中|の|で)|外出して|出張(?:中|で|し)|夏季休業|正在休假|休假中",
    r"休假期间|不在办公室|不在辦公室|出差",
    r"부재 ?중|휴가 ?중|자리를 비",
)
# What follows in a note to nobody in particular: when back, whom else to ask, thanks for whatever was written.
_NOTE = any_of(
    r"\bi(?: will|['’]ll| shall) (?:.{0,20} )?(?:reply|respond|answer|get back|return|be back|read|attend|review)",
    r"\bwe(?: will|['’]ll| shall) (?:.{0,20} )?(?:reply|respond|answer|get back|return|be back|reopen)\b",
    r"\bwhen we (?:return|are back|reopen)",
    r"\bwird (?:danach|anschließend|ab dem|nach) (?:.{0,40} )?(?:bearbeitet|beantwortet)|\bsind wir wieder\b|\bwieder (?:da|für euch)\b",
    r"\b(?:upon|on|after) my return\b|\b(?:until|when) i (?:return|am back|get back)|\breturning (?:on|to)\b",
    r"\bback (?:in the office|at my desk)\b",
    r"\b(?:urgent|immediate (?:assistance|attention|help)|emergency|in my absence)\b",
    r"\bthank you for (?:your (?:e-?mail|message|mail)|contacting)",
    r"\bin dringenden\b|\bdringende[nr]?\b|\bnach meiner rückkehr\b|\bwieder (?:im büro|erreichbar|für sie)",
    r"\bin meiner abwesenheit\b|\bwährend meiner\b",
    r"\bwerden? (?:.{0,40} )?nicht (?:weitergeleitet|gelesen)|\bwenden sie sich\b",
    r"\bvielen dank für ihre (?:e-?mail|nachricht|mail)",
    r"\ben cas d['’]urgence|\burgence|\bà mon retour\b|\bde retour\b",
    r"\b(?<!me )(?:contacter|adresser|joindre)\b|\bvous pouvez (?:\w+ )?(?:écrire|appeler)\b",
    r"\bmerci de contacter",
    r"\burgen(?:te|cia|za)\b|\ba mi (?:vuelta|regreso)\b|\bal mio rientro\b|\b(?:meu|o) (?:regresso|retorno)\b",
    r"\bcontatt(?:are|i|ate)\b|\bpóngase en contacto",
    r"\bdringend|\bbij terugkomst|\bweer (?:op kantoor|aanwezig|bereikbaar)|\bneem (?:dan )?contact\b",
    r"\bpiln(?:e|ych|ymi)\b|\bproszę o kontakt\b|\bpo powrocie\b",
    r"\bсрочн|\bпо возвращени|\bобращайтесь|\bвернусь\b|\bтермінов|\bповернусь\b|\bзвертайтес|\bnaléhav",
    r"\burgentní|\bpo návratu|\bkontaktujte\b",
    r"\bhaster\b|\btilbage (?:igen )?(?:den|på|d\.)|\btilbake (?:den|på|i)|\b(?:åter|tillbaka) (?:den|på|igen)",
    r"\bkontakta\b|\bkontakt (?:venligst|gjerne)|\bbrådskande",
    r"\bkiireelli|\bpalaan\b|\bottakaa yhteyttä|\bota yhteyttä|\bsürgős|\bvisszatér|\bforduljon|\bacil\b",
    r"\bdöndüğüm|\biletişim|\bsteidzam",
    r"お急ぎ|緊急|戻り(?:次第|ましたら)|後日|改めて(?:ご)?(?:連絡|返信)|如有急事|紧急|緊急|返回后|回來後|급한",
    r"긴급|복귀",
)
_SAYS_SO = any_of(
    r"\bthis is an? (?:auto(?:matic|mated)?[ -]?(?:reply|response|answer)|out[ -]of[ -]office)",
    r"\b(?:apologi[sz]e|sorry|apologies) for (?:this|the) auto(?:matic|mated)?[ -]?(?:reply|response)",
    r"\bdies ist eine automatische|\b(?:c['’]est|ceci est) une réponse automatique",
    r"\bésta es una respuesta automática",
    r"\besta es una respuesta automática|\bquesta è una risposta automatica|\besta é uma resposta automática",
    r"\bdit is een automatisch|\bto jest automatyczna|\bэто автоматический ответ|\bце автоматична відповідь",
    r"\btoto je automatická",
    r"\bdette er (?:et|en) (?:auto|automatisk)|\bdetta är ett auto|\btämä on automaattinen|\bez egy automatikus",
    r"\bbu otomatik bir",
    r"自動返信(?:です|にて|して|メールです)|自動応答(?:です|して)",
    r"(?:这|此|本邮件)(?:是|为|為)?(?:一封)?自[动動]回[复覆]|자동 ?(?:회신|응답)(?:입니다|메일입니다)",
)
# Besides what a customer may say of an address or of a page that asks for a proof, so nothing of goods and no "I" may stand beside it.
_SAYS_SO_OF_MAIL = any_of(
    r"\bthis (?:e-?mail )?(?:address|account|mailbox) is no longer (?:in use|used|active|monitored|read|checked)",
    # challenge and response: a program asks the sender to prove to be a person
    r"\b(?:verify|confirm|prove) (?:that )?you(?:['’]re| are) (?:a |an )?(?:human|person|real|legitimate|not a (?:robot|spammer))",
    r"\b(?:list of )?approved senders\b.{0,80}\b(?:form|link|click|request)|\b(?:sender|e-?mail) verification (?:required|request)",
    r"\b(?:click|reply|link)\b.{0,80}\bto (?:have|get|release) your (?:e-?mail|message) delivered",
)


def absence(message: Message) -> str | None:
    """An absence note or automatic answer, as evidence; None where a person may have written it."""
    if is_passed_on(message):
        return None
    words = message.new_text
    read = flat(words, _READ)
    # Only a program writes "Automatic reply:"; "Out of office" a customer writes as well, of the days when nothing can be delivered.
    if len(words) <= _LONG and (
        _PROGRAM.match(message.subject) or (_HEADING.match(message.subject) and not about_goods(read))
    ):
        return f"Subject: {message.subject}"
    if len(words) > _SHORT:
        return None
    declared = _SAYS_SO.search(read)
    if declared is not None:
        return f"text: {declared[0]}"
    said_of_mail = _SAYS_SO_OF_MAIL.search(read)
    if said_of_mail is not None and not about_goods(read) and not first_person(read):
        return f"text: {said_of_mail[0]}"
    absent = _ABSENT.search(read[:_BEGINNING])
    note = _NOTE.search(read)
    if absent is None or note is None or about_goods(read):
        return None
    if _ABOUT_ABSENCE.search(message.subject) is not None or is_answer(message):
        return f"text: {absent[0]} / {note[0]}"
    return None
