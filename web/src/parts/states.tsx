// SPDX-License-Identifier: MIT
//
// states.tsx - empty, loading, failed: each says what it is and what to do. Loading reserves the space of what comes.
import type { ComponentChildren } from "preact";
import type { Resource } from "../api/resource";
import { text } from "../text/en";
import { Icon } from "./icons";

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
    return (
        <div class="empty">
            <b>{title}</b>
            {children}
        </div>
    );
}

export function Loading({ lines = 4, label = text.states.loading }: { lines?: number; label?: string }) {
    return (
        <div class="skel" role="status" aria-label={label}>
            {Array.from({ length: lines }, (_, i) => (
                <i key={i} />
            ))}
        </div>
    );
}

export function Failed({ error, retry }: { error: string; retry?: () => void }) {
    return (
        <div class="banner" role="alert">
            <Icon name="warn" />
            <span>{error}</span>
            {retry && (
                <button class="btn btn-outline-secondary" type="button" onClick={retry}>
                    {text.states.retry}
                </button>
            )}
        </div>
    );
}

/** A resource in whatever state it is; `children` gets the value. An old value stays under an error. */
export function Shown<T>({ of, lines, children }: { of: Resource<T>; lines?: number; children: (value: T) => ComponentChildren }) {
    return (
        <>
            {of.error !== null && <Failed error={of.error} retry={of.reload} />}
            {of.value !== null ? children(of.value) : of.error === null && <Loading {...(lines ? { lines } : {})} />}
        </>
    );
}
