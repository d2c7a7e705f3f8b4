// SPDX-License-Identifier: MIT
//
// job_log.tsx - what happened to a job, folded: each line with its time.
import { when } from "../base/format";
import { text } from "../text/en";
import { Icon } from "./icons";
import type { JobWhole } from "./job_live";

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const today = (at: number) => new Date(at * 1000).toDateString() === new Date().toDateString();

function At({ epoch }: { epoch: number }) {
    const d = new Date(epoch * 1000);
    return Number.isNaN(d.getTime()) ? <>–</> : <time dateTime={d.toISOString()}>{today(epoch) ? clock.format(d) : when(epoch)}</time>;
}

export function JobLog({ job, open = false }: { job: JobWhole; open?: boolean }) {
    const log = job.log ?? [];
    return (
        <section class="half" aria-label={text.jobs.log}>
            <details class="more" open={open}>
                <summary>
                    <Icon name="right" />
                    {text.jobs.log}
                </summary>
                <div class="wide">
                    {log.length === 0 ? (
                        <p>{text.jobs.logNone}</p>
                    ) : (
                        <ol class="log">
                            {log.map((l, i) => (
                                <li key={i}>
                                    <At epoch={l.at} /> {l.words}
                                </li>
                            ))}
                        </ol>
                    )}
                </div>
            </details>
        </section>
    );
}
