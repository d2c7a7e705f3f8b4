// SPDX-License-Identifier: MIT
//
// verdict.tsx - PASS and FAIL as words and shapes: solid with a tick, dashed with a cross; never red and green.
import { Icon } from "./icons";

export function Verdict({ verdict }: { verdict: string }) {
    const pass = verdict === "PASS";
    return (
        <span class={`verdict ${pass ? "pass" : "fail"}`}>
            <Icon name={pass ? "check" : "x"} />
            {verdict}
        </span>
    );
}
