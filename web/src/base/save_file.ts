// SPDX-License-Identifier: MIT
//
// save_file.ts - gives the reader a file. Through the page and not by a plain link, so that a token goes with the
// request and an error comes back as words.

export function saveFile(name: string, bytes: Blob): void {
    const at = URL.createObjectURL(bytes);
    const a = document.createElement("a");
    a.href = at;
    a.download = name;
    document.body.append(a);
    a.click();
    a.remove();
    setTimeout(() => URL.revokeObjectURL(at), 60_000);
}

export function saveJson(name: string, value: unknown): void {
    saveFile(name, new Blob([`${JSON.stringify(value, null, 2)}\n`], { type: "application/json" }));
}
