// SPDX-License-Identifier: MIT
//
// en.ts - every English sentence of the page, by room. Another language is another file with the same members.
// Sentence case, no full stops on labels, plain words: "kept", "carried over", "measured", "one dose".

export const text = {
    to: "to",
    views: {
        play: "Playground",
        extract: "Extract",
        transfer: "Transfer",
        vectors: "Vectors",
        traits: "Traits",
        sweeps: "Sweeps",
        monitor: "Monitor",
        models: "Models",
        keys: "Keys",
    },
    bar: { views: "Views", skip: "Skip to the content" },
    theme: { system: "Theme: as the system", light: "Theme: light", dark: "Theme: dark" },
    palette: {
        title: "Search and commands",
        hint: "Where to, or what to do",
        none: "Nothing of that name",
        ask: "Ask",
        theme: "Change the theme",
    },
    keys: {
        single: "Single letters act while no field has the focus",
        everywhere: "Everywhere",
        go: "Go to",
        play: [] as { keys: string; does: string }[],
    },
    key: {
        title: "This server wants a token",
        why: "Whoever started it has set one (--keys, or PERSONA_API_KEY). It is kept in this tab only and sent in a header.",
        label: "Token",
        go: "Go on",
    },
    offline: {
        title: "The server is away.",
        what: "The page waits for it and goes on when it is back; nothing that you wrote is lost.",
        none: "The server gives no answer",
    },
    states: { loading: "Loading", retry: "Try again", broken: "This view has failed:" },
    toast: { undo: "Undo", close: "Close" },
    jobs: {
        title: "Jobs",
        one: "job",
        many: "jobs",
        none: "None yet. Extract, Transfer and Sweeps start one.",
        left: "left",
        place: (n: number) => (n > 1 ? `waiting, number ${n}` : "waiting"),
        kinds: { extract: "Extract", transfer: "Transfer", sweep: "Sweep", screen: "Screen" },
        states: { queued: "waiting", running: "running", done: "done", failed: "failed", canceled: "stopped" },
    },
    upload: { hint: "Drop a file here, or choose one", busy: "Sending" },
    models: {},
    play: {},
    extract: {},
    transfer: {},
    vectors: {},
    traits: {},
    sweeps: {},
    monitor: {},
};
