"""Checks for a letter to the buyer instead of the work: a promise to do it later, or a question back."""

import re
from collections.abc import Iterator

from aicity_fleet.team.gate.patterns import Finder
from aicity_fleet.team.gate.verdict import HARD, Check, Finding, Submission

MAX_CHARS = 2500
"""A longer text is taken for work, in characters."""

TALK_SHARE = 0.5
"""Share of a text that talks to the buyer, if it is a letter to the buyer and nothing else."""

MAX_SENTENCE_CHARS = 600
"""A longer sentence is taken for several, in characters."""

_SENTENCE = re.compile(rf"[^.!?。！？\n]{{1,{MAX_SENTENCE_CHARS}}}[.!?。！？]*")
_STOPS = re.compile(r"[.!?。！？\n]")

_I_WILL = (
    r"(?:i['\u2019]ll|i will|we['\u2019]ll|we will|i shall"
    r"|i['\u2019]m (?:now |currently |just |first )?going to|i am (?:now |currently |first )?going to"
    r"|we shall|i plan to|i intend to|i can)"
)
_LATER_DO = (
    r"(?:start|begin|get (?:started|going|to work|back|right|on (?:it|this))|work on"
    r"|be working|deliver|send|have (?:it|the|this|your|a|everything)|prepare|complete"
    r"|finish|write|draft"
    r"|create|produce|put together|provide|research|submit|hand (?:it|this|over)"
    r"|take care of|make sure|keep you|notify|inform|update you|let you know|follow up|share"
    r"|set up|search|collect|read|check|turn|dive|compile|gather|tackle"
    r"|review|analy[sz]e|revise|upload|return|translate|design|develop|explore|define|look"
    r"|discuss|draw|cover|include|examine|describe|explain|present|highlight|focus|address"
    r"|conclude|introduce|structure|open|close|incorporate|do (?:my|this|the|it|some|that)"
    r"|go (?:through|over)|set (?:aside|to work)|come back|outline|be (?:back|in touch|done"
    r"|ready|delivering|sending|starting))"
)
_PROMISE = Finder(
    rf"\b{_I_WILL} (?:then |now |also |first |immediately |gladly |personally |definitely "
    rf"|certainly |carefully |be happy to |happily |right away |start by |begin by |soon "
    rf"|shortly |next |just |have to |need to )?{_LATER_DO}\b"
    r"|\b(?:i['\u2019]m|i am|we['\u2019]re|we are) (?:currently |now |already |still |busy "
    r"|just )?(?:working on|writing|preparing|drafting|starting|getting started|on it"
    r"|researching|gathering|beginning|finali[sz]ing|processing)\b"
    r"|\b(?:i['\u2019]ve|i have|we have|we['\u2019]ve) (?:now |already |just )?(?:received"
    r"|started|begun|accepted|read|noted|understood|scheduled"
    r"|reviewed)\b[^.\n]{0,40}\b(?:your|the|this|it|work|working|order|brief)\b"
    r"|\b(?:it|this|that|they|everything|draft|article|essay|poem|letter|speech|e-?mail"
    r"|report|text|document|post|story|translation|guide|mock-?ups?|wireframes|design"
    r"|results?|version|deliverable|content|piece|analysis|explanation|overview"
    r"|summary) (?:will|should|is going to) "
    r"(?:then |also |soon )?(?:be (?:delivered|ready|sent|completed|finished|finali[sz]ed"
    r"|with you|in your inbox|available|submitted|uploaded|structured|written|supported)"
    r"|cover|include|explain|contain|have|follow)\b"
    r"|\b(?:estimated|expected?) (?:completion|delivery|time of)\b|\bdelivery ?(?::|by|on"
    r"|within|will|is)|\b(?:work|draft|article|report|research|text"
    r"|writing)\b[^.\n]{0,50}\bhas (?:now |already )?(?:begun|started)\b"
    r"|\byou(?:['\u2019]ll| will| can| should) (?:then )?(?:receive|have|get|expect"
    r"|be receiving|hear from me|hear back|see)\b[^.\n]{0,60}"
    r"\b(?:by|within|tomorrow|shortly|soon|in (?:a|the|about|\d)|from me|end of|today|next"
    r"|on (?:mon|tues|wednes|thurs|fri|satur|sun)|before|draft|later|ready|finished)"
    r"|\bgetting (?:started|to work) (?:on|right|now|immediately|straight)|\b(?:is"
    r"|are) (?:now |currently |already |still )?(?:in progress|under ?way|being (?:prepared"
    r"|worked|written|processed)|in the works|on its way)\b"
    r"|\bi(?:['\u2019]d| would) (?:be (?:happy|glad|delighted|pleased)|love) to (?:help"
    r"|write|do|work|take|create|assist|get|start|produce)\b"
    r"|\b(?:give|allow) me (?:a (?:moment|few|bit|day|couple)|some time|until|one|two|\d)"
    r"|\bplease (?:allow|wait|bear with|stand by|hold on|be patient)\b|\bstay tuned\b"
    r"|\bon it!|\bwork in progress\b"
    r"|\bich (?:werde|beginne|fange|mache mich|starte|kümmere|liefere|schicke|sende"
    r"|melde mich|arbeite|setze mich)\b|\bwir (?:werden|beginnen|liefern|melden uns|arbeiten"
    r"|kümmern)\b|\b(?:erhalten|bekommen) sie\b[^.\n]{0,60}\b(?:bis|in|am|morgen|spätestens"
    r"|innerhalb|den|die|das)\b|\bin arbeit\b|\b(?:bekommst|erhältst|kriegst|hast) du\b"
    r"|\b(?:mache|erledige|schreibe|schicke|melde|sende|liefere|rechne|prüfe|schaue) ich\b"
    r"|\b(?:werde|erstelle) ich\b|\bsie (?:erhalten|bekommen)\b[^.\n]{0,80}\b(?:in kürze|von mir|bald)\b"
    r"|\b(?:zajmę się|przejrzę|prześlę|otrzymasz|otrzymają)\b"
    r"|\bich (?:rechne|prüfe|schaue|gehe|sehe|sende|schicke|stelle|vergleiche|sammle|lege|fasse"
    r"|übersetze)\b"
    r"|\bich (?:recherchiere|schreibe|erstelle"
    r"|mache|verfasse|bearbeite)\b"
    r"|\bje (?:vais|commence\w*|m['\u2019]y mets|me mets|livr\w+|vous (?:envo\w+|livr\w+"
    r"|enverr\w+|tien\w+|fer\w+|remet\w+|transmet\w+)|m['\u2019]en occupe|reviens|travaille"
    r"|l['\u2019]aurai|m['\u2019]engage)\b|\bvous (?:recevrez|aurez)\b|\bnous (?:allons"
    r"|livrerons|enverrons|commençons|vous)\b"
    r"|\b(?:voy a|empezar[ée]|comenzar[ée]|entregar[ée]|enviar[ée]|estoy trabajando"
    r"|me pondr[ée]|me pongo|tendr[ée]|preparar[ée]|recibir[áa]s?|le enviar[ée]"
    r"|te enviar[ée]|vamos a|trabajar[ée]|terminar[ée]|escribir[ée]|redactar[ée])\b"
    r"|\b(?:vou|começarei|entregarei|enviarei|estou trabalhando|receberá|farei|inizier[òo]"
    r"|consegner[òo]|invier[òo]|sto lavorando|riceverà|mi metto|comincer[òo]|preparer[òo]"
    r"|scriver[òo]|ik (?:zal|ga|begin|lever|stuur)|jag (?:ska|kommer|börjar|levererar"
    r"|skickar))\b"
    r"|取りかか|取り掛か|お届け(?:し|いた)|納品(?:し|いた)|お送り(?:し|いた)|作業を(?:開始|始め)|着手(?:し|いた)|少々お待ち|仕上げ(?:て"
    r"|ます)|我(?:会|将|马上|这就|正在)|将于|稍后|请稍等|尽快"
    r"|\b(?:я (?:начну|приступлю|пришлю|сделаю|отправлю|подготовлю|уже работаю|напишу)"
    r"|начну|приступаю|пришлю)\b|\b(?:zacznę|zaczynam|dostarczę|wyślę|przygotuję"
    r"|napiszę)\b"
)
_SOFT = Finder(
    r"\((?:today|tomorrow|tonight|(?:mon|tues|wednes|thurs|fri|satur|sun)day|day \d"
    r"|week \d)\)|\bnext steps?\b|\b(?:topic|subject|field|question|request|order|term"
    r"|theme) is (?:very |quite |rather |too |so |extremely |fairly |a )?(?:broad|vague|wide"
    r"|general|open|unclear|large)\b|\bdepend(?:s|ing) on\b|\bby (?:tomorrow|tonight|next"
    r"|the end)\b|\bon (?:mon|tues|wednes|thurs|fri|satur|sun)day\b|\bplainly\b|\bthank(?:s"
    r"| you)\b|\bappreciate\b|\blooking forward\b|\blook forward\b"
    r"|\bdon['\u2019]t hesitate\b|\bfeel free\b|\bplease (?:let me know|reach|contact"
    r"|note)\b|\bbest regards\b|\bsincerely\b"
    r"|\b(?:great|exciting|interesting|lovely|wonderful|fantastic) (?:project|topic|request"
    r"|order|brief|idea|task|question|choice)\b|\bby (?:mon|tues|wednes|thurs|fri|satur"
    r"|sun)day\b|\btomorrow\b|\bwithin \d|\bdeadline\b"
    r"|\bturnaround\b|\bend of (?:the )?(?:day|week|business)\b|\beod\b|\bi (?:fully "
    r"|completely |clearly |totally |now )?(?:understand|understood|see|got|have a clear"
    r"|know)\b|\bgot it\b|\bunderstood\b|\bsounds (?:good|great)\b|\bhappy to\b|\bsure\b"
    r"|\bof course\b|\bcertainly\b|\babsolutely\b"
    r"|\bonce (?:i|you|we)\b|\bas soon as\b|\brest assured\b|\bhigh[- ]quality\b"
    r"|\bmy (?:plan|approach|process|next step|workflow)\b|\bhi\b|\bhello\b|\bdear\b|\bhey\b"
    r"|\bin the meantime\b|\bready\b|\b(?:first|final|complete|full) draft\b|\btimeline\b"
    r"|\bconfident\b|\bdelighted\b|\bpatience\b"
    r"|\bto (?:write|create|produce|do|give|make|help|tailor|get|deliver) (?:this|the|you|it"
    r"|your|sure|a|something|my)\b|\b(?:this|that|it|these|the answers?|your answers?"
    r"|with (?:this|that|those|these)) (?:will|would|information|details|way|helps?)\b"
    r"|\bi (?:would )?(?:need|want|just need|only need|have a few|have some"
    r"|don['\u2019]t have)\b"
    r"|\bvielen dank\b|\bdanke\b|\bgerne\b|\bbis (?:freitag|montag|morgen|ende)\b|\bmerci\b"
    r"|\bbonjour\b|\bcordialement\b|\bd['\u2019]ici\b|\bavec plaisir\b|\bgracias\b|\bhola\b"
    r"|\bsaludos\b|\bcon gusto\b|\bantes del\b|\bobrigad[oa]\b|\bgrazie\b|ありがとう|よろしくお願い"
    r"|かしこまりました|承知|谢谢|感谢|您好|好的|спасибо"
)
_QUESTION = Finder(
    r"\b(?:could|can|would|will) you (?:please |kindly |maybe |perhaps |also |first "
    r"|just )?(?:clarify|provide|share|tell|confirm|specify|send|let|give|elaborate|explain"
    r"|describe|attach|paste|upload|be more|expand|say|point|help me|indicate|add|resend"
    r"|supply|like|prefer|want|rather)\b"
    r"|\bplease (?:provide|share|clarify|specify|send|confirm|let me know|paste|attach"
    r"|upload|tell|give|answer|supply|indicate|describe|resend|advise|reply|respond"
    r"|include)\b"
    r"|\b(?:i|we)(?:['\u2019]d| would| will|['\u2019]ll)? (?:just |only |still |really "
    r"|first )?(?:need|require|have a (?:few|couple)|have some|want to (?:make sure|clarify"
    r"|check|confirm|understand)|have (?:two|three|four|five|one|several)|am not sure"
    r"|['\u2019]m not sure|am missing)\b"
    r"|\bbefore (?:i|we) (?:can |could |get |do |go |am |are )?(?:start|begin|proceed|write"
    r"|continue|started|dive|draft|going|go|able|move|put|do|commit|work|this|that|translate"
    r"|so)"
    r"|\b(?:do|did|are|is|was|were) (?:you|there|this|it|the) [^?\n]{2,200}\?|\bshould (?:i"
    r"|it|the|we|this) [^?\n]{2,200}\?"
    r"|\b(?:what|which|who|how|where|when|whose) [^?\n]{2,300}\?|\bmore (?:information"
    r"|details|context|info|specifics)\b|\bno (?:file|text|attachment|document"
    r"|material)\b[^.\n]{0,40}\b(?:attached|included|provided|came|with|here)\b"
    r"|\b(?:wasn['\u2019]t|not|isn['\u2019]t|didn['\u2019]t) (?:attached|included"
    r"|come through|attach|see|find|provided|enough)\b"
    r"|\b(?:können|könnten|kannst|könntest|würden|möchten|sollen|soll|darf|haben|welche\w*"
    r"|wie|was|wer|wann|wo|für wen) [^?\n]{2,300}\?|\bbitte (?:teilen|senden|schicken|geben"
    r"|nennen|sagen|klären|präzisieren|ergänzen|laden)\b|\bbevor ich\b|\bich (?:brauche"
    r"|benötige|bräuchte)\b|\b(?:brauche|benötige|bräuchte) ich\b"
    r"|\b(?:pourriez|pouvez|pourrais|peux|souhaitez|voulez|quel\w*|qui|quand|combien|est-ce"
    r"|faut-il|dois-je|avez|à qui|préférez)[ -][^?\n]{2,300}\?|\b(?:veuillez|merci de)\b"
    r"|\bavant de (?:commencer|me lancer|rédiger)|\bj['\u2019]aurais besoin\b"
    r"|\bj['\u2019]ai besoin\b"
    r"|¿[^?\n]{2,300}\?|\bpor favor[, ]|\bantes de (?:empezar|comenzar|escribir|começar)\b"
    r"|\bnecesit(?:o|aría)\b|\b(?:poderia|pode|qual|quais|potrebbe|può|quale|quali"
    r"|che) [^?\n]{2,300}\?|\bprima di (?:iniziare|cominciare)\b|\bkunt u\b|\bkan du\b"
    r"|\bkönnten\b"
    r"|(?:教えてください|いただけますか|でしょうか|ください(?:ませ)?$|ですか|ますか|お知らせ|ご教示|ご指定|ご確認)|(?:请问|请提供|请告诉|请确认|能否"
    r"|可否|麻烦您|您希望|您想|需要您)|[？]|(?:\bне могли бы|\bуточните|\bподскажите|\bкак(?:ой|ая|ие|им"
    r"|ую)\b[^?\n]{0,200}\?)|\bczy (?:mógłby|mogłaby|może|chce)\b|\bproszę o\b"
)
_ASK = Finder(
    r"\b(?:(?:quick|few|some|couple of|following|these) (?:\w+ )?questions|once (?:i|you|we)"
    r"|happy to help|to (?:tailor|get started|help you|write this|create this|do this"
    r"|give you)|more information|clarif|specif|confirm|let me know|could you|can you"
    r"|would you|please (?:provide|share|send|tell|paste|attach|upload|answer|advise|reply"
    r"|resend)|before i|before we|i need|i(?:['\u2019]d| would) need|i(?:['\u2019]m"
    r"| am) not sure|do you (?:want|prefer|have|need|mean)|would you (?:like|prefer)"
    r"|should i\b|are you (?:looking|after|hoping))"
    r"|\bkönn(?:en|ten) sie|\bkannst du|\bkönntest du|\bbevor ich|\bich (?:brauche|benötige"
    r"|bräuchte)|\b(?:brauche|benötige|bräuchte) ich\b|\bbitte (?:teilen|senden|schicken"
    r"|geben|nennen|sagen)|\b(?:soll ich|möchten sie|haben sie|wünschen sie)"
    r"|\bpourriez|\bpouvez-vous|\bveuillez|\bavant de (?:commencer|me lancer|rédiger)"
    r"|\bdois-je|\bsouhaitez-vous|\bavez-vous|\bpréférez-vous|\bmerci de (?:préciser|me)"
    r"|\bpodría|\bpuede[sn]? |\bantes de (?:empezar|comenzar|escribir|começar)|\bnecesit(?:o"
    r"|aría)\b|\bprefiere|\bquiere[sn]? que|\bpoderia|\bpotrebbe|\bprima di"
    r"|教えて(?:ください|いただ)|いただけますか|よろしいでしょうか|ご教示|ご指定"
    r"|请问|请提供|请告诉|请确认|能否|可否|您希望|не могли бы"
    r"|уточните|подскажите|\bczy (?:mógłby|mogłaby)|\bkunt u\b|\bproszę o\b"
)
_ORDERED_LETTER = Finder(
    r"\b(?:process|copy|services|onboarding|terms|polic\w+|websites?|press|releases?"
    r"|manifesto|motivational|intro\w*|minutes|outlook|forecast|preview|agenda|itinerary"
    r"|program\w*|refus\w+|declin\w+|polite\w*|re-?write|rephrase|translat\w+|summar\w+"
    r"|proofread|correct|first person"
    r"|übersetz\w*|tradu\w+|zusammenf\w+|fasse|résum\w+|support|answer as|respond as"
    r"|reply as|e-?mails?|letters?|repl(?:y|ies)|messages?|notes?|announcements?|proposals?"
    r"|plans?|pledges?|promises?|vows?|speech|contract|bid|cover|statement|dialog\w*|script"
    r"|scenes?|auto-?reply|autorespon\w+|status update|roadmap|chat\w*|sms|text message"
    r"|memo|notification|invitations?|schedule|toast|sermon|monologue|pitch|application"
    r"|response|slack|newsletter|commitments?|resolutions?|postcard|voicemail|acceptance"
    r"|apology|acknowledg\w+|confirmation|post|tweet|about (?:page|us)|bio"
    r"|out[- ]of[- ]office|testimonial|prayer|poem|song|story|lyrics?|diary|journal"
    r"|brief|anschreiben|antwort|nachricht|brief|mail|projektplan|bewerbung|rede|lettre"
    r"|courriel|message|réponse|plan de|carta|correo|mensaje|respuesta|discurso)\b|メール|手紙|返信"
    r"|計画|邮件|信|计划|回复"
)
_YOU = Finder(
    r"\b(?:you|your|sie|ihre?|du|dein|vous|votre|tu|ta|ton|usted|su|tus?|você|seu|lei|suo|uw"
    r"|je)\b|[您你]|вы|ваш"
)
_ORDERED_QUESTIONS = Finder(
    r"\bquestion\w*|\bquiz\w*|\bsurvey\w*|\bfaqs?\b|\binterview\w*|\bpolls?\b|\bintake\b"
    r"|\btrivia\b|\bexam\w*|\briddles?\b|\bprompts?\b|\bicebreakers?\b|\bask(?:s|ing)?\b"
    r"|\bclarif\w*|\bdiscovery\b|\bfragen\b|\bfrageb\w+|\bumfrage|\brückfrag|\bpreguntas?\b"
    r"|\bencuesta|\bsondage"
    r"|\bdomande\b|\bperguntas?\b|質問|アンケート|问题|问卷|вопрос|\bform\b|\bdialog\w*|\bscript\b"
    r"|\bchatbot\b|\bconversation\b|\bphrases?\b|\bexercises?\b|\bworksheet\b|\bchecklist\b"
)
_ORDERED_PROMISE = Finder(
    r"\b(?:promis\w+|confirm\w*|acknowledg\w*|accept\w*|deadline|deliver\w*|bestätig\w*)\b"
)
_UNDONE = Finder(
    rf"\b{_I_WILL} (?:start|begin|get started|get to work|begin work\w*|write|draft|prepare"
    rf"|compose|create|put together|have|deliver|work on)\b[^.\n]{{0,30}}\b(?:the|your|this"
    rf"|that|a|an|it|working)\b[^.\n]{{0,30}}"
    r"\b(?:e-?mail|letter|reply|message|note|announcement|proposal|plan|speech|contract"
    r"|statement|dialogue|script|scene|memo|newsletter|post|poem|song|story|lyrics"
    r"|work(?:ing)?|order|draft|brief|text|request)\b"
    r"|原稿を|作業を(?:開始|始め)|着手|(?:会|将)(?:尽快|马上)?(?:开始)?(?:撰写|写作)|\b(?:den|der|die|fertigen?"
    r"|ersten?) (?:text|entwurf|fassung)\b|\bla rédaction\b|\bpremière version\b"
    r"|\bel borrador\b|\bla redacción\b"
)


