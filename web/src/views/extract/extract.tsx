// SPDX-License-Identifier: MIT
//
// extract.tsx - the view Extract: the form and what was extracted so far, or one extraction.
import { jobs } from "../../api/live";
import { link, place } from "../../app/router";
import { stateWords } from "../../app/job_words";
import { when } from "../../base/format";
import { Loading } from "../../parts/states";
import { text } from "../../text/en";
import { ExtractForm } from "./form";
import { JobPage } from "./job_page";

const t = text.extract;

function Past() {
    const all = jobs.value?.filter((j) => j.kind === "extract") ?? null;
    return (
        <section aria-labelledby="h-past">
            <h2 id="h-past">{t.past}</h2>
            {all === null && <Loading />}
            {all?.length === 0 && <p class="soft mt-2">{t.pastNone}</p>}
            {all !== null && all.length > 0 && (
                <table class="rows mt-3">
                    <thead>
                        <tr>
                            {t.pastHead.map((h) => (
                                <th scope="col" key={h}>
                                    {h}
                                </th>
                            ))}
                        </tr>
                    </thead>
                    <tbody>
                        {all.map((j) => (
                            <tr key={j.id}>
                                <th scope="row">
                                    <a href={link("extract", [j.id])}>{j.subject ?? j.id}</a>
                                </th>
                                <td>{j.model ?? "–"}</td>
                                <td>{stateWords(j)}</td>
                                <td>{when(j.ended || j.started || j.created)}</td>
                            </tr>
                        ))}
                    </tbody>
                </table>
            )}
        </section>
    );
}

export function Extract() {
    const id = place.value.parts[0];
    if (id !== undefined) {
        return <JobPage id={id} key={id} />;
    }
    return (
        <main id="main" class="page" tabindex={-1}>
            <h1>{text.views.extract}</h1>
            <p class="soft mt-2 mb-4">{t.what}</p>
            <ExtractForm />
            <Past />
        </main>
    );
}
