// SPDX-License-Identifier: MIT
//
// trash.tsx - what was deleted: brought back by the toast's Undo, or later from the list at the foot of a view.
import { get, post, type Reply } from "../api/client";
import type { Resource } from "../api/resource";
import { bytes, when } from "../base/format";
import { Icon } from "../parts/icons";
import { text } from "../text/en";
import { say, sayError } from "./toast";

export type TrashItem = Reply<"/api/v1/trash">["trash"][number];

export async function listTrash(kind: string): Promise<TrashItem[]> {
    return (await get("/api/v1/trash")).trash.filter((t) => t.kind === kind);
}

export async function restore(id: string): Promise<void> {
    await post("/api/v1/trash/{id}/restore", { path: { id } });
}

/** Says what is gone and offers it back; `after` when it has come back. */
export function sayDeleted(item: TrashItem, after: () => void): void {
    say(`${text.trash.deleted} ${item.name}`, async () => {
        await restore(item.id);
        after();
    });
}

export function TrashList({ of, owner, onRestored }: { of: Resource<TrashItem[]>; owner: (item: TrashItem) => string; onRestored: () => void }) {
    const items = of.value ?? [];
    if (items.length === 0) {
        return null;
    }
    const back = async (item: TrashItem) => {
        try {
            await restore(item.id);
            say(`${text.trash.restored} ${item.name}`);
            onRestored();
        } catch (e) {
            sayError(e);
        }
    };
    return (
        <details class="more trash">
            <summary>
                <Icon name="right" /> {text.trash.title} ({items.length})
            </summary>
            <ul class="plainlist">
                {items.map((t) => (
                    <li key={t.id}>
                        <span>
                            <b>{t.name}</b>
                            <small>
                                {owner(t)}
                                {owner(t) && " · "}
                                {text.trash.at} {when(t.deleted)}, {bytes(t.size_bytes)}
                            </small>
                        </span>
                        <button class="btn btn-outline-secondary" type="button" aria-label={`${text.trash.restore} ${t.name}`} onClick={() => void back(t)}>
                            <Icon name="undo" /> {text.trash.restore}
                        </button>
                    </li>
                ))}
            </ul>
        </details>
    );
}