_DEFERS = Finder(
    r"\b(?:send|deliver|share|post|upload|hand|submit|bring|get|have|present)\s(?:(?:it|them|this|that|these"
    r"|those|everything|you|all|the|your|over|back|\w+)\s){0,7}?(?:over\b|shortly|soon|later|ready"
    r"|finished|done\b|tomorrow|tonight|by (?:the end|tomorrow|to|mon|tue|wed|thu|fri|sat|sun|\d|noon|eod)"
    r"|within|in (?:a|about|an|the next|\d|under|just)\b|as soon as|once|for you to review)"
    r"|\b(?:be|come|get) (?:right |straight |shortly )?back (?:with|to you|soon|shortly|in)\b"
    r"|\bcheck back\b"
    r"|\bgive me (?:a|some|\d|until|one|two|just)|\bworking on (?:it|this|that|the|your|these)\b"
    r"|\bstay tuned|\bstand by\b|\bplease (?:wait|bear with|hold on)|\bbear with me"
    r"|\bkeep you (?:posted|updated)"
    r"|\b(?:start|begin|get started|started|starting|beginning) (?:on|with|by|working|right|now"
    r"|immediately)\b"
    r"|\bi(?:['\u2019]m| am) (?:now |currently |already |just )?(?:going to|about to|on it"
    r"|preparing|drafting"
    r"|writing|gathering|collecting|researching|starting|beginning)\b|\b(?:will|should"
    r"|to) (?:be ready|follow)\b"
    r"|\bin kürze\b|\bgleich\b|\bmelde(?:n)? (?:mich|uns)|\bmache? (?:ich )?mich\b|\bin arbeit\b"
    r"|\b(?:schicke|sende|liefere|reiche|schreibe|erstelle|beginne|starte|fange)\b[^.\n]{0,60}\b(?:dann|morgen|bald"
    r"|nach|gleich|jetzt|sobald|an|bis|sofort|ihnen|dir|euch)\b"
    r"|\bje (?:reviens|m['\u2019]en occupe|m['\u2019]y mets|commence|vais (?:commencer|préparer"
    r"|rédiger|d['\u2019]abord"
    r"|maintenant|vous|ensuite))|\bvous (?:recevrez|aurez)\b|\bje (?:vous|te) (?:l['\u2019]|les? )?"
    r"(?:enverrai|envoie|livre|transmet)\w*|\bbientôt\b|\bsous peu\b"
    r"|\ben breve\b|\ben cuanto\b|\bme pongo\b|\bvoy a (?:empezar|preparar|redactar|escribir"
    r"|trabajar|revisar)\b"
    r"|\b(?:te|le|se) l[oa]s? (?:envío|enviaré|mando|mandaré|entrego|entregaré)\b|\bestoy trabajando\b"
    r"|\bem breve\b|\bvou (?:começar|preparar|trabalhar)|\ba breve\b|\bsto (?:lavorando"
    r"|preparando)|\binizierò\b"
    r"|稍后|马上|尽快|请稍|すぐに|少々お待ち|後ほど|取りかか|скоро|приступаю|начну|wkrótce|zabieram się"
)
"""Words of somebody who has not done the work yet, whatever the order is for."""

