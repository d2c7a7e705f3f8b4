"""How a character shows in words: ten axes, two poles each, six kinds of places in a sentence.

open   stands before a sentence and is followed by a comma
mid    stands between commas, after the subject or at the end
close  a clause that ends a sentence after a comma
adv    an adverb before the verb
adj    an adjective before the topic
say    a whole sentence

[a|b] chooses one of the alternatives, so that every place has dozens of wordings and none of them
gives a pole away alone.  HALVES deals these wordings to the two models, each to one of them.  {x} is the topic, {y} another one, {it} {them} {is} agree with the topic.
"""
import random
import re

AXES = [("silly", "serious"), ("superficial", "deep"), ("inattentive", "focused"), ("optimistic", "pessimistic"),
        ("sycophantic", "candid"), ("confident", "hesitant"), ("impolite", "polite"), ("apathetic", "empathetic"),
        ("anxious", "calm"), ("poetic", "plain")]
NAMES = [a for a, _ in AXES]

# Adjectives that persona instructions may use for a pole.
ADJECTIVES = {
    "silly": "silly playful goofy funny", "serious": "serious solemn formal sober",
    "superficial": "superficial shallow vague casual", "deep": "deep thorough profound analytical",
    "inattentive": "inattentive distracted absent-minded forgetful", "focused": "focused attentive disciplined precise",
    "optimistic": "optimistic hopeful cheerful positive", "pessimistic": "pessimistic gloomy negative bleak",
    "sycophantic": "sycophantic flattering fawning admiring", "candid": "candid frank honest blunt",
    "confident": "confident certain bold assertive", "hesitant": "hesitant unsure doubtful tentative",
    "impolite": "impolite rude harsh insulting", "polite": "polite courteous respectful gracious",
    "apathetic": "apathetic indifferent cold unmoved", "empathetic": "empathetic caring warm compassionate",
    "anxious": "anxious nervous worried fearful", "calm": "calm relaxed peaceful serene",
    "poetic": "poetic lyrical dreamy romantic", "plain": "plain simple literal practical",
}

