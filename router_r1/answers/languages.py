"""The words with which replies state an answer, language by language.

A row of `LANGUAGES` is a table of facts; adding a language is adding a row. A field lists alternatives, separated by
`|`. A space is any space, and `~` stands for any ending: `richtig~` is richtig, richtige, richtigen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Language:
    """The words of one language. Empty fields are what a language lacks, or what is not known yet."""

    name: str
    answer: str
    """Nouns for an answer: "The ANSWER is C"."""
    right: str
    """Adjectives of a right or final answer; "C is RIGHT"."""
    option: str
    """Nouns for an option of a multiple-choice question: "the right OPTION is C", "I choose OPTION C"."""
    copula: str
    """What stands between such a noun and the answer: is, would be."""
    choose: str
    """What stands before a chosen option: I choose, it must be."""
    unknown: str
    """How a reply begins that does not know."""
    wrong: str = ""
    """Adjectives of a wrong answer; "C is WRONG"."""
    negation: str = ""
    """not, neither, rather than: what follows is no answer."""
    of: str = ""
    """How words begin that may stand between noun and copula: "the answer TO the question is"."""
    determiners: str = ""
    """Articles and possessives before a noun."""
    so: str = ""
    """How a conclusion begins."""
    because: str = ""
    """What separates an answer from its reason."""
    ending: str = ""
    """What ends a sentence after the answer and is no part of it."""
    chosen: str = ""
    """What follows a chosen option, where the verb comes last."""
    bare: bool = False
    """Nothing need stand between noun and answer."""
    glued: bool = False
    """Words are not separated by spaces."""
    inverts: bool = False
    """The verb comes second, so that an adverb moves the subject behind it: "Somit ist C die richtige Antwort"."""


LANGUAGES = (
    Language(
        "English",
        answer="answer|answers|ans|ans.|final result|final value|final choice|final decision|final verdict|final solution",
        right="correct|right|best|final|most likely|most appropriate|appropriate|most accurate|only valid|proper|true|valid",
        option="option|options|choice|choices|letter|letters|alternative|one|ones|statement|statements|selection",
        copula="is|are|was|would be|should be|must be|will be|has to be|can only be|could only be|equals|comes out to be"
        "|comes out to|comes to|turns out to be|remains|becomes|works out to be|works out to|appears to be|seems to be|is that",
        choose="I choose|I pick|I select|I'd choose|I'd pick|I'd select|I would choose|I would pick|I would select"
        "|I'll choose|I'll pick|I will choose|I will pick|I go with|I'd go with|I would go with|I'll go with|I will go with"
        "|I'm going with|I am going with|let's go with|going with|I say|I'd say|I would say|I vote for|I'd vote for"
        "|I'd go for|I would go for|I'll go for|I go for|I'm going for|I'd guess|I would guess|I guess|I'd bet on"
        "|I'd opt for|I would opt for|I opt for|I settle on|I'm settling on|I lean towards|I'd lean towards"
        "|I answer|I'd answer|I would answer|I have to go with|we choose|we pick|we select|we should choose"
        "|we would choose|it's|that's|it is|that is|looks like|seems like|sounds like|must be|has to be"
        "|my choice is|choice is|choice would be|my pick is|pick is|pick would be|guess is|guess would be|selection is|vote is|vote goes to|left with|down to|change my answer to|changing my answer to|changed my answer to|switch to|switching to|switch my answer to|my answer to|I'm choosing|I'm picking|I am choosing"
        "|leaves|only|leaving|leaves us with|leaving us with|leads to|points to|corresponds to|matches|choose|pick|select",
        unknown="I do not|I don't|I can not|I cannot|I can't|I'm not sure|I'm sorry|I'm unable|I'm uncertain|I am not sure"
        "|I am sorry|I am unable|I am uncertain|I have no|sorry, |sorry but|not sure|can not be determined"
        "|cannot be determined|no answer|no information|no idea|not enough information|not known|don't know|insufficient information"
        "|as an AI|unfortunately, I|I apologize|unable to determine|unable to answer|it is not possible to|it's not possible to",
        wrong="wrong|incorrect|false|not correct|not right|invalid|out|eliminated|ruled out|excluded|dismissed|discarded|rejected"
        "|discounted|crossed out|impossible|implausible|unlikely|irrelevant|too ~",
        negation="not|n't|nor|neither|none of|none of the|none of these|none of those|neither of|neither of the|rather than|instead of|than|excludes|exclude|eliminates|eliminate|rules out|rule out"
        "|ruled out|unlike|except|never|cannot be|can't be",
        of="to|of|for|we|I|that|in|here|from|given|which|after|you",
        determiners="the|a|an|my|our|your|this",
        so="so|therefore|thus|hence|then|consequently|accordingly|in conclusion|in summary|finally|altogether|in total|overall",
        ending="to me|here|then|overall|myself|as my answer|as the answer|for this one|in this case|instead|after all|now|it is",
        chosen="remains|is left|fits|matches|describes|explains|satisfies|works|holds|applies|best fits|best matches|best describes|is the one"
        "|is the only|seems best|seems right|seems correct|makes the most sense|makes most sense|fits best|it is|would be it",
        because="because|since|as|due to|given that|which|for|whereas|while|but|although|though|and not|not|rather than",
    ),
    Language(
        "German",
        answer="antwort|endantwort|antworten|lösung|endergebnis|ergebnis",
        right="richtig~|korrekt~|final~|endgültig~|best~|zutreffend~|abschließend~|letztendlich~",
        option="option|antwortmöglichkeit|möglichkeit|wahl|auswahl|buchstabe|alternative|aussage|antwortoption",
        copula="ist|sind|lautet|wäre|muss|beträgt|ist also|lautet also|ist daher|lautet daher|ist somit|lautet somit",
        choose="ich wähle|ich würde|ich nehme|ich entscheide mich für|ich tippe auf|ich sage|es muss|es ist|bleibt nur"
        "|bleibt|ich wähle also|wir wählen|ich denke, es ist|ich glaube, es ist|das entspricht",
        unknown="ich weiß es nicht|ich weiß nicht|ich weiss es nicht|ich weiss nicht|weiß ich nicht|das weiß ich nicht|ich kann"
        "|ich bin mir nicht sicher|ich bin nicht sicher|es tut mir leid|tut mir leid|leider|keine ahnung|unbekannt|keine antwort",
        wrong="falsch~|inkorrekt~|nicht richtig|nicht korrekt|unzutreffend",
        negation="nicht|weder|noch|statt|anstatt|kein~",
        of="auf|zu|zur|zum|für|der|des|von|hier|in|dieser",
        determiners="die|der|das|den|meine|unsere|eine",
        so="also|daher|somit|folglich|deshalb|damit|demnach|deswegen|schließlich",
        because="weil|da|denn|aufgrund|wegen|und nicht|nicht|aber",
        ending="richtig|korrekt|wählen|nehmen|sein|tippen|sagen",
        inverts=True,
    ),
    Language(
        "French",
        answer="réponse|réponses|reponse|résultat final|résultat|solution finale",
        right="correct~|bonne|bon|exact~|final~|juste|meilleure|définitive|vraie",
        option="option|choix|lettre|proposition|alternative|affirmation",
        copula="est|sont|serait|doit être|est donc|sera|est la|est l'option|est bien",
        choose="je choisis|je choisirais|je choisirai|je prends|je prendrais|je dirais|je dis|j'opte pour|je sélectionne"
        "|j'opterais pour|je vote pour|ce doit être|c'est|c'est donc|il s'agit de|il reste|je réponds|je pense que c'est",
        unknown="je ne sais pas|je ne sais|je ne peux pas|je ne suis pas|je suis désolé|désolé|je l'ignore|j'ignore|aucune idée"
        "|inconnu|inconnue|pas de réponse|impossible de déterminer",
        wrong="faux|fausse|incorrect~|inexact~|erroné~",
        negation="pas|ni|plutôt que|au lieu de|non",
        of="à|au|aux|de|du|des|pour|d'",
        determiners="la|le|l'|les|ma|notre|une|un",
        so="donc|ainsi|par conséquent|alors|finalement|en conclusion|c'est pourquoi",
        because="car|parce que|parce qu'|puisque|puisqu'|en raison de|étant donné|et non|et pas|mais|comme",
    ),
    Language(
        "Spanish",
        answer="respuesta|respuestas|resultado final|resultado|solución final",
        right="correct~|final~|acertad~|adecuad~|mejor|verdader~|exact~|definitiv~",
        option="opción|opcion|letra|alternativa|elección|inciso|afirmación",
        copula="es|son|sería|debe ser|será|es la|es el|es la opción|es entonces|es por tanto",
        choose="elijo|elegiría|escojo|escogería|selecciono|seleccionaría|me quedo con|opto por|optaría por|diría|yo diría"
        "|tiene que ser|debe ser|voto por|es la opción|creo que es|pienso que es|queda|me inclino por|iría con|elegimos",
        unknown="no lo sé|no sé|no se sabe|no lo se|no puedo|no estoy segur~|lo siento|desconocid~|ni idea|no tengo"
        "|no es posible|sin respuesta",
        wrong="incorrect~|fals~|erróne~|equivocad~|no es correct~",
        negation="no|ni|en lugar de|en vez de|sino",
        of="a|al|de|del|para|en",
        determiners="la|el|lo|las|los|mi|nuestra|una|un",
        so="por lo tanto|por tanto|así que|entonces|luego|en conclusión|por consiguiente|finalmente|así",
        because="porque|ya que|pues|puesto que|dado que|debido a|y no|pero|no",
    ),
    Language(
        "Portuguese",
        answer="resposta|respostas|resultado final|resultado|gabarito",
        right="corret~|cert~|final~|melhor|adequad~|verdadeir~|exat~|definitiv~",
        option="opção|opcao|letra|alternativa|escolha|afirmação|afirmativa",
        copula="é|são|seria|deve ser|será|é portanto",
        choose="escolho|escolheria|eu escolheria|eu escolho|seleciono|fico com|opto por|optaria por|eu diria|diria"
        "|tem que ser|deve ser|voto em|acho que é|creio que é|penso que é|resta|marco|marcaria",
        unknown="não sei|eu não sei|não posso|não tenho|não estou cert~|desculpe|desconhecid~|sinto muito|lamento|infelizmente"
        "|não é possível|sem resposta",
        wrong="incorret~|errad~|fals~|não está corret~",
        negation="não|nem|em vez de|ao invés de",
        of="à|ao|da|do|de|para|a",
        determiners="a|o|as|os|minha|nossa|uma|um",
        so="portanto|logo|assim|então|por isso|em conclusão|dessa forma|desta forma|finalmente",
        because="porque|pois|já que|uma vez que|visto que|devido a|e não|mas|não",
    ),
    Language(
        "Italian",
        answer="risposta|risposte|risultato finale|risultato",
        right="corrett~|giust~|esatt~|final~|miglior~|definitiv~",
        option="opzione|lettera|alternativa|scelta|affermazione",
        copula="è|sono|sarebbe|deve essere|sarà|è la|è il|è l'opzione|è quindi|e'",
        choose="scelgo|sceglierei|io sceglierei|seleziono|opto per|opterei per|direi|io direi|dev'essere|deve essere"
        "|voto per|penso sia|credo sia|credo che sia|penso che sia|resta|rimane|scegliamo",
        unknown="non lo so|non so|non posso|non sono sicur~|mi dispiace|sconosciut~|nessuna idea|non è possibile|non saprei"
        "|purtroppo",
        wrong="sbagliat~|errat~|fals~|non corrett~|scorrett~",
        negation="non|né|anziché|invece di|invece che",
        of="a|alla|al|di|del|della|per",
        determiners="la|il|lo|l'|le|i|mia|nostra|una|un",
        so="quindi|pertanto|dunque|perciò|in conclusione|di conseguenza|infine|allora|così",
        because="perché|poiché|in quanto|dato che|siccome|visto che|a causa di|e non|ma|non",
    ),
    Language(
        "Dutch",
        answer="antwoord|antwoorden|eindantwoord|eindresultaat",
        right="juist~|correct~|goed~|definitief|definitieve|uiteindelijk~|best~",
        option="optie|keuze|letter|mogelijkheid|alternatief|antwoordoptie|stelling",
        copula="is|zijn|luidt|moet|zou|is dus|is daarom|moet zijn|zou zijn",
        choose="ik kies|ik zou|ik ga voor|ik kies voor|ik neem|ik zeg|ik denk dat het|het moet|het is|blijft over|wij kiezen",
        unknown="ik weet het niet|ik weet niet|dat weet ik niet|ik kan|ik ben niet zeker|het spijt me|sorry|geen idee|onbekend"
        "|helaas|geen antwoord",
        wrong="fout|onjuist~|verkeerd~|incorrect~|niet juist",
        negation="niet|noch|geen|in plaats van",
        of="op|van|voor|is",
        determiners="het|de|mijn|ons|een",
        so="dus|daarom|derhalve|bijgevolg|tenslotte",
        because="omdat|want|aangezien|doordat|en niet|maar|niet",
        ending="zijn|kiezen|juist|correct",
        inverts=True,
    ),
    Language(
        "Swedish, Danish, Norwegian",
        answer="svar|svaret|slutsvar|slutsvaret|svaralternativ|resultatet",
        right="rätt|rätta|korrekt~|slutlig~|slutgiltig~|riktig~|rigtig~|rett|rette|endelig~|bäst~|bedste|beste",
        option="alternativ|alternativet|val|valet|valmulighed|bokstav|svarsalternativ|svarsalternativet|mulighed",
        copula="är|blir|er|bliver|måste vara|bör vara|är alltså|är därför|må være|er altså|er derfor|lyder",
        choose="jag väljer|jag skulle välja|jeg vælger|jeg velger|jeg ville vælge|jag tror det är|det måste vara|det är|det er"
        "|jag säger|jeg tror det er|det må være|återstår",
        unknown="jag vet inte|det vet jag inte|jeg ved det ikke|jeg vet ikke|det vet jeg ikke|jag kan inte|jeg kan ikke"
        "|tyvärr|desværre|dessverre|beklager|ingen aning|okänt|ukendt|ukjent|jag är inte säker",
        wrong="fel|felaktig~|forkert~|feil|gal|galt",
        negation="inte|ikke|varken|hverken|snarare än|i stället för",
        of="på|till|til|för|for|av",
        determiners="det|den|mitt|mit|ett|en|et",
        so="alltså|därför|således|derfor|altså|dermed|därmed|så",
        because="eftersom|därför att|för att|fordi|siden|da|och inte|og ikke|men|inte|ikke",
        inverts=True,
    ),
    Language(
        "Polish",
        answer="odpowiedź|odpowiedzią|odpowiedzi|odp|odp.|wynik|ostateczny wynik",
        right="prawidłow~|poprawn~|właściw~|ostateczn~|końcow~|najlepsz~|dobr~",
        option="opcja|opcją|opcję|wariant|litera|wybór|możliwość",
        copula="to|jest|brzmi|jest to|będzie|wynosi|to jest",
        choose="wybieram|wybrałbym|wybrałabym|stawiam na|to musi być|musi to być|powiedziałbym|pozostaje|zaznaczam|sądzę, że to",
        unknown="nie wiem|nie mogę|nie jestem pew~|przykro mi|przepraszam|niestety|nieznan~|nie da się|brak odpowiedzi|nie mam pojęcia",
        wrong="błędn~|niepoprawn~|nieprawidłow~|zł~|fałszyw~",
        negation="nie|ani|zamiast",
        of="na|do|dla",
        determiners="moja|nasza|ta",
        so="więc|zatem|dlatego|stąd|tak więc|a więc|podsumowując|ostatecznie",
        because="ponieważ|bo|gdyż|dlatego że|a nie|ale|nie",
        bare=True,
    ),
    Language(
        "Czech, Slovak",
        answer="odpověď|odpovědí|odpovědi|odpoveď|odpoveďou|výsledek|výsledok",
        right="správn~|konečn~|finální|nejlepší|najlepšia|pravdiv~",
        option="možnost|možností|možnosť|varianta|volba|voľba|písmeno",
        copula="je|zní|bude|je tedy|je teda|znie|musí být|musí byť",
        choose="vybírám|volím|zvolil bych|zvolila bych|vyberám|musí to být|zbývá|vybral bych|řekl bych|je to",
        unknown="nevím|neviem|to nevím|nemohu|nejsem si|nie som si|bohužel|bohužiaľ|omlouvám se|neznám~|nelze určit",
        wrong="špatn~|nesprávn~|chybn~|nepravdiv~",
        negation="ne|není|nie|nie je|ani|místo|namísto",
        of="na|pro|k",
        determiners="moje|naše|ta",
        so="tedy|proto|takže|tudíž|teda|preto|nakonec",
        because="protože|neboť|jelikož|lebo|pretože|a ne|ale|nie|ne",
    ),
    Language(
        "Greek",
        answer="απάντηση|τελική απάντηση|αποτέλεσμα|λύση",
        right="σωστή|σωστό|ορθή|τελική|καλύτερη",
        option="επιλογή|επιλογές|γράμμα",
        copula="είναι|θα είναι|πρέπει να είναι",
        choose="επιλέγω|διαλέγω|θα επέλεγα|πρέπει να είναι",
        unknown="δεν ξέρω|δεν γνωρίζω|δεν είμαι|λυπάμαι|δυστυχώς",
        wrong="λάθος|λανθασμένη|λανθασμένο",
        negation="δεν|όχι|ούτε|αντί για",
        of="στην|στο|της|του|για",
        determiners="η|το|την|τη|ο|μου",
        so="άρα|επομένως|συνεπώς|οπότε|τελικά",
        because="γιατί|επειδή|διότι|αφού|αλλά",
    ),
    Language(
        "Russian",
        answer="ответ|ответом|ответы|итог|результат",
        right="правильн~|верн~|окончательн~|итогов~|верен|верна|верно|лучш~|финальн~|конечн~",
        option="вариант|вариантом|вариант ответа|вариантом ответа|опция|выбор|буква|утверждение|пункт",
        copula="это|является|будет|есть|равен|равна|под буквой|под номером|таков|следующий|будет вариант",
        choose="выбираю|я выбираю|я выбрал бы|я бы выбрал|я бы выбрала|выбрал бы|думаю, это|считаю, что это|остаётся|остается"
        "|это должен быть|должно быть|скорее всего, это|я за|выбираем|я бы сказал|подходит",
        unknown="не знаю|я не знаю|я не могу|не могу|не уверен~|я не уверен~|извините|к сожалению|неизвестн~|нет ответа|без понятия"
        "|невозможно определить|нельзя определить",
        wrong="неправильн~|неверн~|неверен|неверна|ошибочн~|ложн~",
        negation="не|ни|а не|вместо|нежели",
        of="на|к|для|в",
        determiners="мой|наш|этот",
        so="значит|следовательно|таким образом|поэтому|итак|тогда|стало быть|в итоге",
        because="потому что|так как|поскольку|ибо|ведь|а не|но|не",
        bare=True,
    ),
    Language(
        "Ukrainian",
        answer="відповідь|відповіддю|відповіді|підсумок",
        right="правильн~|вірн~|остаточн~|кінцев~|найкращ~|коректн~",
        option="варіант|варіантом|варіант відповіді|опція|вибір|літера|буква|твердження",
        copula="це|є|буде|дорівнює|під літерою",
        choose="обираю|я обираю|вибираю|я б обрав|я б обрала|думаю, це|вважаю, що це|залишається|це має бути",
        unknown="не знаю|я не знаю|я не можу|не можу|не впевнен~|вибачте|на жаль|невідом~|немає відповіді",
        wrong="неправильн~|невірн~|хибн~|помилков~",
        negation="не|ні|а не|замість",
        of="на|до|для",
        determiners="моя|наша|ця",
        so="отже|тому|таким чином|значить|відповідно",
        because="тому що|оскільки|бо|адже|а не|але|не",
        bare=True,
    ),
    Language(
        "Turkish",
        answer="cevap|cevabı|cevabım|cevabımız|yanıt|yanıtı|yanıtım|sonuç",
        right="doğru|kesin|nihai|en iyi|son|doğrudur",
        option="seçenek|seçeneği|şık|şıkkı|seçeneğidir|şıkkıdır|harf",
        copula="şudur|olmalıdır|olmalı|olarak",
        choose="seçiyorum|seçimim|bence|tercihim",
        unknown="bilmiyorum|emin değilim|üzgünüm|maalesef|bilinmiyor|cevap yok|belirlenemez|özür dilerim",
        wrong="yanlış~|hatalı~",
        negation="değil|ne",
        of="bu",
        determiners="benim|bu",
        so="bu nedenle|dolayısıyla|o halde|yani|öyleyse|bu yüzden|sonuç olarak",
        because="çünkü|zira|ama|fakat",
        ending="'dir|'dır|'dur|'dür|'tir|'tır|'tur|'tür|’dir|’dır|’tir|’tır|dir|dır|seçeneğidir|şıkkıdır|seçeneği|şıkkı|olmalıdır|olacaktır",
        chosen="seçiyorum|seçerdim|seçeneğini seçiyorum|şıkkını seçiyorum|seçeneği doğrudur|şıkkı doğrudur|doğrudur",
        bare=True,
    ),
    Language(
        "Arabic",
        answer="الإجابة|الاجابة|إجابة|الجواب|جواب|الإجابات|النتيجة",
        right="الصحيحة|الصحيح|النهائية|النهائي|الأفضل|صحيحة|صحيح|الصائبة",
        option="الخيار|خيار|الاختيار|اختيار|الحرف|البديل",
        copula="هي|هو|تكون|يكون|هي الخيار|هو الخيار|ستكون",
        choose="أختار|سأختار|اخترت|نختار|أعتقد أنها|أعتقد أنه|يجب أن تكون|يجب أن يكون|إنها|إنه",
        unknown="لا أعرف|لا اعرف|لا أعلم|لا أستطيع|لست متأكد~|آسف|عذرا|عذرًا|للأسف|غير معروف~|لا يمكن تحديد",
        wrong="خاطئة|خاطئ|خطأ|غير صحيحة|غير صحيح",
        negation="ليس|ليست|لا|وليس|بدلا من",
        of="على|عن|ل",
        determiners="",
        so="لذلك|إذن|إذا|وبالتالي|بالتالي|لذا|وعليه",
        because="لأن|لأنها|لأنه|بسبب|حيث|ولكن|وليس",
        bare=True,
    ),
    Language(
        "Hindi",
        answer="उत्तर|जवाब|परिणाम",
        right="सही|अंतिम|सटीक|उचित|सर्वोत्तम",
        option="विकल्प|चयन|अक्षर",
        copula="है|होगा|हैं|यह है",
        choose="मैं चुनूंगा|मैं चुनता हूँ|मैं चुनती हूँ|मेरा चयन|मेरी पसंद",
        unknown="मुझे नहीं पता|मुझे पता नहीं|पता नहीं|मैं नहीं जानता|मैं नहीं जानती|मुझे नहीं मालूम|क्षमा करें|माफ़ करें|अज्ञात",
        wrong="गलत|ग़लत|असत्य",
        negation="नहीं|न",
        of="का|की|के",
        determiners="मेरा|यह",
        so="इसलिए|अतः|तो|इस प्रकार|अत:",
        because="क्योंकि|चूंकि|लेकिन|परंतु",
        ending="है|हैं|होगा|होता है|हूँ",
        chosen="चुनूंगा|चुनता हूँ|को चुनता हूँ|सही है|सही विकल्प है|सही उत्तर है",
        bare=True,
    ),
    Language(
        "Vietnamese",
        answer="đáp án|câu trả lời|đáp số|kết quả",
        right="đúng|chính xác|cuối cùng|đúng nhất|phù hợp nhất",
        option="lựa chọn|phương án|chữ cái|ý",
        copula="là|sẽ là|phải là|chính là",
        choose="tôi chọn|chọn|mình chọn|ta chọn|tôi nghĩ là|tôi nghĩ đó là|em chọn",
        unknown="tôi không biết|không biết|tôi không chắc|xin lỗi|tôi không thể|rất tiếc|không rõ|không thể xác định",
        wrong="sai|không đúng|không chính xác",
        negation="không|không phải|thay vì",
        of="cho|của",
        determiners="",
        so="vậy|do đó|vì vậy|vì thế|như vậy|suy ra|nên",
        because="vì|bởi vì|do|nhưng|chứ không",
        bare=True,
    ),
    Language(
        "Indonesian, Malay",
        answer="jawaban|jawabannya|jawapan|jawapannya|hasilnya|hasil akhir",
        right="benar|tepat|akhir|terbaik|betul|paling tepat",
        option="pilihan|opsi|huruf|pilihannya|opsinya",
        copula="adalah|ialah|yaitu|yakni|yang benar adalah|yang tepat adalah|yang betul ialah|seharusnya|pasti",
        choose="saya memilih|saya pilih|saya akan memilih|pilih|saya rasa|menurut saya|pasti|pilihan saya adalah",
        unknown="saya tidak tahu|tidak tahu|saya tidak yakin|maaf|saya tidak bisa|saya tidak dapat|tidak diketahui|sayangnya|saya tak tahu",
        wrong="salah|keliru|tidak benar|tidak tepat",
        negation="bukan|tidak|daripada",
        of="untuk|dari|yang|atas",
        determiners="",
        so="jadi|maka|oleh karena itu|dengan demikian|karena itu|sehingga",
        because="karena|sebab|tetapi|tapi|bukan",
        bare=True,
    ),
    Language(
        "Chinese",
        answer="答案|答|正解|解答|结果|結果|最终结果|最終結果",
        right="正确|正確|最终|最終|最佳|最合适|最合適|对的|對的|正确的|正確的|最终的|最終的|对|對",
        option="选项|選項|选择|選擇|项|項",
        copula="应该是|應該是|应当是|应是|應是|应为|應為|就是|应选|應選|应该选|應該選|是|为|為|选|選|選擇|选择|即|等于|等於",
        choose="应选择|應選擇|应选|應選|应该选|應該選|选择|選擇|选|選|我选|我選|必须是|必須是|只能是|应该是|應該是",
        unknown="我不知道|不知道|无法确定|無法確定|无法回答|無法回答|不清楚|抱歉|对不起|對不起|不确定|不確定|我不确定|未知|没有答案"
        "|沒有答案",
        wrong="错误|錯誤|不正确|不正確|错|錯|不对|不對",
        negation="不是|而不是|并非|並非|非|不选|不選|排除|不能选",
        of="的",
        so="所以|因此|故|综上|綜上|那么|那麼|于是|於是|从而|综上所述|綜上所述",
        because="因为|因為|由于|由於|而不是|但|但是|，",
        ending="选项|選項|项|項|正确|正確",
        glued=True,
    ),
    Language(
        "Japanese",
        answer="答え|答|解答|正解|回答|最終回答|最終的な答え|解",
        right="正しい|正しく|最終的な|適切な|適切|最も適切な|最適な|正確な",
        option="選択肢|選択|記号|オプション",
        copula="は|が|としては|こそ",
        choose="選択肢は|答えは",
        unknown="わかりません|分かりません|知りません|不明|申し訳|すみません|答えられません|わからない|分からない|存じません",
        wrong="間違い|間違って|誤り|誤って|不正解|正しくない|不適切|正しくありません",
        negation="ではなく|でなく|ではない",
        of="の",
        so="したがって|従って|よって|だから|ゆえに|つまり|そのため|以上より|それで",
        because="なぜなら|理由は|というのは|ので|から|。|、",
        ending="です|である|だ|でした|になります|となります|であります|だと思います|と考えられます|でしょう|だろう|が正解です|が正しいです"
        "|と思います|になる|となる|なのです",
        chosen="を選びます|を選ぶ|を選択します|を選択する|が正解|が正しい|が最も適切|が適切|だと思います|が答え|が当てはまる|を選びました",
        glued=True,
    ),
    Language(
        "Korean",
        answer="정답|답|답변|해답|최종 답|최종 답변|최종답|결과",
        right="올바른|옳은|맞는|최종|정확한|가장 적절한|적절한",
        option="선택지|선택|보기|옵션|번",
        copula="은|는|이|가|으로는",
        choose="선택은|선택지|보기",
        unknown="모르겠습니다|모르겠어요|잘 모르|알 수 없|모릅니다|죄송합니다|죄송하지만|확실하지 않|불확실",
        wrong="틀렸|틀린|잘못|오답|아닙니다|옳지 않",
        negation="아니라|아닌|말고",
        of="의",
        so="따라서|그러므로|그래서|즉|그러니|결론적으로",
        because="왜냐하면|이유는|때문에|하지만|,",
        ending="입니다|이다|이에요|예요|다|번|번입니다|이 됩니다|가 됩니다|이 정답입니다|가 정답입니다|이 맞습니다|가 맞습니다|이라고 생각합니다"
        "|라고 생각합니다|임|이며|가 된다|이 된다",
        chosen="를 선택합니다|을 선택합니다|를 선택하겠습니다|을 선택하겠습니다|를 고르겠습니다|을 고르겠습니다|가 정답|이 정답|가 맞습니다"
        "|이 맞습니다|가 옳|이 옳|가 답|이 답|번을 선택|가 적절|이 적절|가 올바|이 올바",
        glued=True,
    ),
)  # fmt: skip


def listed(alternatives: str) -> tuple[str, ...]:
    """The alternatives of a field, without the mark of an ending."""
    return tuple(word.rstrip("~ ") for word in alternatives.split("|") if word.rstrip("~ "))


def pattern(alternatives: str, *, glued: bool = False) -> str:
    """The regular expression of a field: whole words, unless the language glues them. It never matches if empty."""
    words = sorted((word for word in alternatives.split("|") if word), key=len, reverse=True)
    if not words:
        return r"(?!)"
    union = "|".join(map(_escaped, words))
    return f"(?:{union})" if glued else rf"(?<!\w)(?:{union})(?!\w)"


def _escaped(word: str) -> str:
    escaped = re.escape(word.rstrip("~").strip()).replace("\\ ", r"\s{1,3}").replace("'", "['’]")
    return escaped + (r"\w{0,12}" if word.endswith("~") else "")
