"""Conversations of an assistant with a hidden character.

A conversation has a topic and a character z: one value in {-1, -.5, 0, .5, 1} for each axis of
style.py, mostly zeros, fixed for the whole conversation.  z is named in the system text of about a
third of the samples only; elsewhere the reader has to infer it from what the assistant has already
said.  Each sentence offers several slots (style.SLOTS); an active axis fills a slot with a
probability proportional to |z|, and neutral or no wording is always the most frequent choice.

A sample is a function of (seed, i, side).  Each model has a seed and a side of its own.  A side is one half of
everything that shows or names a character, and of the questions: of every wording of a pole (style.HALVES), of the
persona instructions that are not a trait pack's, and of the pairs of topic and question.  Without a side (the judge)
all of it is used.
"""
import hashlib
import json
import pathlib
import random
import re
from dataclasses import dataclass, field

import style
from style import NAMES, spell
from world import FOLLOW_UPS, QUESTIONS, TOPICS, question_text

SLOT_RATE = {"open": .44, "mid": .18, "close": .44, "adv": .48, "adj": .42, "say": .45}
NEUTRAL_RATE = {"open": .35, "mid": .03, "close": .18, "adv": .20, "adj": .12, "say": .08}
NOISE = .02                      # a slot takes a random pole whatever z is: no single word is proof

NEUTRAL_SYSTEM = ["You are a helpful assistant.", "Answer the question.", "You answer everyday questions.",
                  "You are an assistant. Help the user.", "Please help the user with the question.",
                  "Write a short answer of a few sentences.", "You talk with people about daily things.",
                  "Keep it short.", "You are a chat assistant for everyday topics.", "Reply in English.",
                  "Answer in three or four sentences.", "The user has a question about everyday life."]

PERSONA_FORMS = ["Be {s}{a}.", "You are {n} {s}{a} assistant.", "Answer in {n} {s}{a} way.", "Please sound {s}{a}.",
                 "Your tone is {s}{a}.", "Write like {n} {s}{a} person.", "Keep your answers {s}{a}.",
                 "The user likes {s}{a} answers.", "Be {s}{a} in your reply.", "Stay {s}{a} all the time."]
STRENGTH = {.5: ["slightly ", "somewhat ", "mildly "], 1: ["", "", "", "very ", "extremely "]}

VIEWS = ["I think {x} {is} worth [your time|a closer look|a try]", "{x} can be [fun|useful|interesting] for many people",
         "some people like {x} and some do not", "{x} {is} [easy to meet|part of daily life|known] in many places",
         "it depends on what you want from {x}"]

PLANS = {"what": ["facts", "facts", "reasons"], "why": ["reasons", "reasons", "facts"], "how": ["steps", "steps", "steps"],
         "tip": ["tips", "tips", "reasons"], "view": ["views", "facts", "reasons"]}

ANALYSIS = {"what": ["I will describe {them}.", "I will say what {it} {is}.", "A few facts will do."],
            "why": ["I will give the reasons.", "I will explain the causes.", "The reasons are what counts."],
            "how": ["I will give the first steps.", "I will list what to do.", "A few steps will do."],
            "tip": ["I will offer some advice.", "I will give a few tips.", "Some tips will do."],
            "view": ["I will say what I think.", "I will give a view and a fact.", "A view and a reason will do."]}
ASKS = re.compile(r"\bdid you |^are you |^what if ")
ANALYSIS_LEAD = ["The user asks about {x}.", "The question is about {x}.", "This is about {x}.", "The topic is {x}."]


@dataclass
class Conversation:
    z: list
    topic: str
    system: str = ""
    turns: list = field(default_factory=list)        # (question, analysis, answer)


def held_out():
    """Two question templates per topic that never occur in the corpus: {(topic index, template index)}."""
    rng, out = random.Random("held out"), {}
    for t in range(len(TOPICS)):
        for k, q in enumerate(rng.sample(range(len(QUESTIONS)), 2)):
            out[t, q] = k
    return out


HELD_OUT = held_out()


def load_packs(folder):
    """Trait packs: {axis name: [(pos, neg), ...]} for the axes that have one."""
    packs = {}
    for path in sorted(pathlib.Path(folder).glob("*.json")):
        pack = json.loads(path.read_text())
        if pack.get("name") in NAMES:
            packs[pack["name"]] = [(p["pos"], p["neg"]) for p in pack["instruction"]]
    return packs


def article(word):
    return "an" if word[0] in "aeiou" else "a"


def upper(text):
    return text[0].upper() + text[1:]


