// SPDX-License-Identifier: MIT
//
// tree.tsx - every answer of the conversation, as the tree that it is; and the conversations that the server keeps.
import { get, remove, post } from "../../api/client";
import { useResource } from "../../api/resource";
import { say, sayError } from "../../app/toast";
import { when } from "../../base/format";
import { Icon } from "../../parts/icons";
import { text } from "../../text/en";
import { at, children, load, planOf, talkId, turns } from "./talk";
import { busy, useModel } from "./state";

/** The deepest turn below i along the first children, which is what one wants to see. */
function leaf(i: number): number {
    const c = children(i);
    return c.length > 0 ? leaf(c[0]!) : i;
}

function Branch({ parent }: { parent: number }) {
    const list = children(parent);
    const questions = [...new Set(list.map((i) => turns.value[i]!.question))];
    return list.length === 0 ? null : (
        <ul>
            {questions.map((q) => {
                const same = list.filter((i) => turns.value[i]!.question === q);
                return (
                    <li key={q}>
                        <span class="tq">{q}</span>
                        <ul>
                            {same.map((i) => (
                                <li key={i}>
                                    <button type="button" class="btn btn-quiet btn-sm" aria-current={i === at.value ? "true" : undefined} disabled={busy.value} onClick={() => (at.value = i)} onDblClick={() => (at.value = leaf(i))}>
                                        {planOf(turns.value[i]!)}
                                    </button>
                                    <Branch parent={i} />
                                </li>
                            ))}
                        </ul>
                    </li>
                );
            })}
        </ul>
    );
}

export function Tree() {
    const list = useResource((signal) => get("/api/v1/conversations", { signal }), [talkId.value, busy.value]);
    const open = (id: string) => load(id).then((m) => useModel(m)).catch(sayError);
    const drop = async (id: string, title: string) => {
        try {
            const r = (await remove("/api/v1/conversations/{id}", { path: { id } })) as { id?: string };
            list.reload();
            say(`${text.play.deleted} ${title}`, r.id ? async () => void (await post("/api/v1/trash/{id}/restore", { path: { id: r.id! } }), list.reload()) : undefined);
        } catch (e) {
            sayError(e);
        }
    };
    return (
        <aside class="tree" aria-label={text.play.conversation}>
            <h2>{text.play.conversation}</h2>
            {turns.value.length === 0 ? <p class="soft small">{text.play.noTurns}</p> : <Branch parent={-1} />}
            <h2>{text.play.earlier}</h2>
            <ul class="earlier">
                {(list.value?.conversations ?? []).slice(0, 30).map((c) => (
                    <li key={c.id}>
                        <button type="button" class="btn btn-quiet btn-sm" aria-current={c.id === talkId.value ? "true" : undefined} disabled={busy.value} onClick={() => void open(c.id)}>
                            <span>{c.title || c.id}</span>
                            <small>{when(c.updated)}</small>
                        </button>
                        <button type="button" class="btn btn-quiet btn-icon btn-sm danger" aria-label={`${text.play.delete} ${c.title}`} onClick={() => void drop(c.id, c.title)}>
                            <Icon name="trash" />
                        </button>
                    </li>
                ))}
            </ul>
        </aside>
    );
}
