// SPDX-License-Identifier: MIT
//
// knob.tsx - one trait's slider: the range solid where it is safe and dotted outside, a notch at 0 that holds a drag but
// never a key, the number beside it. Beyond the safe range nothing is asked; the label says so.
import { useRef } from "preact/hooks";
import { num } from "../base/format";
import { text } from "../text/en";

export interface KnobProps {
    name: string;
    value: number;
    safe: [number, number] | null;
    low: string; // what lies to the left
    high: string;
    measured?: string | undefined;
    unit: string; // "doses"
    disabled?: boolean;
    index?: number | undefined;
    /** `step` false: within a drag. */
    onChange: (value: number, step: boolean) => void;
    onTouch?: () => void;
    /** A drag begins. */
    onBegin?: () => void;
}

const MOST = 2;
const NOTCH = 0.15;
const at = (v: number): string => `${((Math.max(-MOST, Math.min(MOST, v)) + MOST) / (2 * MOST)) * 100}%`;

export function Knob(p: KnobProps) {
    const drag = useRef(false);
    const id = `k-${p.name}`;
    const out = p.safe !== null && (p.value < p.safe[0] - 1e-9 || p.value > p.safe[1] + 1e-9);
    const change = (raw: string, step: boolean) => {
        const v = Number(raw);
        if (Number.isFinite(v)) {
            p.onChange(Math.max(-MOST, Math.min(MOST, v)), step);
        }
    };
    return (
        <div class={`knob ${out ? "out" : ""}`} data-trait={p.name}>
            <div class="knob-head">
                <label for={id}>{p.name}</label>
                <span class="meas">{p.measured}</span>
                <input
                    class="form-control"
                    type="number"
                    min={-MOST}
                    max={MOST}
                    step="0.1"
                    value={String(Number(p.value.toFixed(2)))}
                    disabled={p.disabled}
                    aria-label={`${p.name}, ${p.unit}`}
                    onFocus={p.onTouch}
                    onChange={(e) => change(e.currentTarget.value, true)}
                />
            </div>
            <div class="track">
                <svg aria-hidden="true">
                    <line class="t-out" x1="0" x2="100%" y1="50%" y2="50%" />
                    {p.safe && <line class="t-safe" x1={at(p.safe[0])} x2={at(p.safe[1])} y1="50%" y2="50%" />}
                    <line class={`t-fill ${p.value < 0 ? "n" : ""}`} x1="50%" x2={at(p.value)} y1="50%" y2="50%" />
                    <line class="t-zero" x1="50%" x2="50%" y1="22%" y2="78%" />
                </svg>
                <input
                    id={id}
                    type="range"
                    min={-MOST}
                    max={MOST}
                    step="0.1"
                    value={p.value}
                    disabled={p.disabled}
                    data-knob={p.index}
                    aria-describedby={`f-${p.name}`}
                    aria-valuetext={`${num(p.value)} ${p.unit}${out ? `, ${text.play.outside}` : ""}`}
                    onFocus={p.onTouch}
                    onPointerDown={() => {
                        drag.current = true;
                        p.onBegin?.();
                    }}
                    onPointerUp={() => (drag.current = false)}
                    onPointerCancel={() => (drag.current = false)}
                    onInput={(e) => {
                        const v = Number(e.currentTarget.value);
                        const held = drag.current && Math.abs(v) < NOTCH;
                        if (held) {
                            e.currentTarget.value = "0";
                        }
                        change(held ? "0" : e.currentTarget.value, !drag.current);
                    }}
                    onDblClick={() => p.onChange(0, true)}
                />
            </div>
            <p class="poles" id={`f-${p.name}`}>
                <span>{p.low}</span>
                <b>{p.safe ? `${out ? text.play.outside : text.play.safe} ${num(p.safe[0])} ${text.to} ${num(p.safe[1])}` : text.play.unmeasured}</b>
                <span>{p.high}</span>
            </p>
        </div>
    );
}