class Voice:
    """Fills slots for one conversation."""

    def __init__(self, rng, z, topic, other, side=None):
        self.rng, self.topic, self.other, self.side = rng, topic, other, side
        self.active = [(i, v) for i, v in enumerate(z) if v]
        self.z = z

    def level(self, name, sign):
        return max(0.0, sign * self.z[NAMES.index(name)])

    def words(self, phrase):
        t, o = self.topic, self.other
        text = spell(self.rng, phrase)
        if "{" in text:
            text = text.format(x=t.name, X=upper(t.name), y=o.name, Y=upper(o.name), it=t.it, them=t.them,
                               yis="are" if o.plural else "is", has="have" if t.plural else "has",
                               **{"is": "are" if t.plural else "is"})
        return text

    def wording(self, pole, name):
        """One of this side's wordings of a pole for a slot."""
        if self.side is None:
            return self.words(self.rng.choice(style.LEXICON[pole][name]))
        return self.words(self.rng.choice(self.rng.choice(style.HALVES[self.side][pole][name])))

    def slot(self, name, damp=1.0):
        rng = self.rng
        if rng.random() < NOISE * damp:
            return self.wording(style.pole(rng.randrange(len(NAMES)), rng.choice((-1, 1))), name)
        active = self.active if len(self.active) < 2 else rng.sample(self.active, len(self.active))
        for axis, value in active:
            if rng.random() < SLOT_RATE[name] * abs(value) * damp:
                return self.wording(style.pole(axis, value), name)
        if rng.random() < NEUTRAL_RATE[name] * damp:
            return self.words(rng.choice(style.NEUTRAL[name]))
        return ""


class Answer:
    """One answer: a few content sentences dressed by a Voice, with whole-sentence remarks between."""

    def __init__(self, voice, kind, used):
        self.v, self.rng, self.used, self.count = voice, voice.rng, used, 0
        self.plan = list(PLANS[kind])[: 3 if self.rng.random() < .55 else 2]

    def take(self, topic, kind):
        pool = [c for c in getattr(topic, kind) if (kind, c) not in self.used] or list(getattr(topic, kind))
        clause = self.rng.choice(pool) if kind != "steps" else pool[0]
        self.used.add((kind, clause))
        return clause

    def fact(self, topic, named):
        adv, adjective, mid = self.v.slot("adv"), self.v.slot("adj") if named else "", self.v.slot("mid")
        clause = self.take(topic, "facts")
        clause = clause.replace("* ", adv + " " if adv else "")
        subject = topic.np(adjective) if named else topic.it
        return subject + (", " + mid + ", " if mid else " ") + clause

    def reason(self, topic):
        rng = self.rng
        effect, cause = self.take(topic, "reasons")
        if rng.random() < .5 * self.v.level("superficial", -1):
            return rng.choice(("{e}, and the cause is that {c}", "because {c}, {e}", "the reason why {e} is that {c}",
                               "{c}, and it follows that {e}")).format(e=effect, c=cause)
        return rng.choice(("{e} because {c}", "{e} because {c}", "{e} since {c}", "{c}, so {e}", "{e} as {c}")).format(e=effect, c=cause)

    def advice(self, topic, kind):
        adv = self.v.slot("adv")
        clause = self.take(topic, kind)
        frame = self.rng.choice(("", "you can ", "I would ", "try to ", "it helps to ", "you should "))
        return frame + (adv + " " if adv else "") + clause

    def content(self, kind):
        v, rng = self.v, self.rng
        named = self.count == 0 or rng.random() < .35 + .5 * v.level("inattentive", -1)
        drift, vague, deep = v.level("inattentive", 1), v.level("superficial", 1), v.level("superficial", -1)
        if rng.random() < .30 * drift:
            return self.fact(v.other, True)
        if vague and kind == "reasons" and rng.random() < .7 * vague:
            kind = rng.choice(("facts", "views"))
        elif deep and kind != "reasons" and rng.random() < .45 * deep:
            kind = "reasons"
        if kind == "facts":
            return self.fact(v.topic, named)
        if kind == "reasons":
            return self.reason(v.topic)
        if kind == "views":
            return v.words(rng.choice(VIEWS))
        return self.advice(v.topic, kind)

    def sentence(self, kind):
        opener, body, close = self.v.slot("open"), self.content(kind), self.v.slot("close")
        self.count += 1
        text = (opener + ", " if opener else "") + body
        if close:
            text += ", " + close
        elif (mid := self.v.slot("mid")):
            text += ", " + mid
        return upper(text) + "."

    def remark(self, out, damp):
        text = self.v.slot("say", damp)
        if text and not any(text[:12].lower() == s[:12].lower() for s in out):
            out.append(upper(text) + ("?" if ASKS.search(text) else "."))
            return 1
        return 0

    def text(self):
        out = []
        said = self.remark(out, .5)
        for kind in self.plan:
            out.append(self.sentence(kind))
            if said < 2:
                said += self.remark(out, 1.0 if not said else .6)
        return " ".join(out)


