// SPDX-License-Identifier: MIT
//
// blocks.tsx - one probe at every block and token, blocks upwards as the model computes them. Read again on demand, since
// reading all blocks of every answer while it is written would cost more than it tells.
import { useEffect, useRef, useState } from "preact/hooks";
import { get, wordsOf } from "../../api/client";
import { repaint } from "../../base/repaint";
import { signed } from "../../base/format";
import { colour as resolve } from "../../parts/lines";
import { Failed, Loading } from "../../parts/states";
import { text } from "../../text/en";
import { pick, picked } from "./pick";
import { type BlockReadings, scoreBlocks } from "./score";
import { model } from "./state";
import type { Answer } from "./types";

const STEPS = [0.5, 1, 2, 3];

function paint(canvas: HTMLCanvasElement, r: BlockReadings, n: number): void {
    const [pos, neg] = [resolve("pos-fill"), resolve("neg-fill")];
    canvas.width = Math.max(1, n);
    canvas.height = Math.max(1, r.blocks.length);
    const c = canvas.getContext("2d")!;
    r.z.forEach((row, b) => {
        row.forEach((z, i) => {
            if (z === null) {
                return;
            }
            const level = STEPS.filter((s) => Math.abs(z) >= s).length;
            c.globalAlpha = level / STEPS.length;
            c.fillStyle = z < 0 ? neg : pos;
            c.fillRect(i, r.blocks.length - 1 - b, 1, 1);
        });
    });
}

export function Blocks({ answer, probe }: { answer: Answer; probe: string }) {
    const canvas = useRef<HTMLCanvasElement>(null);
    const [r, setR] = useState<BlockReadings | null>(null);
    const [error, setError] = useState<string | null>(null);
    const writing = answer.state === "writing" || answer.state === "waiting";
    useEffect(() => {
        let gone = false;
        setR(null);
        setError(null);
        if (writing) {
            return;
        }
        (async () => {
            const v = await get("/api/v1/vectors/{model}/{name}", { path: { model: model.value!, name: probe } });
            const layers = (v.layers ?? []).map((l) => l.layer);
            const got = await scoreBlocks(answer, probe, Math.min(...layers), Math.max(...layers));
            if (!gone) {
                setR(got);
            }
        })().catch((e: unknown) => !gone && setError(wordsOf(e)));
        return () => {
            gone = true;
        };
    }, [answer, probe, writing]);
    useEffect(() => {
        if (r && canvas.current) {
            paint(canvas.current, r, answer.tokens.length);
        }
    }, [r, repaint.value]);
    if (error !== null) {
        return <Failed error={error} />;
    }
    if (r === null) {
        return writing ? <p class="soft small py-3">{text.play.blocksLater}</p> : <Loading lines={3} />;
    }
    const at = picked.value?.answer === answer ? picked.value.i : answer.tokens.length - 1;
    const best = r.z.reduce((b, row, k) => (Math.abs(row[at] ?? 0) > Math.abs(r.z[b]?.[at] ?? 0) ? k : b), 0);
    return (
        <div class="blockmap">
            <span class="ends" aria-hidden="true">
                <b>{r.blocks[r.blocks.length - 1]}</b>
                <b>{r.blocks[0]}</b>
            </span>
            <canvas
                ref={canvas}
                role="img"
                aria-label={text.play.blockMap(probe, r.blocks.length, answer.tokens.length)}
                onClick={(e) => {
                    const box = e.currentTarget.getBoundingClientRect();
                    pick(answer, Math.floor(((e.clientX - box.left) / box.width) * answer.tokens.length));
                }}
            />
            <p class="soft small m-0">{text.play.strongest(at + 1, r.blocks[best]!, signed(r.z[best]?.[at]))}</p>
        </div>
    );
}
