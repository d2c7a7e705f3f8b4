// SPDX-License-Identifier: MIT
//
// transfer.tsx - #/transfer: a new one and those that were made; #/transfer/JOB: one of them.
import { place } from "../../app/router";
import { text } from "../../text/en";
import { TransferForm } from "./form";
import { TransferJob } from "./job";
import { Past } from "./past";

export function Transfer() {
    const id = place.value.parts[0];
    if (id !== undefined) {
        return <TransferJob key={id} id={id} />;
    }
    return (
        <main id="main" class="page" tabindex={-1}>
            <h1>{text.transfer.title}</h1>
            <p class="lead mt-3">{text.transfer.lead}</p>
            <section aria-labelledby="h-new">
                <h2 id="h-new">{text.transfer.new}</h2>
                <TransferForm />
            </section>
            <Past />
        </main>
    );
}
