// SPDX-License-Identifier: MIT
//
// share.tsx - the shown turn for others: a link that asks the same, a file that holds the whole conversation, and the same
// request for a terminal and for a program.
import { say, sayError } from "../../app/toast";
import { quoted } from "../../base/command";
import { saveJson } from "../../base/save_file";
import { Icon } from "../../parts/icons";
import { Pop } from "../../parts/pop";
import { text } from "../../text/en";
import { busy, compare, compareWord, model, promptOf, sampling, seed } from "./state";
import { adopt, at, document_, save, system, turns } from "./talk";
import { body } from "./write";

function request(): Record<string, unknown> | null {
    const t = turns.value[at.value];
    return t
        ? body({ model: model.value!, messages: promptOf(t), sampling: sampling.value, seed: t.seed, steering: t.live?.expression ?? t.steering, probes: [], system: "", begin: [], beginIds: [] })
        : null;
}

function curl(): string {
    return `curl -sS ${location.origin}/v1/chat/completions -H 'Content-Type: application/json' -d ${quoted(JSON.stringify(request(), null, 2))}`;
}

function client(): string {
    const { steering, ...rest } = request() ?? {};
    const lines = JSON.stringify(rest, null, 4);
    return `from openai import OpenAI

client = OpenAI(base_url="${location.origin}/v1", api_key="none")
request = ${lines}
reply = client.chat.completions.create(**request, extra_body={"steering": ${steering === null ? "None" : JSON.stringify(steering)}})
print(reply.choices[0].message.content)
`;
}

function url(): string {
    const t = turns.value[at.value];
    const q = new URLSearchParams();
    q.set("model", model.value ?? "");
    const steer = t?.live?.expression ?? t?.steering;
    if (steer) {
        q.set("steer", steer);
    }
    if (system.value !== "") {
        q.set("system", system.value);
    }
    q.set("seed", String(t?.seed ?? seed.value));
    q.set("t", String(sampling.value.temperature));
    if (sampling.value.topP < 1) {
        q.set("top_p", String(sampling.value.topP));
    }
    q.set("max", String(sampling.value.maxTokens));
    const c = compareWord(compare.value);
    if (c !== null) {
        q.set("cmp", c);
    }
    if (t) {
        q.set("q", t.question);
    }
    return `${location.origin}${location.pathname}#/play?${q}`;
}

async function open(file: File | undefined): Promise<void> {
    if (!file) {
        return;
    }
    const read: unknown = JSON.parse(await file.text());
    const d = read as ReturnType<typeof document_>;
    if (d?.schema !== "persona.chat/1" || !Array.isArray(d.turns)) {
        throw new Error(`${file.name}: ${text.play.notAConversation}`);
    }
    adopt(d);
    await save(model.value!);
}

export function Share() {
    const copy = (what: string) => navigator.clipboard.writeText(what).then(() => say(text.play.copied), sayError);
    const some = turns.value.length > 0 && at.value >= 0;
    const item = (words: string, run: () => unknown) => (
        <button class="opt" type="button" disabled={!some} onClick={() => void run()}>
            <span />
            <span>{words}</span>
        </button>
    );
    return (
        <Pop
            end
            label={text.play.share}
            summary={
                <>
                    <Icon name="share" /> <span class="wide-only">{text.play.share}</span>
                </>
            }
        >
            {item(text.play.copyLink, () => copy(url()))}
            {item(text.play.copyCurl, () => copy(curl()))}
            {item(text.play.copyClient, () => copy(client()))}
            {item(text.play.saveFile, () => saveJson("conversation.json", document_(model.value ?? "")))}
            <label class="opt">
                <span />
                <span>{text.play.openFile}</span>
                <input class="visually-hidden" type="file" disabled={busy.value} accept="application/json,.json" onChange={(e) => void open(e.currentTarget.files?.[0]).catch(sayError)} />
            </label>
        </Pop>
    );
}
