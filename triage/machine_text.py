"""Machines that leave no mark in the header, known by subject and text: bounces, absence notes, automatic answers. Pure.

One phrase is never enough where a customer could write it. "Delivery failed" is about a parcel as often as about a mail, and "I am out
of office next week, please deliver later" is a customer's wish. So a subject needs its text, a text needs two signals of different
kinds, and only the author's own new words count, near their beginning. What mail programs themselves put before a subject
("Automatic reply:", "Undeliverable:") is a signal by itself where no person would type it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from triage.message import Message

_READ = 4_000  # characters of the own words that are looked at
_BEGINNING = 600  # where a machine says what it is
_SHORT = 1_200  # characters; an absence note is a few sentences, signature and all


def _any(*phrases: str) -> re.Pattern[str]:
    """One expression for all of *phrases*; white space in them stands for any."""
    return re.compile("|".join(phrase.replace(" ", r"\s+") for phrase in phrases), re.IGNORECASE)


def _at_start(phrases: Iterable[str], *, end: str = r"(?:\s*[:：\]\)-]|\s*$)") -> re.Pattern[str]:
    joined = "|".join(phrase.replace(" ", r"[\s-]+") for phrase in phrases)
    return re.compile(rf"\s*[\[\(<\"'*]*\s*(?:{joined}){end}", re.IGNORECASE)


# --- bounces -----------------------------------------------------------------------------------------------------------------------

# Subjects that mail servers write; a customer may have typed some of them, so they want a text besides.
_BOUNCE_SUBJECT = _any(
    # English: sendmail, Postfix, Exim, qmail, Exchange, Domino, IronPort, Yahoo, AOL, IMail, MDaemon
    r"\b(?:un)?deliver(?:able|ed|y)?\b.*\b(?:mail|message|status|notification|failure|report|returned|system|failed|error|delayed)",
    r"\b(?:mail|message|e-?mail)\b.*\b(?:undeliver\w+|not (?:be )?delivered|delivery (?:failed|failure|problem|error|report|status|system))",
    r"^\s*(?:undeliver(?:able|ed)|undeliverable mail|not delivered|non.?deliver\w+|ndn)\s*(?::|$)",
    r"\breturned (?:mail|message|to sender)\b",
    r"^\s*returned:",
    r"\b(?:mail|message) (?:was )?return(?:ed|ing)\b",
    r"\b(?:failure|failed|error|bounce|warning) (?:notice|notification|message|mail|report|email)\b",
    r"\bdelivery (?:has )?(?:failed|failure|delayed|problem|error|report|notice|notification|unsuccessful)\b",
    r"\bfailed delivery\b",
    r"\bmail (?:system )?error\b",
    r"\bmail failure\b",
    r"\bcould ?not (?:send|deliver|be delivered)\b",
    r"\b(?:unknown|invalid|bad|no such) (?:user|recipient|address|mailbox|host)\b",
    r"\b(?:user|recipient|address|mailbox|host) (?:is )?(?:unknown|not found|unavailable|full|disabled|does not exist|rejected)\b",
    r"\bmessage (?:.{0,60} )?(?:delayed|blocked|rejected|refused|bounced|quarantined)\b",
    r"\b(?:quota|mailbox) (?:exceeded|is full)\b",
    r"\bpermanent (?:fatal )?(?:error|failure)\b",
    r"\bwarning: (?:message|could not)",
    r"\bnon.?d[ée]livr",
    # German
    r"\bunzustellbar",
    r"\bnicht (?:zu|aus)(?:stellbar|gestellt|geliefert)",
    r"\bzustell\w*(?:fehler|problem|versuch|bericht|status|benachrichtigung)",
    r"\bfehler bei der (?:mail)?(?:zustellung|übermittlung)",
    r"\b(?:mail|nachricht)\w* (?:konnte )?nicht zugestellt",
    r"\bfehlgeschlagen\b",
    r"\bretour(?:nierte)? (?:mail|nachricht)",
    # French
    r"\bnon (?:remis|distribu|livr|d[ée]livr)",
    r"\b[ée]chec (?:de |d'|d’)?(?:la )?(?:remise|livraison|distribution|envoi|acheminement)",
    r"\bimpossible (?:de )?(?:remettre|distribuer|d[ée]livrer)",
    r"\bnotification d['’][ée]tat de (?:la )?(?:remise|distribution)",
    r"\bmessage de non[ -]remise",
    # Spanish, Portuguese, Italian
    r"\bno se (?:puede|pudo|ha podido) entregar",
    r"\bno entregad[oa]",
    r"\bno (?:se )?entregable",
    r"\b(?:fallo|error|fracaso) (?:de|en) (?:la )?(?:entrega|env[ií]o)",
    r"\bnotificaci[óo]n (?:de|sobre) (?:el )?estado de (?:la )?entrega",
    r"\bcorreo devuelto",
    r"\bmensaje devuelto",
    r"\bn[ãa]o (?:é poss[ií]vel|foi poss[ií]vel|p[ôo]de ser) entreg",
    r"\bn[ãa]o entreg(?:ue|ável)",
    r"\bfalha (?:na|de) entrega",
    r"\bmensagem devolvida",
    r"\bnon recapitabil",
    r"\bmancat[oa] recapito",
    r"\bnon (?:è stato possibile )?(?:consegna|recapita)",
    r"\bnotifica (?:sullo |dello )?stato (?:del )?(?:recapito|consegna)",
    # Dutch, Danish, Swedish, Norwegian, Finnish
    r"\bonbestelbaar",
    r"\bniet (?:bezorgd|afgeleverd|bestelbaar)",
    r"\b(?:ikke|kunne ikke) lever",
    r"\bkan ikke leveres",
    r"\buleverbar",
    r"\bkan inte levereras",
    r"\bolevererbar",
    r"\bej levererad",
    r"\bei voi (?:toimittaa|välittää)",
    r"\bei toimitettu",
    # Polish, Czech, Hungarian, Turkish, Russian, Ukrainian
    r"\bniedostarcz",
    r"\bnie (?:można|udało się) dostarczyć",
    r"\bnedoručiteln",
    r"\bnelze doručit",
    r"\bnedoručen",
    r"\bkézbesíthetetlen",
    r"\bkézbesítési hiba",
    r"\bteslim (?:edilemedi|edilemiyor|edilemez|edilemeyen)",
    r"\bне (?:доставлен|удалось доставить|удаётся доставить|вдалося доставити)",
    r"\bнедоставлен",
    r"\bневозможно доставить",
    # Japanese, Chinese, Korean
    r"配信不能|配信できません|配達不能|配送不能|送信できません|配信(?:に)?失敗|未配達|エラーメール|リターンメール|宛先不明",
    r"无法传递|無法傳遞|无法投递|無法投遞|无法送达|無法送達|未送达|退信|退回|投递失败|投遞失敗|传递失败|發送失敗|发送失败",
    r"배달되지|배달할 수 없|전송 실패|반송|발송 실패",
)

# What only a mail server says of a mail. One of these, near the beginning of the own words.
_BOUNCE_TEXT = _any(
    r"^\s*(?:final|original)-recipient:",
    r"^\s*(?:diagnostic|action)-?code:|^\s*action: (?:failed|delayed)",
    r"^\s*reporting-mta:",
    r"\bthis is the (?:qmail|mail delivery|postfix|mail system|exim|mimedefang|ezmlm|mail transport|mailer)\b",
    r"\bi wasn['’]?t able to deliver your message\b",
    r"\bi(?:'|’)m (?:sorry to have to inform you|afraid i wasn)",
    r"\bthis message was created automatically by (?:the )?(?:mail|e-mail)",
    r"\b(?:diese|die) nachricht wurde automatisch (?:vom|von der|von einem) mail",
    r"\bthe following (?:addresses|recipients?|address(?:\(es\))?|organization) (?:had|could|cannot|can not|did|failed|reject)",
    r"\b(?:your|the following|this|original) (?:e-?mail|mail|message) (?:.{0,80} )?"
    r"(?:could not be|couldn['’]t be|was not|wasn['’]t|cannot be|can ?not be|has not been|was unable to be|did not reach|didn['’]t reach)"
    r"(?: successfully)?(?: delivered| relayed| sent| some| the following)?",
    r"\b(?:delivery|message) (?:to|for|attempt to) (?:.{0,120} )?(?:failed|has been delayed|was delayed|is delayed)\b",
    r"\bdelivery to the following recipients?\b",
    r"\bpermanent (?:fatal )?errors?\b",
    r"\bunable to deliver (?:message|mail|your|the|this|to)\b",
    r"\b(?:user|mailbox|recipient|account) (?:.{0,60} )?(?:unknown|not found|over quota|unavailable|is full|does ?n[o']t exist|disabled)\b",
    r"\b(?:smtp|remote (?:mail )?(?:server|host)|mail server|remote mta) (?:.{0,80} )?(?:said|error|responded|rejected|replied|returned)\b",
    r"\btranscript of session follows\b",
    r"\b(?:returned|undelivered|undeliverable) (?:mail|message)\b",
    r"\b55[0-4][ -]#?5\.\d\.\d{1,3}\b|\b5\.[1-7]\.\d{1,3}\b.{0,40}(?:smtp|user|recipient|address|unknown|rejected|denied)",
    r"\b4\.4\.[17]\b",
    r"\b55[0-4][ :-].{0,80}(?:user|recipient|mailbox|address|relay|account|rejected|denied|unknown|spam|blocked)",
    r"\b(?:the )?e-?mail (?:system|account) (?:was unable|does not exist|is disabled)",
    # other languages: the sentences of Exchange, Postfix, Exim, web.de, GMX, T-Online, Orange, Free, Yahoo! Japan and others
    r"\bkonnte (?:leider )?(?:nicht|an .{0,80} nicht) (?:zugestellt|ausgeliefert|übermittelt|gesendet)",
    r"\bfehler beim (?:senden|zustellen) (?:der|ihrer) (?:nachricht|e-?mail)",
    r"\bzustellung an (?:.{0,80} )?(?:fehlgeschlagen|nicht möglich)",
    r"\bn['’]a pas pu [êe]tre (?:remis|distribu|d[ée]livr|envoy|achemin)",
    r"\bn['’]a pu [êe]tre (?:remis|distribu|d[ée]livr|envoy|achemin)",
    r"\b(?:échec|impossible) (?:.{0,30} )?(?:remise|remettre|distribution|distribuer) (?:.{0,40} )?(?:destinataire|message|courrier)",
    r"\bno (?:se )?(?:pudo|puede|ha podido|ha sido posible) (?:ser )?(?:entreg|envi)\w* (?:.{0,40} )?(?:mensaje|correo|destinatario)?",
    r"\bsu mensaje no (?:.{0,30} )?entreg",
    r"\bsua mensagem (?:.{0,30} )?n[ãa]o (?:.{0,30} )?entreg",
    r"\bn[ãa]o (?:foi possível|pôde ser) entreg\w*",
    r"\bnon (?:è stato|è) (?:possibile )?(?:recapitat|consegnat|recapitar|consegnar)",
    r"\b(?:bericht|e-?mail) (?:.{0,40} )?niet (?:.{0,30} )?(?:bezorgd|afgeleverd|worden verzonden)",
    r"\bnie (?:mogła|może|mogło|została|udało) (?:.{0,30} )?dostarcz",
    r"\bnebylo možné (?:.{0,30} )?doručit|\bnelze doručit|\bnepodařilo (?:.{0,30} )?doručit",
    r"\bnem (?:sikerült|lehetett|kézbesíthető)",
    r"\b(?:ikke|inte) (?:kunne |kan |kunde )?(?:leveres|levereras|blive leveret|bli levert)",
    r"\bei voitu (?:toimittaa|välittää)",
    r"\bteslim edilemedi",
    r"\bне (?:было |было возможно |удалось |может быть |вдалося )?(?:доставлен|доставить|доставити)",
    r"配信(?:できません|されませんでした|不能)|送信できませんでした|届けることができません|お届けできません|メールサーバ",
    r"(?:邮件|郵件|信件|邮箱|郵箱).{0,40}(?:无法|無法|未能|不能|失败|失敗|退回)|(?:收件人|收信人).{0,30}(?:不存在|无法|無法)",
    r"메일.{0,40}(?:전송|배달|전달).{0,20}(?:못|실패|않)",
)

# --- absence and automatic answers ---------------------------------------------------------------------------------------------------

# What mail programs put before the subject they answer. Exchange and Outlook in their languages, Gmail, Lotus Notes, Zimbra, GroupWise.
_AUTO_SUBJECT = _at_start(
    (
        r"auto(?:matic|mated|mat)?(?:ed)? ?(?:e-?mail )?(?:reply|response|answer|responder|acknowledge?ment|message)",
        r"auto(?:matically)? generated(?: (?:reply|response|message|e-?mail))?",
        r"out of (?:the )?office(?: (?:auto(?:matic)? ?)?(?:reply|response|message|notification))?",
        r"ooo|oof",
        r"vacation (?:reply|response|message|notice|auto ?reply)",
        r"away from (?:the |my )?(?:office|mail|desk|e-?mail)",
        r"automatische (?:antwort|abwesenheits\w+|r[üu]ckmeldung|mail|nachricht)|auto(?:matische)? ?antwort|abwesenheits(?:notiz|nachricht|meldung|agent)",
        r"abwesend|abwesenheit|nicht im (?:b[üu]ro|haus)|eingangsbest[äa]tigung",
        r"r[ée]ponse automatique|message automatique|absence du bureau|absent du bureau|absent\(?e?\)? du bureau",
        r"respuesta autom[áa]tica|fuera de (?:la )?oficina|ausente de la oficina|contestaci[óo]n autom[áa]tica|respuesta auto",
        r"risposta automatica|fuori (?:sede|ufficio)|risposta automatica di assenza|assente dall['’]ufficio|messaggio automatico",
        r"resposta autom[áa]tica|fora do escrit[óo]rio|ausente do escrit[óo]rio|aus[êe]ncia tempor[áa]ria",
        r"automatisch antwoord|automatische (?:beantwoording|reactie)|afwezigheids(?:bericht|assistent|melding)|niet op kantoor|afwezig",
        r"automatyczna odpowied[źz]|autoodpowied[źz]|odpowied[źz] automatyczna|poza biurem|nieobecno[śs][ćc]",
        r"автоматический ответ|автоответ(?:чик)?|автоматична відповідь|автовідповідь|нет на месте|нет в офисе|автоматическое сообщение",
        r"automatick[áa] odpov[ěe][ďd]|automatická odpoveď|mimo kancel[áa][řr]",
        r"automatisk(?:t)? (?:svar|besvarelse|svarmeddelande)|autosvar|ikke til stede|fravær\w*|ikke p[åa] kontoret|fr[åa]nvaro\w*|inte p[åa] kontoret|autosvar",
        r"automaattinen (?:vastaus|poissaolo\w*)|poissaoloviesti|poissa toimistolta|poissa",
        r"automatikus v[áa]lasz|h[áa]zon k[íi]v[üu]l|t[áa]voll[ée]ti [üu]zenet",
        r"otomatik (?:yan[ıi]t|cevap)|ofis d[ıi][şs][ıi]nda",
        r"r[ăa]spuns automat|αυτόματη απάντηση|automatski odgovor|samodejni odgovor|automātiska atbilde|automatinis atsakymas|automaatvastus",
        r"自動(?:応答|返信|送信)(?:メール)?|不在通知|不在(?:の(?:お知らせ|連絡))|自动(?:答复|回复|回覆)|自動(?:回覆|回复|答复|答覆)|外出(?:回复|答复)|不在办公室|不在辦公室",
        r"자동 ?(?:회신|응답|답장)|부재중(?: ?알림)?|الرد التلقائي|رد تلقائي|תשובה אוטומטית|מענה אוטומטי",
    )
)
# Weaker: a person might head a mail so.
_ABSENCE_SUBJECT = _any(
    r"\bout of (?:the )?office\b",
    r"\b(?:on|annual) (?:leave|vacation|holiday)s?\b",
    r"\bvacation\b",
    r"\bauto(?:matic|mated)?[ -]?(?:reply|response|responder)\b",
    r"\babwesenheit|\babwesend|\burlaub|\bnicht im (?:büro|haus)|\bautomatische (?:antwort|r[üu]ckmeldung)",
    r"\babsen(?:ce|t)\b|\bcongés\b|\bréponse automatique",
    r"\bfuera de (?:la )?oficina|\bausen(?:te|cia)\b|\bvacaciones\b|\brespuesta automática",
    r"\bassen(?:te|za)\b|\bferie\b|\bfuori (?:sede|ufficio)|\brisposta automatica",
    r"\bférias\b|\bausência\b|\bresposta automática",
    r"\bafwezig|\bvakantie\b|\bautomatisch antwoord",
    r"\bnieobecn|\burlop|\bautomatyczna odpowiedź",
    r"\bотпуск|\bвідпустк|\bавтоматическ|\bавтоматичн|\bавтоответ",
    r"\bnepřítomnost|\bdovolen|\bautomatická odpověď",
    r"\bferie\b|\bfravær|\bsemester\b|\bfrånvaro|\bautomatisk|\bautosvar",
    r"\bpoissa\b|\blomalla\b|\bautomaattinen",
    r"\bszabadság|\bautomatikus",
    r"\bizin|\botomatik",
    r"不在|休暇|夏季休業|自動|休假|自动|外出|부재|휴가|자동",
)
# "I am not here."
_ABSENT = _any(
    r"\b(?:i am|i['’]m|i will be|i['’]ll be|i shall be|am|will be|is|currently) (?:currently |now |presently )?"
    r"(?:out of (?:the )?(?:office|town|country)|on (?:\w+ )?(?:leave|vacation|holidays?)|away|travell?ing|not in the office|unavailable|out)\b",
    r"\bno longer (?:work|employed|with|at|using|in use|monitored|active)",
    r"\b(?:limited|no|intermittent) access to (?:my )?e-?mails?\b",
    r"\bich bin (?:.{0,60} )?(?:nicht (?:im (?:büro|haus|hause)|erreichbar|da|verfügbar)|abwesend|im urlaub|außer haus)",
    r"\bnicht (?:im (?:büro|haus|hause)|am arbeitsplatz|erreichbar)\b|\bim urlaub\b|\baußer haus\b|\babwesend\b",
    r"\b(?:je suis|je serai|actuellement) (?:.{0,40} )?(?:absent|en congés?|en vacances|en déplacement|indisponible)",
    r"\b(?:estoy|estaré|me encuentro|estar[ée]) (?:.{0,40} )?(?:fuera|ausente|de vacaciones)",
    r"\b(?:sono|sarò) (?:.{0,40} )?(?:assente|fuori (?:sede|ufficio)|in ferie)",
    r"\b(?:estou|estarei|encontro-me) (?:.{0,40} )?(?:ausente|de férias|em férias|fora do)",
    r"\b(?:ik ben|ben ik) (?:.{0,60} )?(?:afwezig|met vakantie|op vakantie|niet (?:op kantoor|aanwezig|bereikbaar))",
    r"\b(?:jestem|będę|przebywam) (?:.{0,40} )?(?:nieobecn|na urlopie|poza biurem)",
    r"\b(?:я )?(?:нахожусь|буду|сейчас|в настоящее время) (?:.{0,40} )?(?:в отпуске|отсутств|в командировке|не в офисе)",
    r"\b(?:я )?(?:перебуваю|зараз) (?:.{0,40} )?(?:у відпустці|відсутн)",
    r"\b(?:jsem|budu) (?:.{0,40} )?(?:mimo kancelář|na dovolené|nepřítom)",
    r"\bjeg (?:er|har) (?:.{0,40} )?(?:fraværende|på ferie|ferie|ikke på kontoret|ikke til stede|bortrejst)",
    r"\bjag (?:är|har) (?:.{0,40} )?(?:frånvarande|på semester|semester|inte på kontoret|ledig)",
    r"\bolen (?:.{0,40} )?(?:lomalla|poissa|vapaalla)",
    r"\b(?:szabadságon|házon kívül|irodán kívül) (?:vagyok|leszek)|\bnem vagyok (?:az )?irod",
    r"\b(?:izindeyim|izinli|ofis dışında|yıllık izin)",
    r"不在にして|休暇(?:を|中|の|で)|外出して|出張(?:中|で|し)|夏季休業|正在休假|休假中|不在办公室|不在辦公室|外出|出差|부재중|휴가 ?중|자리를 비",
)
# What follows in a note to nobody in particular: when back, whom else to ask, that a program wrote it.
_NOTE = _any(
    r"\bi will (?:reply|respond|answer|get back|return|be back|read|attend|review)\b|\bi['’]ll (?:reply|respond|answer|get back|be back)\b",
    r"\b(?:upon|on|when|until|after) (?:my |i )?return\b|\breturning (?:on|to)\b|\bback (?:in the office|on|at my desk)\b",
    r"\b(?:urgent|immediate|emergency|urgency)\b|\bin my absence\b|\bplease (?:contact|call|e-?mail|direct)\b",
    r"\bthank you for your (?:e-?mail|message|mail)\b",
    r"\bautomat(?:ic|ed)(?:ally)? (?:\w+ )?(?:reply|response|message|answer|e-?mail)\b|\bauto-?(?:reply|respon\w+)\b",
    r"\bwill not be (?:read|forwarded|checked)\b",
    r"\bdringende[nr]?\b|\bnach meiner rückkehr\b|\bwieder (?:im büro|erreichbar|da|für sie|zurück)\b|\bin meiner abwesenheit\b|\bwährend meiner\b",
    r"\bwerde[n]? (?:ich )?(?:.{0,40} )?(?:nach|beantworten|gelesen|weitergeleitet)|\bautomatisch|\bwenden sie sich\b|\bvielen dank für ihre (?:e-?mail|nachricht)",
    r"\burgen(?:t|ce|cia|ti|te|za)\b|\bà mon retour\b|\bde retour\b|\ba mi (?:vuelta|regreso)\b|\bal mio rientro\b|\bmeu regresso\b|\bmeu retorno\b",
    r"\bmerci (?:de contacter|de vous adresser)|\bcontact(?:er|ez|e a|ar con|e con)\b|\bcontattare\b|\bgracias por su (?:correo|mensaje)",
    r"\bréponse automatique|\brespuesta automática|\brisposta automatica|\bresposta automática",
    r"\bdringend|\bterug\b|\bneem (?:dan )?contact\b|\bpiln(?:e|ych|ymi)\b|\bproszę o kontakt\b|\bpo powrocie\b",
    r"\bсрочн|\bпо возвращени|\bобращайтесь|\bвернусь|\bавтоматическ|\bтермінов|\bповернусь|\bзвертайтес",
    r"\bnaléhav|\burgentní|\bpo návratu|\bkontaktujte|\bhaster\b|\btilbage\b|\btilbake\b|\båter\b|\btillbaka\b|\bkontakta?\b|\bbrådskande",
    r"\bkiireelli|\bpalaan\b|\bottakaa yhteyttä|\bota yhteyttä|\bsürgős|\bvisszatér|\bforduljon|\bacil\b|\bdöndüğüm|\biletişim",
    r"お急ぎ|緊急|戻り(?:次第|ましたら)|ご連絡|改めて|返信(?:が|いた|させ)|如有急事|紧急|緊急|返回后|回來後|联系|聯繫|급한|긴급|복귀|연락",
)
# "A program wrote this": enough with any second sign of a machine.
_AUTOMATIC = _any(
    r"\b(?:this|the following) (?:is|was) (?:an? )?(?:automat(?:ic|ed|ically)|auto-?(?:generated|reply|response))\b",
    r"\b(?:this )?(?:e-?mail|message|mail|notification|reply) (?:is|was|has been) (?:sent |generated |created )?(?:automatically|auto-?generated)\b",
    r"\b(?:please )?do not (?:reply|respond|answer) (?:directly )?(?:to|by|using) (?:this|e-?mail)|\bdo not reply\b|\bdon['’]t reply to this\b",
    r"\b(?:mailbox|address|inbox|account) is (?:not |un)(?:monitored|attended|read|checked)\b|\bunmonitored (?:mailbox|address|account)\b",
    r"\bautomated (?:\w+ )?(?:message|response|reply|notification|e-?mail|system)\b",
    r"\b(?:diese|dies ist eine) (?:e-?mail|nachricht|mail)? ?(?:.{0,20} )?(?:automatisch (?:erstellt|generiert|versandt|erzeugt|verschickt|generierte|erstellte))",
    r"\bautomatisch (?:generierte|erstellte|erzeugte|versandte)\w* (?:e-?mail|nachricht|mail|antwort)",
    r"\bbitte (?:antworten sie )?nicht (?:auf diese (?:e-?mail|nachricht|mail) )?antworten\b|\bbitte antworten sie nicht\b",
    r"\b(?:message|e-?mail|courriel) (?:.{0,20} )?(?:est |a été )?(?:généré|envoyé|automatique)\w*(?: automatiquement)?\b|\bmerci de ne pas (?:y )?répondre|\bne pas répondre\b",
    r"\b(?:mensaje|correo) (?:.{0,30} )?(?:generado |enviado )?automátic|\bno responda a este|\bpor favor,? no responda|\bno conteste (?:a )?este",
    r"\b(?:messaggio|e-?mail|mail) (?:.{0,30} )?(?:generat\w |inviat\w )?automatic|\bnon rispondere a quest|\bsi prega di non rispondere",
    r"\b(?:mensagem|e-?mail) (?:.{0,20} )?automátic|\bnão responda (?:a )?est|\bpor favor,? não responda",
    r"\bautomatisch (?:gegenereerd|verzonden|bericht)|\bniet (?:op deze e-?mail )?(?:te )?(?:antwoorden|beantwoorden)\b|\bgelieve niet te",
    r"\bwiadomość (?:.{0,40} )?(?:automatycz|wygenerowan)|\bprosimy (?:nie|o nie) odpowiad|\bnie odpowiadaj",
    r"\b(?:письмо|сообщение) (?:.{0,40} )?автоматическ|\bне отвечайте на (?:это|данное)|\bлист (?:.{0,30} )?автоматичн|\bне відповідайте",
    r"\bautomaticky (?:generovan|vygenerovan|odeslan)|\bneodpovídejte",
    r"\bautomatisk (?:genereret|generert|sendt|mail|svar|e-?post|besked|melding)|\bautomatiskt (?:genererat|meddelande|utskick|svar|skickat)|\bsvar(?:a)? (?:inte|ikke) på",
    r"\bautomaattinen (?:viesti|vastaus)|\bälä vastaa|\bautomatikus(?:an)? (?:üzenet|válasz|generált|küldött)|\bne válaszoljon",
    r"\botomatik (?:olarak|mesaj|bir)|\byanıtlamayın|\bcevap vermeyin",
    r"自動(?:送信|返信|配信|応答|的に)|返信(?:いただ|され|なさら|でき).{0,20}(?:ませ|ない)|系统自动|系統自動|自动(?:发送|回复|答复)|请勿(?:直接)?回复|請勿(?:直接)?回覆|발신 ?전용|자동(?:으로)? ?(?:발송|회신|응답)",
)
_ANSWER_PREFIX = re.compile(
    r"\s*(?:re|aw|antw|sv|vs|odp|res|r|ynt|回复|回覆|答复|返信|답장|ответ|отв)\s*(?:\[\d+\])?\s*[:：]", re.IGNORECASE
)
_FORWARD_PREFIX = re.compile(
    r"\s*(?:fwd?|wg|tr|rv|i|enc|doorst|pd|vb|vs|vl|továbbítás|ilt|iLT|转发|轉寄|轉發|転送|전달|пересл)\s*[:：]",
    re.IGNORECASE,
)
_FORWARDED_TEXT = _any(
    r"-{2,} ?(?:original message|forwarded message|weitergeleitete nachricht|ursprüngliche nachricht|message transféré|mensaje reenviado"
    r"|messaggio inoltrato|mensagem encaminhada|doorgestuurd bericht)",
    r"^begin forwarded message",
)


def bounce(message: Message) -> str | None:
    """A bounce without the marks of one: its subject or its first words, and a second sign besides.

    Exchange, Domino, qmail, Exim, Yahoo and many smaller ones send plain text from an address of their own.
    """
    subject = _BOUNCE_SUBJECT.search(message.subject)
    if subject is None or _is_passed_on(message):
        return None
    text = _BOUNCE_TEXT.search(message.text[:_READ])
    if text is not None and text.start() < _BEGINNING:
        return f"Subject: {message.subject[:80]} / {text[0]}"
    enclosed = next((a.content_type for a in message.attachments if a.content_type in _RETURNED), None)
    return f"Subject: {message.subject[:80]} / part {enclosed}" if enclosed else None


_RETURNED = ("message/rfc822", "text/rfc822-headers", "message/rfc822-headers", "message/partial")


def absence(message: Message) -> str | None:
    """An out-of-office note or another automatic answer that says so only in its words."""
    if _is_passed_on(message):
        return None
    title = _AUTO_SUBJECT.match(message.subject)
    words = message.new_text[:_READ]
    if title is not None and len(message.new_text) < 3 * _SHORT:
        return f"Subject: {message.subject[:80]}"
    if len(message.new_text) > _SHORT:
        return None
    absent = _ABSENT.search(words[:_BEGINNING])
    weak = _ABSENCE_SUBJECT.search(message.subject)
    note = _NOTE.search(words)
    if absent is not None and note is not None and (weak is not None or _answers(message)):
        return f"text: {absent[0]} / {note[0]}"
    return None


def automatic(message: Message) -> str | None:
    """A notification that says of itself that a program wrote it."""
    if _is_passed_on(message) or _answers(message):
        return None
    found = _AUTOMATIC.search(message.new_text[:20_000])
    return f"text: {found[0]}" if found else None


def _answers(message: Message) -> bool:
    return bool(message.in_reply_to or message.references or _ANSWER_PREFIX.match(message.subject))


def _is_passed_on(message: Message) -> bool:
    """Whether a person forwards somebody else's mail: then its words are not the sender's."""
    return (
        _FORWARD_PREFIX.match(message.subject) is not None or _FORWARDED_TEXT.search(message.text[:_READ]) is not None
    )