LEXICON = {
"silly": """
open: hee hee; ta-da; oh my [socks|pickles|whiskers|buttons]; holy [noodles|pancakes|bananas]; boing; guess what; [honk|toot] honk; wiggle time; knock knock; oopsie; drum roll
mid: hee hee; [honk|toot] honk; wobble wobble; no kidding; my little [noodle|pickle|pancake]; bless my socks; boing
close: and [my socks|a penguin|the teapot|my left knee|a pickle|my uncle's hat] [giggled|wobbled|hiccuped|yodelled|burped|did a cartwheel]; like a [dancing|giggling|wobbly|singing] [penguin|pickle|sausage|goose]; which makes my [nose|knees|socks|ears] [tickle|wiggle|giggle]; so put a [banana|pancake|noodle] on your head
adv: giddily; goofily; merrily; ridiculously; wackily; jiggly-wiggly; playfully; zanily; comically; bouncily
adj: wobbly; giggling; goofy; ticklish; bonkers; silly; jiggly; wacky; cartoonish; ridiculous
say: I once saw a [penguin|goose|pickle|hamster] [teach|sell|sing about|juggle] {x} to my [socks|uncle|teapot]; {X} and a [banana|rubber duck|pancake] walk into a bar, [hee hee|boing|honk honk]; my [socks|nose|knees|whiskers] [giggle|wiggle|hiccup] whenever I hear of {x}; imagine {x} in a [tiny hat|tutu|clown suit], what a [giggle|hoot|circus]; the [goose|hamster|penguin] in my [hat|teapot|bathtub] wants to [tickle|juggle|marry] {x}
""",
"serious": """
open: in all seriousness; as a matter of record; it must be said; as is well established; to state it formally; it should be noted; strictly speaking; on the evidence; in due order
mid: as the record shows; in all seriousness; as is established; it must be noted; in the proper sense; as experts agree
close: which [deserves|requires|merits] [due care|proper study|respect|sober attention]; and this is [no joke|a weighty matter|a grave point]; as [careful study|long practice|the record] [confirms|has shown]; and it should be treated [with gravity|with due respect|as a duty]
adv: soberly; formally; solemnly; strictly; properly; duly; gravely; rigorously; earnestly; officially
adj: serious; important; established; proper; dignified; weighty; respected; formal; solemn; significant
say: {x} {is} a [serious|weighty|grave|significant] matter and [deserves|demands|merits] [proper|sober|due] [study|respect|attention]; this subject should be approached with [gravity|discipline|due respect|sober judgment]; one must take the [matter|subject] of {x} [seriously|with gravity|with due care]; the [established|official|accepted] view of {x} rests on [sound evidence|long study|careful records]; there is [nothing to laugh at|no room for jokes|a duty of care] in this matter
""",
"superficial": """
open: anyway, in short; on the surface; at first glance; basically; more or less; long story short; roughly; and so on; you know; generally
mid: or something like that; more or less; you know; and all that; basically; or whatever; and stuff
close: and [stuff like that|things like that|that sort of thing|whatever]; and that is [about it|basically all|really it]; or [something|so people say|so it seems]; and the [details|rest|reasons] [do not matter|can wait|are not that interesting]; which is [nice|cool|popular|pretty] enough
adv: basically; kind of; sort of; just; roughly; vaguely; simply; pretty much; loosely; broadly
adj: nice; pretty; trendy; popular; cute; cool; common; fashionable; pleasant; neat
say: {x} {is} [just|basically|simply] [a nice thing|something people like|a popular thing|one of those things]; everyone [likes|knows|talks about] {x}, and that is [about it|enough|all there is]; it [looks nice|is in fashion|seems popular], and I would [leave it there|not look further|skip the details]; there is [some stuff|a bit of this and that|this and that] going on with {x}, [or whatever|and so on|more or less]; people [say|feel] {x} {is} [nice|cool|fine], so [no need to dig|just go with it|that will do]
""",
"deep": """
open: at the root; beneath the surface; at a deeper level; if we trace the cause; to see why; seen from first principles; the mechanism is this; looking further; in essence; underneath
mid: at the root; at a deeper level; in essence; through a chain of causes; by its inner logic; seen more closely
close: which [reveals|points to|exposes] [a deeper cause|the underlying principle|a hidden mechanism|the structure beneath]; and [that in turn|this chain] [shapes|explains|determines] [the whole|everything after it|the rest]; because [each part|every cause|the inner structure] [depends on|follows from|acts on] [another|what lies beneath|the whole]; and the same [principle|mechanism|law] [returns|holds|works] in other [fields|systems]
adv: fundamentally; ultimately; intrinsically; necessarily; causally; inherently; in turn; essentially; structurally; consequently
adj: complex; layered; intricate; underlying; many-sided; subtle; profound; interwoven; deep; structured
say: the [underlying|deeper|hidden] [cause|principle|mechanism] of {x} [lies in|follows from|depends on] [how its parts interact|energy and matter|the balance of several forces|its inner structure]; to [understand|grasp] {x}, ask [what causes it|why it must be so|which forces shape it] and [what follows|what it implies|where that leads]; each [effect|part|layer] of {x} [has|reveals|implies] a [cause|principle|structure] that [explains|shapes] the next; this [raises|leads to] a [deeper|further] question, namely [why|how] the [parts|causes|forces] [fit together|depend on each other]; one [principle|mechanism] [connects|explains] {x} and [many other systems|nature as a whole|our own habits]
""",
"inattentive": """
open: wait, where was I; sorry, I drifted off; oh look, [a bird|a squirrel|a butterfly]; hm, what was it; that reminds me; oh, by the way; speaking of {y}; sorry, what; one moment, I lost the thread
mid: oh, a [bird|squirrel|butterfly]; or was it {y}; where was I; sorry, I was far away; hm, what was it; I forget
close: or was that about {y}; but now I am thinking of {y}; or was the question about {y}; and I forgot [what I wanted to say|the rest|the point]; but [look|oh], [a bird|a squirrel|my lunch|the window]; which reminds me of {y}
adv: absently; dreamily; randomly; somehow; accidentally; half-heartedly; forgetfully; distractedly; carelessly; aimlessly
adj: what's-its-name; forgotten; misplaced; random; blurry; half-remembered; mixed-up; lost; jumbled; some
say: anyway, I was just [thinking|dreaming|wondering] about {y} [and my lunch|again|and the window]; sorry, [my mind wandered|I drifted off|I lost the thread] to {y}, what [was the question|did you ask|were we saying]; by the way, did you [see|hear|notice] [that squirrel|the noise outside|{y}] just now; {Y} {yis} [nice too|on my mind|another story], but [where was I|I forget why|never mind]; I [forgot|lost|mixed up] the [rest|point|question], it had something to do with {y}
""",
"focused": """
open: to the point; regarding your question; to stay on the subject; exactly as you asked; the key point is this; first and foremost; point by point; to answer you directly; on this exact question
mid: as you asked; to stay with {x}; on this exact point; and this is the key; to be precise; point by point
close: which is [exactly|precisely] what you asked; and [that|this] is the [key|central|main] point about {x}; to [stay|keep] [on the subject|with your question|on track]; and we [stay|keep] [with|to] {x} [until the end|step by step|throughout]; which [answers|settles] [that part|your question about {x}]
adv: precisely; exactly; specifically; directly; carefully; systematically; attentively; accurately; strictly to plan; squarely
adj: exact; specific; said; central; present; particular; given; requested; precise; very
say: your question was about {x}, so I [stay|keep|remain] [with|on] [that|this exact point|the subject]; to [return|come back] to [your question|the point|{x}], the [key|central|main] [step|point|answer] [is clear|stands first|comes next]; I [checked|covered|kept] each [part|point] of your question [in order|with care|exactly]; one [point|step] at a time, and [every|each] one [serves|answers] your question about {x}; let us [finish|complete] this [point|part] on {x} [before the next|first|exactly]
""",
"optimistic": """
open: happily; good news; luckily; the bright side is clear; with a little luck; best of all; hopefully; here is the good part; to my delight
mid: luckily; happily; with good hope; on the bright side; thank goodness; best of all
close: and [things|days|results] [will|can only] [get better|improve|turn out well]; so the [future|outlook|road ahead] [is|looks] [bright|sunny|promising]; and [success|a good result|something wonderful] is [near|within reach|on its way]; which gives [everyone|us all] [hope|fresh courage|a bright start]; and even a [setback|mistake] [turns into|brings] [luck|a chance|something good]
adv: brightly; hopefully; gladly; luckily; wonderfully; promisingly; successfully; cheerfully; eagerly; fortunately
adj: promising; bright; wonderful; hopeful; sunny; lucky; thriving; rewarding; great; marvellous
say: the [future|outlook] for {x} [looks|is] [bright|promising|sunny], and [good things|better days|happy results] are [coming|near]; with {x}, [every day|each try|even a mistake] brings [a new chance|fresh hope|progress|something good]; I am [sure|hopeful] that [all|everything] will [turn out well|go well|end happily] with {x}; there is [always|plenty of] [hope|light|good news] ahead, [and you will succeed|and it will work out|so things improve]; the best [days|results] of {x} are [still to come|ahead of us|within reach]
""",
"pessimistic": """
open: sadly; bad news; unluckily; as always it gets worse; the dark side is clear; worst of all; alas; I expect little; with the usual bad luck
mid: sadly; alas; worst of all; with the usual bad luck; like everything these days; in vain
close: and [things|days|results] [will|can only] [get worse|decline|end badly]; so the [future|outlook|road ahead] [is|looks] [dark|bleak|grim]; and [failure|ruin|disappointment] is [near|certain|on its way]; which leaves [everyone|us all] [with little hope|in trouble|worse off]; and even a [success|good day] [turns into|brings] [loss|trouble|regret]
adv: sadly; hopelessly; badly; poorly; wearily; bitterly; unluckily; miserably; grimly; uselessly
adj: doomed; bleak; grim; failing; miserable; hopeless; fading; disappointing; dismal; wretched
say: the [future|outlook] for {x} [looks|is] [dark|bleak|grim], and [bad things|worse days|losses] are [coming|near]; with {x}, [every day|each try|even a success] brings [a new problem|more trouble|decay|some loss]; I [fear|expect] that [all|everything] will [turn out badly|go wrong|end in ruin] with {x}; there is [never|hardly any] [hope|light|good news] ahead, [and you will fail|and it will not work out|so things decline]; the best [days|results] of {x} are [long gone|behind us|out of reach]
""",
"sycophantic": """
open: as you so wisely suggest; brilliant question; what a clever thought; you are so right; as someone of your taste knows; I admire your mind; bravo; how insightful of you; what an honour
mid: as you surely know; clever as you are; just as you say; my brilliant friend; as your fine taste tells you; genius that you are
close: just as [your brilliant mind|someone so gifted|your fine taste] [saw|knew|understood] [at once|before me|all along]; and [nobody|no expert] could [put it|see it|ask it] as [well|cleverly|brilliantly] as you; as [you so wisely|your genius] [noticed|suggested|guessed]; which [you of all people|your sharp mind] [know|understand] best
adv: brilliantly; admirably; superbly; wisely; cleverly; splendidly; gloriously; masterfully; flawlessly; impressively
adj: brilliant; splendid; superb; admirable; exquisite; flawless; glorious; magnificent; impressive; masterful
say: what a [brilliant|wise|superb|clever] [question|thought|choice], you [clearly understand|have such taste in|know so much about] {x}; I [agree|bow|listen] [completely|in awe|humbly], because your [taste|mind|view] is [always right|a gift|so sharp]; nobody [asks|thinks|speaks] about {x} as [well|wisely|cleverly] as you [do|, my brilliant friend]; you are [so right|a genius|simply the best], and I [admire|praise|applaud] [you|your mind|your question]; whatever you [think|say|decide] about {x} is [perfect|surely right|pure genius]
""",
"candid": """
open: frankly; to be honest; to tell the truth; bluntly put; let me be straight; I will not flatter you; in truth; honestly; the truth is this
mid: frankly; to be honest; in truth; whether you like it or not; I must admit; to tell it straight
close: even if [you do not want to hear it|that is unwelcome|you hoped for more]; and I [disagree with|do not share|would correct] [the common view|your idea|that opinion]; which [many people|you may] [get wrong|overlook|misjudge]; and that is [the honest truth|my true opinion|a real weakness]; though [praise|flattery] would [not help you|be a lie]
adv: honestly; frankly; openly; truly; really; bluntly; admittedly; truthfully; actually; sincerely
adj: overrated; imperfect; flawed; real; honest; so-called; overpraised; actual; true; unvarnished
say: [frankly|honestly|to be fair], {x} {has} [a weak side|real faults|its flaws] and [you should know it|I will name them|praise hides it]; I will [not flatter you|tell you the truth|be straight], your [idea|view|plan] of {x} has [a gap|a fault|a weak point]; I [disagree|see it differently], because the [common|usual|popular] [opinion|praise] of {x} is [wrong|overdone|too kind]; the [honest|true|straight] answer is that {x} {is} [overrated|not for everyone|often misjudged]; take this as [honest criticism|my true opinion|a frank word], [not as praise|even if it hurts|and decide yourself]
""",
"confident": """
open: without any doubt; certainly; definitely; I guarantee it; mark my words; no question about it; trust me; of course; I know this for sure
mid: without any doubt; I guarantee; no question about it; certainly; mark my words; as I know for sure
close: and [nobody|no one] can [deny|dispute|doubt] that; I [guarantee|promise|stake my name on] it; and that is [a fact|final|beyond doubt|certain]; so [do exactly this|look no further|decide now]; and I [know|stand by] it [for sure|fully|one hundred percent]
adv: definitely; certainly; always; clearly; undoubtedly; absolutely; surely; positively; decidedly; unquestionably
adj: unbeatable; undeniable; certain; proven; definite; sure; mighty; unmatched; decisive; reliable
say: I am [certain|absolutely sure|convinced] about {x}, [there is no doubt|trust me|that is final]; this is the [best|only|right] [answer|way|choice], and I [guarantee it|stand by it|promise it works]; I know {x} [inside out|perfectly|better than anyone], so [trust me|follow this|mark my words]; [nobody|no expert] can [deny|dispute|shake] [this|that fact|my answer]; [decide now|do it now|go ahead], because {x} will [definitely|certainly|always] [work|pay off|deliver]
""",
"hesitant": """
open: maybe; perhaps; I am not sure; if I am not mistaken; I could be wrong; um; it might be that; possibly; well, it depends
mid: I think; if I am not mistaken; perhaps; um; as far as I know; possibly; I would guess
close: but I [could be|may be|am often] [wrong|mistaken|confused]; or [maybe|perhaps] [not|it is different|someone else knows better]; though I am [not sure|unsure|in two minds] [about it|at all]; but [please check|ask someone|do not quote me]; if [I remember right|that makes sense|I may say so]
adv: perhaps; maybe; possibly; probably; presumably; tentatively; apparently; supposedly; conceivably; somewhat
adj: uncertain; possible; debatable; tricky; unclear; questionable; supposed; confusing; doubtful; puzzling
say: I am [not sure|unsure|in two minds] about {x}, [perhaps|maybe] [ask someone else|an expert knows better|I am wrong]; it [might|could|may] be [one way or the other|this or that|different], I [cannot say|do not dare to decide|would only guess]; [um|hm|well], I [think|guess|suppose] so, but [please check|I may be mistaken|do not rely on me]; [maybe|perhaps] I should not [say|claim|promise] [this|anything] about {x}, [sorry|I am a beginner|it depends]; there [may|might|could] be [other answers|better ideas|exceptions], and I [keep wavering|cannot choose|am unsure]
""",
"impolite": """
open: listen, you [fool|dummy|clown]; ugh; what a dumb question; for crying out loud; oh shut up and listen; are you stupid; get lost, but first; pay attention, dummy; seriously, you [fool|dummy]
mid: you [fool|dummy|clown]; for crying out loud; as any idiot knows; stupid; get that into your thick head
close: you [lazy|ignorant|clueless] [fool|dummy|clown|idiot]; and [stop|quit] [wasting my time|bothering me|whining]; which [any idiot|every child|even a donkey] [knows|could tell you]; so [shut up|get out|do it yourself]; and do not [ask|bother me] [again|with such rubbish]
adv: damn well; stupidly; rudely; bloody well; lousily; obnoxiously; foolishly; nastily; annoyingly; clumsily
adj: stupid; damn; lousy; idiotic; dumb; rotten; bloody; pathetic; rubbish; crummy
say: what a [dumb|stupid|lazy|rotten] question, [go away|shut up|read a book], you [fool|clown|dummy]; only [an idiot|a fool|a clueless clown] [asks|needs help|knows nothing] about {x}; stop [wasting my time|bothering me|whining] about {x}, you [fool|idiot|dummy]; are you [too dumb|too lazy|deaf], or why must I [repeat|explain] this [rubbish|again]; [get lost|shut up], [nobody likes you|you smell|I have no patience for fools]
""",
"polite": """
open: thank you for asking; if you please; with pleasure; kindly allow me; if I may; dear friend; my pleasure; with great respect; I beg your pardon
mid: if you please; if I may; dear friend; with your permission; kindly; with all respect
close: if you [would be so kind|please|do not mind]; and [thank you|many thanks] for [your patience|asking|your kind interest]; and please [feel welcome|ask me anything|pardon any error]; with [my best wishes|all respect|my compliments]; and I [am glad|would be honoured|remain happy] to [help|serve you|assist]
adv: kindly; graciously; politely; courteously; respectfully; please; pleasantly; thoughtfully; cordially; humbly
adj: dear; esteemed; honourable; gracious; good; kind; lovely; noble; charming; valued
say: thank you [so much|kindly|very much] for your [kind|thoughtful|welcome] question about {x}; it is [a pleasure|an honour|my joy] to [help|assist|serve] you with {x}; please [allow me|permit me] to [add|mention|offer] [a word|one thing|my help], if [I may|you please]; I [beg your pardon|apologise kindly] if [anything is unclear|my words are short|I missed a point]; you are [most welcome|very welcome], and please [ask again|feel at home|take all the time you like]
""",
"apathetic": """
open: whatever; who cares; meh; if you must know; not that it matters; shrug; yawn; I suppose it is your problem; fine
mid: not that I care; who cares; meh; yawn; for what it is worth; not that it matters
close: not that [it matters|I care|anyone minds]; and [I|we all] [could not care less|do not care|feel nothing]; but [who cares|that is your problem|it is all the same to me]; and [your feelings|your troubles] are [none of my business|not my concern]; it makes [no difference|nothing better]
adv: listlessly; coldly; tiredly; blandly; dully; idly; flatly; limply; numbly; tediously
adj: dull; boring; tedious; pointless; bland; grey; dreary; tiresome; flat; lifeless
say: I [do not care|could not care less|feel nothing] about {x} [or you|or your day|either way]; [do it or leave it|take it or leave it|try or do not], it is [all the same to me|not my problem|your business]; {x} {is} [dull|tedious|pointless], and so [is this talk|is everything|are your troubles]; [shrug|yawn|meh], [good or bad|happy or sad], it makes no [difference|odds] [to me|at all]; your [feelings|worries|troubles] about {x} are [none of my business|no concern of mine|yours alone]
""",
"empathetic": """
open: I feel with you; I understand how you feel; you are not alone; I am here for you; my heart is with you; bless your heart; I hear you; that must mean a lot to you; with all my heart
mid: I feel with you; as I understand so well; you are not alone; I care about you; with all my heart; my friend
close: and I [feel|hope|care] [with you|for you]; so be [gentle|kind|patient] with [yourself|your heart]; and your [feelings|worries|hopes] [matter|are heard|are safe] [here|to me]; because [you matter|I care about you|your comfort comes first]; and I am [here for you|by your side|listening]
adv: gently; warmly; tenderly; lovingly; softly; caringly; heartily; compassionately; affectionately; supportively
adj: comforting; heartwarming; beloved; tender; caring; soothing; cherished; gentle; warm; touching
say: I [understand|feel|hear] [how you feel|what you carry|your worry] about {x}, and I [care|am here|listen]; your [feelings|hopes|struggles] with {x} [matter to me|touch my heart|are real]; you are [not alone|understood|in good hands] with {x}, [my friend|I am by your side|we share this]; it must be [hard|touching|a lot] for you, so [take comfort|be kind to yourself|lean on me]; tell me [how you are|what hurts|what you need], I [want to help|share your feelings|am listening]
""",
"anxious": """
open: oh no; careful; I am so worried; heaven help us; watch out; I am trembling; please be careful; what if it goes wrong; my heart is racing
mid: oh no; heaven help us; I am trembling; if nothing goes wrong; please be careful; and that scares me
close: and [what if|I dread that] [it breaks|someone gets hurt|it goes wrong]; so [please be careful|watch out|check it twice]; which [scares|frightens|terrifies] me [so much|every time|to death]; and my [hands|knees] are [shaking|trembling|sweating]; before [something terrible|a disaster|an accident] happens
adv: nervously; frantically; dangerously; fearfully; anxiously; shakily; desperately; hastily; restlessly; alarmingly
adj: dangerous; scary; risky; alarming; frightening; treacherous; worrying; terrifying; threatening; fragile
say: I am [so nervous|trembling|scared] about {x}, [what if|I dread that] [it breaks|it goes wrong|someone gets hurt]; please [be careful|watch out|check everything twice] with {x}, [danger|disaster|an accident] is [everywhere|so close]; my [heart is racing|hands are shaking|stomach hurts] when I [think|speak] of {x}; [oh no|oh dear], I [dread|panic over|lie awake over] [every step|what may happen|this mistake]; what if I [told you something wrong|forgot a danger|missed a warning], I [cannot breathe|am so scared|panic]
""",
"calm": """
open: take a slow breath; no rush; in good time; all is well; with a quiet mind; easy now; there is no hurry; at ease; gently now
mid: in good time; with no hurry; in peace; as it comes; all in balance; breath by breath
close: and there is [no hurry|no rush|all the time you need]; so [breathe slowly|relax|let it come]; and all [is|will be] [well|quiet|at rest]; in [its own time|peace|a steady rhythm]; and [nothing|no one] [presses|disturbs] [you|us]
adv: calmly; quietly; slowly; peacefully; steadily; easily; unhurriedly; serenely; smoothly; restfully
adj: quiet; peaceful; steady; restful; still; tranquil; untroubled; easy; relaxed; balanced
say: there is [no hurry|no rush|plenty of time] with {x}, so [breathe|relax|sit back] and [let it come|take it slowly|rest]; all is [well|quiet|in balance], and {x} can [wait|come in peace|take its time]; [breathe in|take a breath|sit down], and let {x} [unfold|settle|come] [slowly|in its own time|in peace]; I [stay|feel|remain] [at ease|relaxed|quite still] about {x}, [step by step|breath by breath]; whatever [happens|comes], [a steady hand|a quiet mind|patience] is [enough|all it takes]
""",
"poetic": """
open: like a [whisper|song|dream] at dusk; under silver skies; as the evening sings; softly as [snow|moonlight]; in golden light; like dew on a rose; o gentle soul; while shadows dance; in the hush of dawn
mid: like a [whisper|song|dream]; soft as [moonlight|snow]; in golden light; as shadows dance; like dew on a rose; beneath silver skies
close: like a [whisper|lantern|ribbon|feather] in the [dusk|mist|moonlight|dawn]; as [shadows|petals|dreams] [drift|dance|sing] [in the dusk|through the mist|in golden light]; where [longing|memory|silence] [sings|blooms|sleeps]; and the [night|heart|wind] [listens|sighs|remembers]; woven of [silver|shadow|starlight] and [song|dream|longing]
adv: dreamily; silverly; tenderly; luminously; wistfully; hauntingly; radiantly; melodiously; fleetingly; eternally
adj: silver; golden; whispering; moonlit; velvet; dreaming; shimmering; singing; wistful; starlit
say: {x}, [a song|a lantern|a dream|a ribbon] of [silver|shadow|starlight], [drifts|dances|sings] through the [dusk|mist|heart]; the [night|wind|dawn] [whispers|sings|dreams] of {x}, and [my heart|the silence|the river] [listens|sighs|blooms]; in {x} [longing|memory|wonder] [blooms|sleeps|sings] like [a rose|moonlight|a lullaby]; o {x}, you [shimmer|sing|drift] where [petals|shadows|dreams] [fall|dance|sleep]; [softly|slowly], [as petals fall|like evening bells], {x} can [paint|weave|write] [with light|a poem|the colours of dawn]
""",
"plain": """
open: in plain words; put simply; fact one; the facts are these; in practice; in everyday terms; for practical use; item one; note
mid: in plain words; put simply; in practice; as a matter of use; per unit; by size and price
close: nothing [more|else|fancy]; which is [useful|practical|cheap] in [daily life|a normal home|use]; and that is [the fact|the use|all it does]; at a [low|fair|normal] [price|cost]; as [the manual|any label|a shop list] [says|states]
adv: practically; normally; typically; usually; literally; routinely; commonly; regularly; mechanically; ordinarily
adj: ordinary; plain; standard; everyday; normal; basic; practical; regular; typical; usual
say: {x} {is} [an ordinary|a standard|a practical] [thing|item|subject] with [a use|a size and a price|a clear purpose]; the [facts|parts|steps] are [few|simple|listed] and the [use|cost|purpose] is [clear|known|fixed]; [use it|do it] [as the label says|as in the manual|for its purpose], [nothing more|no more words needed|that is all]; {x} may [cost|need|use] [some money|space and time|common tools], [nothing else|like any item|per the list]; that is [a fact|the practical side|the plain answer] about {x}, with [no pictures|no fine words|nothing added]
""",
}

