// SPDX-License-Identifier: MIT
//
// pad.tsx - two traits at once: to the right the second, upwards the first. The sliders stay below for the keyboard and for
// numbers, so the pad is a pointer's shortcut and nothing that only it can do.
import { useRef } from "preact/hooks";
import { type Reply } from "../../api/client";
import { num } from "../../base/format";
import { text } from "../../text/en";
import { beginStep, setValue, shownNames, valueOf } from "./knobs";
import { vectors } from "./state";

type Pack = Reply<"/api/v1/traits">["traits"][number];
const MOST = 2;
const place = (v: number): number => ((Math.max(-MOST, Math.min(MOST, v)) + MOST) / (2 * MOST)) * 100;

export function Pad({ packs }: { packs: readonly Pack[] }) {
    const box = useRef<SVGSVGElement>(null);
    const drag = useRef(false);
    const [up, right] = shownNames.value;
    if (up === undefined || right === undefined) {
        return null;
    }
    const poles = (name: string) => packs.find((p) => p.name === name);
    const [x, y] = [valueOf(right), valueOf(up)];
    const safe = (name: string): [number, number] => {
        const v = vectors.value.find((w) => w.name === name);
        return [v?.safe_low ?? -MOST, v?.safe_high ?? MOST];
    };
    const [sx, sy] = [safe(right), safe(up)];
    const move = (e: PointerEvent, step: boolean) => {
        const r = box.current!.getBoundingClientRect();
        const to = (share: number) => {
            const v = Math.round((share * 2 * MOST - MOST) * 10) / 10;
            return Math.abs(v) < 0.15 ? 0 : Math.max(-MOST, Math.min(MOST, v));
        };
        if (step) {
            beginStep();
        }
        setValue(right, to((e.clientX - r.left) / r.width), false);
        setValue(up, to(1 - (e.clientY - r.top) / r.height), false);
    };
    return (
        <div class="padbox on">
            <svg
                ref={box}
                class="plot pad"
                role="img"
                aria-label={`${text.play.pad}: ${right} ${num(x)}, ${up} ${num(y)}`}
                onPointerDown={(e) => {
                    drag.current = true;
                    box.current!.setPointerCapture(e.pointerId);
                    move(e, true);
                }}
                onPointerMove={(e) => drag.current && move(e, false)}
                onPointerUp={() => (drag.current = false)}
                onPointerCancel={() => (drag.current = false)}
            >
                <rect class="safe" x={`${place(sx[0])}%`} width={`${place(sx[1]) - place(sx[0])}%`} y={`${100 - place(sy[1])}%`} height={`${place(sy[1]) - place(sy[0])}%`} />
                <line class="zero" x1="50%" x2="50%" y1="0" y2="100%" />
                <line class="zero" x1="0" x2="100%" y1="50%" y2="50%" />
                <circle class="mk" cx={`${place(x)}%`} cy={`${100 - place(y)}%`} r="9" />
                <text x="50%" dx="6" y="14">
                    {poles(up)?.positive ?? up}
                </text>
                <text x="50%" dx="6" y="97%">
                    {poles(up)?.negative ?? ""}
                </text>
                <text x="100%" dx="-6" y="50%" dy="-6" class="e">
                    {poles(right)?.positive ?? right}
                </text>
                <text x="6" y="50%" dy="-6">
                    {poles(right)?.negative ?? ""}
                </text>
            </svg>
        </div>
    );
}

