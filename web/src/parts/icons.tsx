// SPDX-License-Identifier: MIT
//
// icons.tsx - the few drawings of the page, on a grid of 18; always beside or instead of words that a screen reader has.
const DRAWN = {
    down: "m4.5 7 4.5 4.5L13.5 7",
    up: "m4.5 11 4.5-4.5 4.5 4.5",
    right: "m7 4.5 4.5 4.5L7 13.5",
    left: "M11 4.5 6.5 9l4.5 4.5",
    arrow: "M2.5 9h13m-4.5-4.5L15.5 9 11 13.5",
    undo: "M6 3 3 6l3 3M3 6h7a4 4 0 0 1 0 8.5H6.5",
    redo: "m12 3 3 3-3 3m3-3H8a4 4 0 0 0 0 8.5h3.5",
    search: "M12.75 8a4.75 4.75 0 1 1-9.5 0 4.75 4.75 0 0 1 9.5 0Zm-1.05 3.7 3.5 3.5",
    moon: "M15 10.8A6.5 6.5 0 1 1 7.2 3a5 5 0 0 0 7.8 7.8Z",
    menu: "M2.5 5h13M2.5 9h13M2.5 13h13",
    x: "m4.5 4.5 9 9m0-9-9 9",
    check: "m3.5 9.5 3.5 3.5 7.5-8",
    plus: "M9 3.5v11M3.5 9h11",
    stop: "M5 5h8v8H5Z",
    again: "M14.5 7.5A6 6 0 1 0 15 10m0-6.5v4h-4",
    branch: "M6.75 4a1.75 1.75 0 1 1-3.5 0 1.75 1.75 0 0 1 3.5 0Zm0 10a1.75 1.75 0 1 1-3.5 0 1.75 1.75 0 0 1 3.5 0Zm8-8a1.75 1.75 0 1 1-3.5 0 1.75 1.75 0 0 1 3.5 0ZM5 5.75v6.5M13 7.75C13 11 5 9 5 12",
    share: "M9 11V2.5m0 0L5.8 5.7M9 2.5l3.2 3.2M3.5 9.5v5h11v-5",
    pin: "M6 2.5h6l-.7 5L14 10H4l2.7-2.5L6 2.5ZM9 10v5.5",
    more: "M4 9h.01M9 9h.01M14 9h.01",
    warn: "M9 2.8 16 15H2L9 2.8ZM9 7.5v3.5m0 2.2v.01",
    file: "M9 2.5V11m0 0L5.8 7.8M9 11l3.2-3.2M3.5 11v3.5h11V11",
    edit: "m3 15 .8-3.4L12 3.4l2.6 2.6-8.2 8.2L3 15Z",
    trash: "M3.5 5h11M7 5V3h4v2m-6 0 .7 10h6.6L13 5",
    play: "m6 3.5 8 5.5-8 5.5v-11Z",
} as const;
export type IconName = keyof typeof DRAWN;

export function Icon({ name, class: extra = "" }: { name: IconName; class?: string }) {
    return (
        <svg class={`i ${extra}`} viewBox="0 0 18 18" aria-hidden="true" focusable="false">
            <path d={DRAWN[name]} fill={name === "stop" || name === "play" ? "currentColor" : undefined} stroke-width={name === "more" ? 2.6 : undefined} />
        </svg>
    );
}
