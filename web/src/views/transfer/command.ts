// SPDX-License-Identifier: MIT
//
// command.ts - a transfer on the command line.
import { optionsOf, quoted } from "../../base/command";

/** Models of the server are files of the same name. null: what was asked has no option on the command line. */
export function commandOf(request: Record<string, unknown>): string | null {
    const { from, to, trait, evaluate, all_controls, ...rest } = request;
    if (all_controls === false || rest["vector"] !== undefined) {
        return null;
    }
    const models = `--from ${quoted(`models/${String(from)}.gguf`)} --to ${quoted(`models/${String(to)}.gguf`)}`;
    return `persona transfer ${models} --trait ${quoted(String(trait))}${optionsOf(rest, {})}${evaluate === false ? " --no-evaluate" : ""}`;
}