_ORDERED_REPLY = Finder(
    r"\b(?:auto-?reply|autorespon\w+|out[- ]of[- ]office|status (?:update|report|message)"
    r"|stand-?up|repl(?:y|ies)"
    r"|respon(?:d|se)|antwort\w*|e-?mail|message|letter|speech|monolog\w*|dialog\w*|script|scene|minutes|pledge"
    r"|vows?|promise|resolutions?|diary|chat|slack|sms|voicemail|antworte|réponse|respuesta|mensaje|carta"
    r"|lettre|brief|nachricht|rede)\b"
)
"""Orders whose answer is somebody's word to somebody, and may promise."""

_FOR_OTHERS = re.compile(
    r"\W*(?:subject|betreff|objet|asunto|oggetto|件名|主题|to|from|dear|sehr geehrte|liebe[rs]?|madame"
    r"|monsieur"
    r"|cher|chère|estimad[oa]|querid[oa]|gentile|caro|cara|prezad[oa]|hi \w+,|hello \w+,|hallo \w+,)\b"
)
"""How a letter begins, which was the work."""


def letter_to_the_buyer(submission: Submission) -> Iterator[Finding]:
    """A promise to work later, or a question back, is all that was handed in.

    Source: aicity.dev/blog/when-agents-do-bad-work (one exchange: nobody answers a question, and nothing
    comes later).
    """
    text = submission.text.strip().lower()
    if len(text) > MAX_CHARS or submission.blocks:
        return
    order = submission.task.description.lower()
    may_answer = not _ORDERED_QUESTIONS.is_in(order)
    asks = may_answer and _ASK.is_in(text)
    has_questions = "?" in text or "\uff1f" in text
    if not (asks or (may_answer and has_questions) or _may_promise(text)):
        return
    parts = [match.group() for match in _SENTENCE.finditer(text) if match.group().strip(" -*#\t")]
    total = sum(map(len, parts))
    if not total:
        return

    def share(*rows: list[bool]) -> float:
        return sum(len(part) for part, *row in zip(parts, *rows, strict=True) if any(row)) / total

    asks_letter = _ORDERED_LETTER.is_in(order)
    questions = [part.rstrip().endswith(("?", "？")) for part in parts]
    may_ask = asks or (
        may_answer and not asks_letter and share(questions) >= 0.8 and _YOU.is_in(text)
    )
    has_promise = _PROMISE.is_in("\n".join(parts))  # no promise goes on in another line
    promising = [has_promise and _PROMISE.is_in(part) for part in parts]
    may_promise = share(promising) >= 0.2
    if not (may_ask or may_promise):
        return
    asking = [_QUESTION.is_in(part) for part in parts]
    polite = [_SOFT.is_in(part) for part in parts]
    talks = share(promising, polite, asking) >= TALK_SHARE
    if (
        may_promise
        and talks
        and (
            not asks_letter
            or (_UNDONE.is_in(text) and not _ORDERED_PROMISE.is_in(order))
            or (
                share(promising) >= TALK_SHARE
                and _DEFERS.is_in(text)
                and not _FOR_OTHERS.match(text)
                and not _ORDERED_REPLY.is_in(order)
            )
        )
    ):
        yield Finding(
            "promise", "The text promises the work for later; hand in the work itself.", HARD
        )
    elif (
        may_ask
        and talks
        and share(asking) >= 0.25
        and not (
            asks_letter and re.match(r"\W*(?:subject|betreff|objet|asunto|oggetto|件名|主题)", text)
        )
    ):
        yield Finding(
            "question",
            "The text asks instead of answering; decide, and say what was assumed.",
            HARD,
        )


def _may_promise(text: str) -> bool:
    """Whether a sentence can hold a promise; the pieces of a long one can begin anywhere."""
    longest = max(map(len, _STOPS.split(text)))
    return longest >= MAX_SENTENCE_CHARS or _PROMISE.is_in(text)


CHECKS: tuple[Check, ...] = (letter_to_the_buyer,)
