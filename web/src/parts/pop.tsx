// SPDX-License-Identifier: MIT
//
// pop.tsx - a native <details> as a popover: closed by a click elsewhere, by Escape, and when a link in it is followed.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

export interface PopProps {
    summary: ComponentChildren;
    label?: string;
    class?: string;
    button?: string; // classes of the summary
    end?: boolean; // opens from its right edge
    children: ComponentChildren;
}

export function Pop({ summary, label, class: extra = "", button = "btn btn-quiet", end = false, children }: PopProps) {
    const ref = useRef<HTMLDetailsElement>(null);
    useEffect(() => {
        const d = ref.current!;
        const shut = (focus: boolean) => {
            if (d.open) {
                d.open = false;
                if (focus) {
                    d.querySelector("summary")?.focus();
                }
            }
        };
        const click = (e: MouseEvent) => {
            const at = e.target as Element;
            if (!d.contains(at) || at.closest("a.opt, button.opt")) {
                shut(false);
            }
        };
        const key = (e: KeyboardEvent) => {
            if (e.key === "Escape" && d.open) {
                e.stopPropagation();
                shut(d.contains(document.activeElement));
            }
        };
        addEventListener("click", click);
        addEventListener("keydown", key, true);
        return () => {
            removeEventListener("click", click);
            removeEventListener("keydown", key, true);
        };
    }, []);
    return (
        <details ref={ref} class={`pop ${end ? "end" : ""} ${extra}`}>
            <summary class={button} aria-label={label}>
                {summary}
            </summary>
            <div class="sheet">{children}</div>
        </details>
    );
}