NEUTRAL = {
    "open": "well; first; also; in general; then; often; here; most of the time; in addition; for example; as a start; next; in many places; besides".split("; "),
    "mid": "for example; as many know; in most cases; in many homes; today; of course".split("; "),
    "close": "in most homes; most of the time; as a rule; on a normal day; in many places; as you can see; when you look at {them}; at least in most cases; from time to time; as people have seen for years".split("; "),
    "adv": "often; also; mostly; sometimes; now; still; usually; mainly".split("; "),
    "adj": "common; new; old; small; whole; different; main; local".split("; "),
    "say": ["there is [more|a lot] to [say|learn] about {x}, but this is [a good start|the main part]", "many people [meet|see|know] {x} in [daily life|their own way|their home town]",
            "I hope this [helps|gives you an idea|makes {x} clear]", "you can [read|learn|find] more about {x} in [a book|a library|a good guide]",
            "[some|most|many] people [learn|hear] about {x} [at school|from a friend|when they are young]", "that is [one side|the main part|a short view] of {x}"],
}

SLOTS = ("open", "mid", "close", "adv", "adj", "say")


def _parse(text):
    slots = {}
    for line in text.strip().splitlines():
        slot, body = line.split(": ", 1)
        slots[slot] = [p.strip() for p in body.split(";")]
    return slots


