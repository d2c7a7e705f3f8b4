// SPDX-License-Identifier: MIT
//
// csv.ts - a table as RFC 4180 wants it. Numbers keep all their digits; what is not known is empty. A text that a
// spreadsheet would take for a formula gets a quote in front.

export type CsvValue = string | number | boolean | null | undefined;

function cell(v: CsvValue): string {
    if (v === null || v === undefined || (typeof v === "number" && !Number.isFinite(v))) {
        return "";
    }
    const s = typeof v === "string" && /^[=+\-@\t\r]/.test(v) ? `'${v}` : String(v);
    return /[",\r\n]/.test(s) ? `"${s.replace(/"/g, '""')}"` : s;
}

export function csv(columns: readonly string[], rows: readonly (readonly CsvValue[])[]): string {
    return [columns, ...rows].map((r) => `${r.map(cell).join(",")}\r\n`).join("");
}
