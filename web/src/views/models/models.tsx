// SPDX-License-Identifier: MIT
//
// models.tsx - the view Models and jobs: what the server can load, how another model comes here, and all its work.
import { place } from "../../app/router";
import { text } from "../../text/en";
import { JobDetail } from "./job_detail";
import { JobList } from "./job_list";
import { ModelList } from "./model_list";
import { Pull } from "./pull";

const t = text.models;

export function Models() {
    const job = place.value.query.get("job") ?? place.value.parts[0] ?? null;
    return (
        <main id="main" class="page" tabindex={-1}>
            <h1>{t.title}</h1>
            <section aria-labelledby="h-models" class="mt-5">
                <h2 id="h-models">{t.models}</h2>
                <p class="soft">{t.what}</p>
                <ModelList />
            </section>
            <section aria-labelledby="h-pull">
                <h2 id="h-pull">{t.pull}</h2>
                <Pull />
            </section>
            <section aria-labelledby="h-jobs">
                <h2 id="h-jobs">{t.jobs}</h2>
                <p class="soft">{t.jobsWhat}</p>
                <JobList chosen={job} />
                {job !== null && <JobDetail id={job} key={job} />}
            </section>
        </main>
    );
}
