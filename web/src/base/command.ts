// SPDX-License-Identifier: MIT
//
// command.ts - requests as commands that repeat them: options of the program, and curl on a server.

export function quoted(s: string): string {
    return /^[\w@%+=:,./-]+$/.test(s) ? s : `'${s.replace(/'/g, `'\\''`)}'`;
}

/** Options of a command from the members of a request; `own` names those that are called otherwise. "" leaves one out. */
export function optionsOf(request: object, own: Record<string, string>): string {
    return Object.entries(request)
        .filter(([k, v]) => own[k] !== "" && v !== null && typeof v !== "boolean")
        .map(([k, v]) => ` --${own[k] ?? k.replace(/_/g, "-")}=${quoted(Array.isArray(v) ? v.join(",") : String(v))}`)
        .join("");
}

export function curlOf(kind: string, request: object): string {
    return `curl -sSf ${location.origin}/api/v1/jobs/${kind} -H 'Content-Type: application/json' -d ${quoted(JSON.stringify(request))}`;
}
