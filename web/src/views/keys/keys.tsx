// SPDX-License-Identifier: MIT
//
// keys.tsx - the page of keys: what acts now, and the switch for single letters.
import { registered, setSingleKeys, singleKeys } from "../../app/keys";
import { text } from "../../text/en";

/** Keys of views that are not shown now. */
const ELSEWHERE: readonly { keys: string; does: string }[] = text.keys.play;

export function Keys() {
    const row = (k: { keys: string; does: string }) => (
        <tr key={k.keys}>
            <th scope="row">
                {k.keys.split(" ").map((part) => (
                    <>
                        <kbd>{part}</kbd>{" "}
                    </>
                ))}
            </th>
            <td>{k.does}</td>
        </tr>
    );
    return (
        <main id="main" class="page" tabindex={-1}>
            <h1>{text.views.keys}</h1>
            <div class="form-check form-switch my-4">
                <input id="single" class="form-check-input" type="checkbox" role="switch" checked={singleKeys.value} onChange={(e) => setSingleKeys(e.currentTarget.checked)} />
                <label class="form-check-label" for="single">
                    {text.keys.single}
                </label>
            </div>
            <h2 class="mt-4">{text.keys.everywhere}</h2>
            <table class="keylist">
                <tbody>{registered.value.map(row)}</tbody>
            </table>
            <h2 class="mt-5">{text.views.play}</h2>
            <table class="keylist">
                <tbody>{ELSEWHERE.map(row)}</tbody>
            </table>
        </main>
    );
}