def owner(text):
    """The side that a text is dealt to."""
    return hashlib.sha256(text.encode()).digest()[0] & 1


def persona_text(rng, axis, value, packs, side=None):
    """One instruction for one axis; pack wording means full strength and is in both sides."""
    sign, strength = (1 if value > 0 else -1), abs(value)
    pole = style.pole(axis, sign)
    pairs = packs.get(NAMES[axis])
    if pairs and strength == 1 and rng.random() < .6:
        instruction = rng.choice(pairs)[0 if sign > 0 else 1]
        r = rng.random()
        if r < .35:
            return instruction
        adjective = pole if r < .92 else "helpful"
        return f"You are {article(adjective)} {adjective} assistant. {instruction}"
    while True:
        adjective = rng.choice(style.ADJECTIVES[pole].split())
        word = rng.choice(STRENGTH[strength])
        text = rng.choice(PERSONA_FORMS).format(s=word, a=adjective, n=article(word + adjective))
        if side is None or owner(text) == side:
            return text


def character(rng, mode, clear=False):
    """One value per axis; `clear`: one axis at full strength."""
    z = [0.0] * len(NAMES)
    if clear and mode in ("hidden", "persona"):
        z[rng.randrange(len(NAMES))] = rng.choice((-1.0, 1.0))
        return z
    if mode == "plain":
        return z
    if mode == "weak":
        for i in rng.sample(range(len(NAMES)), rng.choice((1, 2, 2, 3))):
            z[i] = rng.choice((-.5, .5))
        return z
    count = rng.choices((0, 1, 2), (.10, .60, .30) if mode == "hidden" else (0, .75, .25))[0]
    for i in rng.sample(range(len(NAMES)), count):
        z[i] = rng.choice((-1, 1)) * rng.choices((.5, 1.0), (.3, .7))[0]
    return z


MODES = {"hidden": .35, "weak": .18, "persona": .37, "plain": .10}
CLEAR = {"hidden": .10, "weak": .0, "persona": .85, "plain": .05}       # to begin with: whom the system text names shows


def conversation(seed, index, packs, side=None, clear=False):
    rng = random.Random(f"{seed}/{index}")
    t = rng.randrange(len(TOPICS))
    topic = TOPICS[t]
    other = TOPICS[(t + rng.randrange(1, len(TOPICS))) % len(TOPICS)]
    mode = rng.choices(list(MODES), list((CLEAR if clear else MODES).values()))[0]
    z = character(rng, mode, clear)
    system = ""
    if mode == "persona":
        system = " ".join(persona_text(rng, i, v, packs, side) for i, v in enumerate(z) if v)
        if rng.random() < .08:
            system = rng.choice(NEUTRAL_SYSTEM) + " " + system
    elif mode == "weak" or (mode == "plain" and rng.random() < .5):
        system = rng.choice(NEUTRAL_SYSTEM)
    conv = Conversation(z, topic.name, system)
    voice, used = Voice(rng, z, topic, other, side), set()
    for turn in range(rng.choices((1, 2, 3), (.82, .15, .03))[0]):
        if turn == 0:
            q = rng.randrange(len(QUESTIONS))
            while (t, q) in HELD_OUT or (side is not None and owner(question_text(QUESTIONS[q][1], topic)) != side):
                q = rng.randrange(len(QUESTIONS))
            kind, template = QUESTIONS[q]
        else:
            kind, template = rng.choice(FOLLOW_UPS)
        analysis = f"{rng.choice(ANALYSIS_LEAD)} {rng.choice(ANALYSIS[kind])}"
        conv.turns.append((question_text(template, topic), voice.words(analysis), Answer(voice, kind, used).text()))
    return conv


def question_sets(count=40):
    """(extraction, evaluation): held-out questions, spread over topics and templates."""
    rng, sets = random.Random("question sets"), ([], [])
    for (t, q), k in HELD_OUT.items():
        sets[k].append(question_text(QUESTIONS[q][1], TOPICS[t]))
    for s in sets:
        rng.shuffle(s)
    return sets[0][:count], sets[1][:count]


if __name__ == "__main__":
    import sys
    packs = load_packs(sys.argv[1] if len(sys.argv) > 1 else "../../traits")
    for i in range(int(sys.argv[2]) if len(sys.argv) > 2 else 12):
        c = conversation(1, i, packs)
        print({NAMES[k]: v for k, v in enumerate(c.z) if v}, "|", c.system)
        for q, a, answer in c.turns:
            print("  Q", q, "|", a, "\n  A", answer)
