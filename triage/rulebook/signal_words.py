"""Words by which customers threaten or show urgency, by language: data of signals.py, written as words.py reads them.

Chosen to be rarely wrong rather than complete: a missed threat is still a complaint, a false one wakes somebody up. So no bare "dispute",
"review" or "press", which customers use of other things every day. In the training corpus one mail in 100 that is no complaint has one of
these words (a lawyer's office that needs an invoice), and one complaint in five. Operators add their own with `words`.
"""

from __future__ import annotations

from typing import Final

SIGNAL_WORDS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "chargeback": {
        "any": ("chargeback*", "charge back", "charge-back", "paypal case", "section 75"),
        "en": (
            "dispute the charge*", "dispute this charge*", "dispute the payment*", "dispute this payment",
            "dispute the transaction", "dispute with my bank", "dispute with my credit card", "open a dispute",
            "file a dispute", "opened a dispute", "filed a dispute", "paypal dispute", "reverse the charge*",
            "reverse the payment", "buyer protection", "purchase protection", "contact my bank",
            "contact my credit card", "contacting my bank", "through my bank",
        ),
        "de": (
            "rückbuchung*", "zurückbuchen", "zurückgebucht", "rücklastschrift*", "lastschrift zurück",
            "käuferschutz*", "paypal fall", "zahlung anfechten", "zahlung zurückholen", "geld zurückholen",
            "meine bank einschalten", "kreditkartenreklamation",
        ),
        "es": (
            "contracargo*", "retrocesión", "disputa en paypal", "abrir una disputa", "abriré una disputa",
            "reclamar al banco", "reclamaré a mi banco", "reclamar a mi banco", "hablar con mi banco",
            "protección al comprador", "protección del comprador", "devolver el recibo", "anular el cargo",
            "desconocer el cargo",
        ),
        "fr": (
            "rétrofacturation", "opposition au paiement", "faire opposition", "contester le paiement",
            "contester la transaction", "litige paypal", "ouvrir un litige", "protection des achats",
            "rejet de prélèvement",
        ),
        "it": (
            "storno dell'addebito", "contestare l'addebito", "contestazione paypal", "aprire una contestazione",
            "contestare il pagamento", "protezione acquirenti", "disconoscere l'addebito",
        ),
        "nl": (
            "storneren", "betaling betwisten", "geschil openen", "paypal geschil", "kopersbescherming",
            "aankoopbescherming", "terugboeken via de bank", "terugboeken bij mijn bank", "laten terugboeken",
            "laat terugboeken",
        ),
        "pl": (
            "obciążenie zwrotne", "obciążenia zwrotnego", "reklamacja w banku", "spór paypal", "spór w paypal",
            "ochrona kupujących",
        ),
        "pt": (
            "estorno no cartão", "contestar a compra", "contestar o pagamento", "contestação no banco",
            "disputa no paypal", "abrir uma disputa", "proteção ao comprador", "estornar a compra",
        ),
        "sv": ("återdebitera*", "bestrida betalningen", "bestrida köpet", "reklamera hos banken"),
        "ja": ("チャージバック", "支払い停止", "支払いの異議", "カード会社に連絡", "カード会社に異議"),
        "zh": ("拒付", "退单", "退單", "向银行申诉", "向銀行申訴", "信用卡争议", "信用卡爭議"),
    },
    "lawyer": {
        "en": (
            "lawyer*", "solicitor*", "attorney*", "legal action", "legal proceeding*", "legal steps",
            "take you to court", "see you in court", "small claims", "sue you", "lawsuit", "court order",
            "letter before action",
        ),
        "de": (
            "anwalt", "anwalts", "anwälte*", "anwältin*", "anwaltlich*", "anwalts*", "rechtsanw*",
            "rechtliche schritte", "rechtlichen schritte*", "rechtlicher schritte", "rechtsweg", "gerichtlich*",
            "mahnbescheid*", "klage einreichen", "verklage*", "rechtsschutzversicherung", "rechtsbeistand",
            "juristische schritte",
        ),
        "es": (
            "abogad*", "acciones legales", "acción legal", "acción judicial", "acciones judiciales", "vía judicial",
            "vía legal", "demanda judicial", "demandarles", "demandarlos", "demandaré", "juzgado", "tribunales",
        ),
        "fr": (
            "avocat*", "action en justice", "poursuites judiciaires", "tribunal", "mise en demeure",
            "voie judiciaire", "huissier", "conciliateur de justice",
        ),
        "it": (
            "avvocat*", "vie legali", "azione legale", "azioni legali", "diffida", "tribunale", "giudice di pace",
            "denuncia",
        ),
        "nl": (
            "advocaat", "advocaten", "juridische stappen", "rechtszaak", "gerechtelijke stappen", "kantonrechter",
            "ingebrekestelling", "rechtsbijstand*",
        ),
        "pl": (
            "adwokat*", "prawnik*", "prawnika", "droga sądowa", "drogę sądową", "pozew", "do sądu", "kroki prawne",
        ),
        "pt": (
            "advogad*", "ação judicial", "acção judicial", "medidas legais", "medidas judiciais",
            "processo judicial", "tribunal", "juizado especial", "vou processar",
        ),
        "sv": ("advokat*", "rättsliga åtgärder", "stämma er", "tingsrätten", "jurist"),
        "ja": ("弁護士", "法的措置", "訴訟", "裁判"),
        "zh": ("律师", "律師", "起诉", "起訴", "法院", "法律途径", "法律途徑"),
    },
    "authority": {
        "en": (
            "trading standards", "consumer protection", "consumer rights", "ombudsman", "better business bureau",
            "bbb complaint", "attorney general", "citizens advice", "action fraud", "report you to", "police report",
            "the police",
        ),
        "de": (
            "verbraucherzentrale*", "verbraucherschutz*", "schlichtungsstelle", "wettbewerbszentrale",
            "anzeige erstatten", "strafanzeige", "polizei", "bundesnetzagentur", "datenschutzbehörde", "ordnungsamt",
        ),
        "es": (
            "facua", "hoja de reclamaciones", "hojas de reclamaciones", "profeco", "omic", "denuncia", "denunciar*",
            "denunciaré", "policía", "defensa del consumidor", "sernac", "oficina de consumo",
        ),
        "fr": (
            "dgccrf", "signalconso", "ufc que choisir", "60 millions de consommateurs", "répression des fraudes",
            "porter plainte", "plainte à la police", "médiateur",
        ),
        "it": ("codacons", "altroconsumo", "agcm", "associazione consumatori", "carabinieri", "polizia"),
        "nl": (
            "consumentenbond", "autoriteit consument", "geschillencommissie", "aangifte", "politie", "consuwijzer",
        ),
        "pl": (
            "uokik", "rzecznik konsumentów", "rzecznika konsumentów", "rzecznika praw", "inspekcja handlowa",
            "policja", "na policję",
        ),
        "pt": (
            "procon", "reclame aqui", "livro de reclamações", "asae", "consumidor gov", "polícia",
            "defesa do consumidor",
        ),
        "sv": ("konsumentverket", "allmänna reklamationsnämnden", "polisanmäl*"),
        "ja": ("消費生活センター", "国民生活センター", "消費者庁", "警察"),
        "zh": ("消费者协会", "消費者保護", "消协", "12315", "工商局", "市场监管", "报警", "報警"),
    },
    "review": {
        "any": (
            "trustpilot", "one star", "1 star", "1-star", "one-star", "1 stern", "ein stern", "1 estrella",
            "una estrella", "1 étoile", "google review*", "google bewertung*",
        ),
        "en": (
            "bad review*", "negative review*", "terrible review", "leave a review", "post a review",
            "write a review", "honest review", "warn others", "warn everyone", "post about this",
        ),
        "de": (
            "negative bewertung*", "schlechte bewertung*", "negativ bewerten", "schlecht bewerten",
            "entsprechend bewerten", "entsprechende bewertung*", "trusted shops bewertung", "bewertung hinterlassen",
            "andere warnen",
        ),
        "es": (
            "mala reseña", "malas reseñas", "reseña negativa", "mala valoración", "valoración negativa",
            "opinión negativa", "dejar una reseña", "avisar a todo el mundo",
        ),
        "fr": ("avis négatif*", "mauvais avis", "laisser un avis", "mauvaise note", "évaluation négative"),
        "it": ("recensione negativa", "recensioni negative", "lasciare una recensione", "pessima recensione"),
        "nl": (
            "slechte recensie*", "negatieve recensie*", "slechte beoordeling", "negatieve beoordeling",
            "slechte review*", "negatieve review*",
        ),
        "pl": ("negatywną opinię", "negatywna opinia", "złą opinię", "wystawię opinię", "negatywny komentarz"),
        "pt": ("avaliação negativa", "má avaliação", "crítica negativa", "deixar uma avaliação"),
        "sv": ("dåligt omdöme", "negativ recension", "dålig recension"),
        "ja": ("低評価", "悪い評価", "口コミに書", "レビューに書", "星1"),
        "zh": ("差评", "差評", "一星", "负面评价", "負面評價"),
    },
    "press": {
        "any": ("go viral",),
        "en": (
            "go to the press", "contact the press", "the newspaper*", "journalist*", "the media", "on social media",
            "consumer magazine", "on facebook and", "on twitter and", "local news",
        ),
        "de": (
            "an die presse", "zur presse", "die presse informieren", "journalist*", "bildzeitung",
            "stiftung warentest", "fernsehen", "in den sozialen medien", "öffentlich machen",
        ),
        "es": ("la prensa", "a los medios", "periodista*", "periódico*", "redes sociales", "hacerlo público"),
        "fr": ("la presse", "journaliste*", "les médias", "réseaux sociaux"),
        "it": ("alla stampa", "giornalist*", "striscia la notizia", "sui social", "mi manda rai"),
        "nl": ("de pers", "journalist*", "de media", "op social media"),
        "pl": ("do prasy", "dziennikarz*", "do mediów", "w mediach społecznościowych"),
        "pt": ("à imprensa", "jornalista*", "redes sociais", "na comunicação social"),
        "sv": ("journalist*", "kontakta pressen", "till media", "sociala medier"),
        "ja": ("マスコミ", "新聞社", "SNSで拡散", "SNSに投稿"),
        "zh": ("媒体曝光", "媒體曝光", "记者", "記者", "曝光你们", "曝光你們"),
    },
    "danger": {
        "en": (
            "caught fire", "on fire", "burnt my", "burned my", "burst into flames", "smoke coming",
            "started smoking", "electric shock", "electrocuted", "exploded", "explosion", "injured", "injury",
            "allergic reaction", "cut myself", "safety hazard", "taken to hospital", "went to hospital",
            "ended up in hospital", "emergency room",
        ),
        "de": (
            "feuer gefangen", "gebrannt", "rauch", "qualm*", "stromschlag", "explodiert", "verletzt", "verletzung*",
            "allergische reaktion", "verbrannt", "brandgefahr", "lebensgefahr*", "in brand geraten",
            "ins krankenhaus", "im krankenhaus",
        ),
        "es": (
            "se incendió", "se ha incendiado", "se prendió fuego", "echa humo", "quemadura*", "descarga eléctrica",
            "calambre*", "explotó", "ha explotado", "herid*", "reacción alérgica", "peligro*", "al hospital",
            "urgencias médicas",
        ),
        "fr": (
            "pris feu", "brûlure*", "choc électrique", "décharge électrique", "explosé", "blessé*", "blessure*",
            "réaction allergique", "dangereux", "de la fumée", "à l'hôpital", "aux urgences",
        ),
        "it": (
            "preso fuoco", "scossa elettrica", "ustion*", "esploso", "ferit*", "reazione allergica", "pericoloso",
            "esce fumo", "del fumo", "in ospedale", "pronto soccorso",
        ),
        "nl": (
            "vlam gevat", "in brand", "elektrische schok", "ontploft", "gewond*", "verwonding*",
            "allergische reactie", "gevaarlijk", "rook uit", "rook kwam", "naar het ziekenhuis",
        ),
        "pl": (
            "zapaliło się", "zapalił się", "dym", "porażenie prądem", "poraził", "wybuchł*", "oparzenie", "ranny",
            "ranna", "reakcja alergiczna", "niebezpieczn*", "do szpitala",
        ),
        "pt": (
            "pegou fogo", "incendiou", "fumaça", "choque elétrico", "explodiu", "queimadura*", "ferid*",
            "reação alérgica", "perigoso", "ao hospital", "para o hospital",
        ),
        "sv": (
            "fattade eld", "brinner", "rök", "elstöt", "exploderade", "skadad", "allergisk reaktion", "till sjukhus",
        ),
        "ja": (
            "発火", "火が出", "発煙", "煙が出", "感電", "爆発", "けが", "怪我", "火傷", "やけど", "アレルギー反応",
            "病院に",
        ),
        "zh": ("起火", "着火", "冒烟", "冒煙", "触电", "觸電", "爆炸", "受伤", "受傷", "过敏反应", "過敏反應"),
    },
    "repeated": {
        "en": (
            "second time i*", "third time i*", "second email", "third email", "fourth email", "second e-mail",
            "third e-mail", "still no answer", "still no reply", "still no response", "no one has replied",
            "nobody has replied", "nobody answered", "still waiting for an answer", "still waiting for a reply",
            "already written", "i have written", "wrote to you before", "emailed you before", "i have emailed",
            "i've emailed", "contacted you several times", "as i wrote", "second request", "third request",
            "last reminder", "final reminder", "ignored my",
        ),
        "de": (
            "zum zweiten mal", "zum dritten mal", "zum wiederholten mal*", "zweite mail", "dritte mail",
            "zweite e-mail", "dritte e-mail", "noch keine antwort", "immer noch keine antwort",
            "bisher keine antwort", "keine antwort erhalten", "keine antwort bekommen", "niemand antwortet",
            "niemand meldet sich", "mehrfach geschrieben", "mehrmals geschrieben", "bereits geschrieben",
            "schon geschrieben", "mehrfach kontaktiert", "letzte aufforderung", "letztmalig", "erneut auffordern",
        ),
        "es": (
            "segundo correo", "tercer correo", "sigo sin respuesta", "sin respuesta", "nadie responde",
            "nadie me responde", "nadie contesta", "nadie me contesta", "ya les escribí", "ya os escribí",
            "ya les he escrito", "ya os he escrito", "he escrito varias veces", "último aviso",
            "segunda vez que escribo", "segunda vez que les escribo", "segunda vez que os escribo",
            "tercera vez que escribo", "tercera vez que les escribo", "tercera vez que os escribo",
        ),
        "fr": (
            "deuxième fois", "troisième fois", "deuxième mail", "troisième mail", "deuxième message",
            "troisième message", "toujours pas de réponse", "sans réponse", "aucune réponse", "personne ne répond",
            "déjà écrit", "dernière relance",
        ),
        "it": (
            "seconda volta", "terza volta", "seconda mail", "terza mail", "ancora nessuna risposta",
            "nessuna risposta", "senza risposta", "nessuno risponde", "ho già scritto", "ultimo sollecito",
        ),
        "nl": (
            "tweede keer", "derde keer", "tweede mail", "derde mail", "nog geen antwoord",
            "nog steeds geen antwoord", "nog geen reactie", "nog steeds geen reactie", "niemand antwoordt",
            "niemand reageert", "al gemaild", "laatste herinnering",
        ),
        "pl": (
            "po raz drugi", "po raz trzeci", "drugi mail", "trzeci mail", "brak odpowiedzi", "bez odpowiedzi",
            "nikt nie odpowiada", "już pisałem", "już pisałam", "nadal nie otrzymałem", "nadal nie otrzymałam",
        ),
        "pt": (
            "segundo email", "terceiro email", "segundo e-mail", "terceiro e-mail", "sem resposta",
            "ninguém responde", "ninguém me responde", "já escrevi", "já enviei", "último aviso",
            "segunda vez que escrevo", "terceira vez que escrevo", "segunda vez que contacto",
            "terceira vez que contacto",
        ),
        "sv": (
            "andra gången", "tredje gången", "inget svar", "fortfarande inget svar", "ingen svarar", "redan skrivit",
        ),
        "ja": (
            "返信がありません", "返事がありません", "返信がない", "返事がない", "何度も連絡", "何度も問い合わせ",
            "再度のご連絡", "未だに返", "2回目の連絡", "3回目の連絡", "二度目の連絡", "三度目の連絡",
        ),
        "zh": (
            "没有回复", "沒有回覆", "没人回复", "沒人回覆", "一直没有", "一直沒有", "多次联系", "多次聯繫",
            "再次联系", "第二次联系", "第三次联系", "第二次聯繫", "第三次聯繫",
        ),
    },
}  # fmt: skip
