// SPDX-License-Identifier: MIT
//
// replace.ts - writes a vector under a name, also where there is one: that one goes to the trash first, so that Undo
// can bring it back; and it comes back by itself if the new one is refused.
import { remove } from "../../api/client";
import { say } from "../../app/toast";
import { restore } from "../../app/trash";

export interface Target {
    model: string; // id or shelf
    name: string;
}

export async function writeOver(at: Target, write: () => Promise<unknown>, words: string, after: () => void): Promise<void> {
    const old = (await remove("/api/v1/vectors/{model}/{name}", { path: { ...at } })).trash;
    try {
        await write();
    } catch (e) {
        await restore(old.id);
        throw e;
    }
    after();
    say(words, async () => {
        await remove("/api/v1/vectors/{model}/{name}", { path: { ...at } });
        await restore(old.id);
        after();
    });
}

/** After a vector was written where there was none: Undo takes it away again. */
export function sayWritten(at: Target, words: string, after: () => void): void {
    after();
    say(words, async () => {
        await remove("/api/v1/vectors/{model}/{name}", { path: { ...at } });
        after();
    });
}