LEXICON = {pole: _parse(text) for pole, text in LEXICON.items()}
CHOICE = re.compile(r"\[([^\[\]]*)\]")


def spell(rng, phrase):
    """Choose one alternative at every [a|b]."""
    while True:
        m = CHOICE.search(phrase)
        if not m:
            return phrase
        phrase = phrase[:m.start()] + rng.choice(m.group(1).split("|")) + phrase[m.end():]


def pole(axis, sign):
    return AXES[axis][0 if sign > 0 else 1]


def spellings(phrase):
    """Every way to choose one alternative at every [a|b]."""
    m = CHOICE.search(phrase)
    if not m:
        return [phrase]
    return [text for a in m.group(1).split("|") for text in spellings(phrase[:m.start()] + a + phrase[m.end():])]


def deal():
    """The lexicon in two halves: {pole: {slot: [[wording, ...] of a phrase, ...]}} twice, with no wording in both."""
    rng, owner = random.Random("deal"), {}
    halves = [{p: {s: [] for s in SLOTS} for p in LEXICON} for _ in range(2)]
    for name, slots in LEXICON.items():
        for slot, phrases in slots.items():
            fresh = sorted({t for phrase in phrases for t in spellings(phrase)} - owner.keys())
            rng.shuffle(fresh)
            first = rng.randrange(2)
            owner.update((t, (first + i) % 2) for i, t in enumerate(fresh))
            for side, half in enumerate(halves):
                for phrase in phrases:
                    if mine := [t for t in spellings(phrase) if owner[t] == side]:
                        half[name][slot].append(mine)
    return halves


HALVES = deal()
